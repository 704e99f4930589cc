"""Drop what a pack said of a tag: its columns have it

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0514
Revises: 2026_11_22_0513
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import text

revision = '2026_11_22_0514'
down_revision = '2026_11_22_0513'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.drop_column('definition')


def downgrade() -> None:
    with op.batch_alter_table('tag', schema=None) as batch_op:
        batch_op.add_column(sa.Column('definition', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))
