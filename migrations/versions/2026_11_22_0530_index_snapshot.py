"""Snapshots of the index of segments

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0530
Revises: 2026_11_22_0520
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, digest, instant, sealed

revision = '2026_11_22_0530'
down_revision = '2026_11_22_0520'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('segment_index_snapshot',
    sa.Column('id', big(), nullable=False),
    sa.Column('format', sa.Integer(), nullable=False),
    sa.Column('mark', digest(), nullable=False),
    sa.Column('position', big(), nullable=False),
    sa.Column('gaps', sa.JSON(), nullable=False),
    sa.Column('patients', sa.Integer(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('digest', digest(), nullable=False),
    sa.Column('saved_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment_index_snapshot'))
    )
    op.create_table('segment_index_chunk',
    sa.Column('id', big(), nullable=False),
    sa.Column('snapshot_id', big(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('body', sealed(), nullable=False),
    sa.ForeignKeyConstraint(['snapshot_id'], ['segment_index_snapshot.id'], name=op.f('fk_segment_index_chunk_snapshot_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_segment_index_chunk')),
    sa.UniqueConstraint('snapshot_id', 'number', name=op.f('uq_segment_index_chunk_snapshot_id_number'))
    )


def downgrade() -> None:
    op.drop_table('segment_index_chunk')
    op.drop_table('segment_index_snapshot')
