"""What operators do to the sending of messages

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0731
Revises: 2026_11_22_0730
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed

revision = '2026_11_22_0731'
down_revision = '2026_11_22_0730'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('sending_deed',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('channel', sa.String(32), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('communication_id', big(), nullable=True),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('practitioner_id', big(), nullable=True),
    sa.Column('why_sealed', sealed(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['communication_id'], ['communication.id'], name=op.f('fk_sending_deed_communication_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_sending_deed_practitioner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sending_deed')),
    sa.UniqueConstraint('public_id', name=op.f('uq_sending_deed_public_id'))
    )
    op.create_index(op.f('ix_sending_deed_channel_app_key_id'), 'sending_deed', ['channel', 'app_key', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('sending_deed')
