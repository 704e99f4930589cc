"""What is read again after a source's word was given a meaning

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0440
Revises: 2026_11_22_0430
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant

revision = '2026_11_22_0440'
down_revision = '2026_11_22_0430'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('term_rereading',
    sa.Column('id', big(), nullable=False),
    sa.Column('term_id', big(), nullable=False),
    sa.Column('position', big(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('created_at', instant(), nullable=False),
    sa.Column('finished_at', instant(), nullable=True),
    sa.ForeignKeyConstraint(['term_id'], ['unmapped_term.id'], name=op.f('fk_term_rereading_term_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_term_rereading'))
    )
    op.create_index(op.f('ix_term_rereading_finished_at'), 'term_rereading', ['finished_at'], unique=False)
    op.create_index(op.f('ix_term_rereading_term_id'), 'term_rereading', ['term_id'], unique=False)


def downgrade() -> None:
    op.drop_table('term_rereading')
