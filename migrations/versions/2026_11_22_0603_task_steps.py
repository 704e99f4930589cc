"""What was decided about a task, and why

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0603
Revises: 2026_11_22_0602
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, sealed, text

revision = '2026_11_22_0603'
down_revision = '2026_11_22_0602'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('task_step',
    sa.Column('id', big(), nullable=False),
    sa.Column('public_id', platform_id(32), nullable=False),
    sa.Column('task_id', big(), nullable=False),
    sa.Column('status', sa.String(length=32), nullable=False),
    sa.Column('status_reason', text(255), nullable=True),
    sa.Column('explanation_sealed', sealed(), nullable=True),
    sa.Column('at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['task_id'], ['task.id'], name=op.f('fk_task_step_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_step')),
    sa.UniqueConstraint('public_id', name=op.f('uq_task_step_public_id'))
    )
    op.create_index(op.f('ix_task_step_task_id_at'), 'task_step', ['task_id', 'at'], unique=False)


def downgrade() -> None:
    op.drop_table('task_step')
