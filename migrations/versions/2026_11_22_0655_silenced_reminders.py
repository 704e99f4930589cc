"""When a task would have been reminded of, had nobody kept still

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0655
Revises: 2026_11_22_0652
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0655'
down_revision = '2026_11_22_0652'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.add_column(sa.Column('silenced_remind_at', instant(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_column('silenced_remind_at')
