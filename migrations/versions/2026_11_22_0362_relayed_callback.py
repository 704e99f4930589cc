"""Where the relay of the outer zone hands in callbacks

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0362
Revises: 2026_11_22_0361
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0362'
down_revision = '2026_11_22_0361'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('relayed_callback',
    sa.Column('id', big(), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('delivery_key', digest(), nullable=False),
    sa.Column('push_sealed', sealed(), nullable=False),
    sa.Column('received_at', instant(), nullable=False),
    sa.Column('taken_at', instant(), nullable=True),
    sa.Column('outcome', text(255), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_relayed_callback')),
    sa.UniqueConstraint('delivery_key', name=op.f('uq_relayed_callback_delivery_key'))
    )
    op.create_index(op.f('ix_relayed_callback_taken_at_id'), 'relayed_callback', ['taken_at', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('relayed_callback')
