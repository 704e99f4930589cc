"""What a merge did to each row

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0342
Revises: 2026_11_22_0341
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0342'
down_revision = '2026_11_22_0341'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('record_move', schema=None) as batch_op:
        batch_op.add_column(sa.Column('deed', sa.String(32), nullable=False, server_default='moved'))


def downgrade() -> None:
    with op.batch_alter_table('record_move', schema=None) as batch_op:
        batch_op.drop_column('deed')
