"""The gates of routes, and how much goes by each

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0701
Revises: 2026_11_22_0700
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant, platform_id

revision = '2026_11_22_0701'
down_revision = '2026_11_22_0700'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('route_gate',
    sa.Column('channel', sa.String(32), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('closed', sa.String(32), nullable=True),
    sa.Column('closed_at', instant(), nullable=True),
    sa.Column('until', instant(), nullable=True),
    sa.PrimaryKeyConstraint('channel', 'app_key', name=op.f('pk_route_gate'))
    )
    op.create_table('route_minute',
    sa.Column('channel', sa.String(32), nullable=False),
    sa.Column('app_key', platform_id(32), nullable=False),
    sa.Column('minute', instant(), nullable=False),
    sa.Column('called', sa.Integer(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('channel', 'app_key', 'minute', name=op.f('pk_route_minute'))
    )
    op.create_table('member_minute',
    sa.Column('recipient_key', platform_id(96), nullable=False),
    sa.Column('minute', instant(), nullable=False),
    sa.Column('called', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('recipient_key', 'minute', name=op.f('pk_member_minute'))
    )


def downgrade() -> None:
    op.drop_table('member_minute')
    op.drop_table('route_minute')
    op.drop_table('route_gate')
