"""Messages that reached patients, by month and channel

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0722
Revises: 2026_11_22_0720
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big

revision = '2026_11_22_0722'
down_revision = '2026_11_22_0720'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('reach_month',
    sa.Column('id', big(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('channel', sa.String(32), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('first_id', big(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reach_month')),
    sa.UniqueConstraint('month', 'channel', name=op.f('uq_reach_month_month_channel'))
    )


def downgrade() -> None:
    op.drop_table('reach_month')
