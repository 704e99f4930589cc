"""What people changed of plans' actions

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0606
Revises: 2026_11_22_0605
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0606'
down_revision = '2026_11_22_0605'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('action_change',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('scope', sa.String(length=32), nullable=False),
    sa.Column('department_code', text(255), nullable=True),
    sa.Column('patient_id', big(), nullable=True),
    sa.Column('plan_key', platform_id(64), nullable=False),
    sa.Column('action_key', platform_id(64), nullable=False),
    sa.Column('slot', platform_id(128), nullable=True),
    sa.Column('change_sealed', sealed(), nullable=False),
    sa.Column('reason_sealed', sealed(), nullable=False),
    sa.Column('author_id', big(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('expires_at', instant(), nullable=True),
    sa.Column('ended_at', instant(), nullable=True),
    sa.Column('ended_by_id', big(), nullable=True),
    sa.ForeignKeyConstraint(
        ['author_id'], ['practitioner.id'], name=op.f('fk_action_change_author_id')
    ),
    sa.ForeignKeyConstraint(
        ['ended_by_id'], ['practitioner.id'], name=op.f('fk_action_change_ended_by_id')
    ),
    sa.ForeignKeyConstraint(
        ['patient_id'], ['patient.id'], name=op.f('fk_action_change_patient_id')
    ),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_action_change')),
    sa.UniqueConstraint('public_id', name=op.f('uq_action_change_public_id'))
    )
    op.create_index(
        op.f('ix_action_change_patient_id_plan_key'), 'action_change', ['patient_id', 'plan_key']
    )
    op.create_index(op.f('ix_action_change_plan_key_scope'), 'action_change', ['plan_key', 'scope'])


def downgrade() -> None:
    op.drop_table('action_change')
