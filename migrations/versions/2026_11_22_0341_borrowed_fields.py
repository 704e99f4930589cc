"""Which fields of a patient a retired record lends

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0341
Revises: 2026_11_22_0340
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0341'
down_revision = '2026_11_22_0340'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.add_column(sa.Column('borrowed', sa.JSON(), nullable=False, server_default=sa.text("('[]')")))


def downgrade() -> None:
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.drop_column('borrowed')
