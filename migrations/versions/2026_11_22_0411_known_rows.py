"""Each row of a source as we last saw it

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0411
Revises: 2026_11_22_0410
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant

revision = '2026_11_22_0411'
down_revision = '2026_11_22_0410'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('known_row',
    sa.Column('id', big(), nullable=False),
    sa.Column('feed_id', big(), nullable=False),
    sa.Column('key_digest', digest(), nullable=False),
    sa.Column('row_digest', digest(), nullable=True),
    sa.Column('updated_at', instant(), nullable=True),
    sa.Column('recorded_at', instant(), nullable=False),
    sa.Column('life', sa.Integer(), nullable=False),
    sa.Column('inbound_id', big(), nullable=True),
    sa.ForeignKeyConstraint(['feed_id'], ['table_feed.id'], name=op.f('fk_known_row_feed_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_row')),
    sa.UniqueConstraint('feed_id', 'key_digest', name=op.f('uq_known_row_feed_id_key_digest'))
    )
    op.create_index(op.f('ix_known_row_feed_id_id'), 'known_row', ['feed_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('known_row')
