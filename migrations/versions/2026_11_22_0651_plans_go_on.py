"""From when a plan asks again after a rest

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0651
Revises: 2026_11_22_0650
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0651'
down_revision = '2026_11_22_0650'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.add_column(sa.Column('asks_from', instant(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_column('asks_from')
