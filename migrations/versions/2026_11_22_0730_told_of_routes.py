"""What the operators were told of each route

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0730
Revises: 2026_11_22_0722
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0730'
down_revision = '2026_11_22_0722'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('route_gate', schema=None) as batch_op:
        batch_op.add_column(sa.Column('told', sa.String(32), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('route_gate', schema=None) as batch_op:
        batch_op.drop_column('told')
