"""When the condition of a task is looked at next

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0602
Revises: 2026_11_22_0601
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0602'
down_revision = '2026_11_22_0601'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.add_column(sa.Column('judge_at', instant(), nullable=True))
        batch_op.create_index(
            batch_op.f('ix_task_status_judge_at'), ['status', 'judge_at'], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table('task', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_task_status_judge_at'))
        batch_op.drop_column('judge_at')
