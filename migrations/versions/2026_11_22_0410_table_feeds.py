"""How far each table of a source was read

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0410
Revises: 2026_11_22_0363
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, platform_id, sealed, text

revision = '2026_11_22_0410'
down_revision = '2026_11_22_0363'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('table_feed',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('source', platform_id(64), nullable=False),
    sa.Column('name', platform_id(64), nullable=False),
    sa.Column('watermark_at', instant(), nullable=True),
    sa.Column('began_at', instant(), nullable=True),
    sa.Column('position_sealed', sealed(), nullable=True),
    sa.Column('highest_at', instant(), nullable=True),
    sa.Column('holder', platform_id(32), nullable=True),
    sa.Column('held_until', instant(), nullable=True),
    sa.Column('synced_at', instant(), nullable=True),
    sa.Column('reconciled_at', instant(), nullable=True),
    sa.Column('vanished', sa.Integer(), nullable=False),
    sa.Column('halt', text(255), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_table_feed')),
    sa.UniqueConstraint('public_id', name=op.f('uq_table_feed_public_id')),
    sa.UniqueConstraint('source', 'name', name=op.f('uq_table_feed_source_name'))
    )


def downgrade() -> None:
    op.drop_table('table_feed')
