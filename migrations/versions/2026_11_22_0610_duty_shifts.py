"""Duty roster

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0610
Revises: 2026_11_22_0581
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id

revision = '2026_11_22_0610'
down_revision = '2026_11_22_0607'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('duty_shift',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('care_team_id', big(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=False),
    sa.Column('responder', sa.String(32), nullable=False),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=False),
    sa.Column('cancelled_at', instant(), nullable=True),
    sa.Column('created_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['care_team_id'], ['care_team.id'], name=op.f('fk_duty_shift_care_team_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_duty_shift_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_duty_shift')),
    sa.UniqueConstraint('public_id', name=op.f('uq_duty_shift_public_id'))
    )
    with op.batch_alter_table('duty_shift', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_duty_shift_care_team_id_ends_at'), ['care_team_id', 'ends_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_duty_shift_practitioner_id'), ['practitioner_id'], unique=False)


def downgrade() -> None:
    op.drop_table('duty_shift')
