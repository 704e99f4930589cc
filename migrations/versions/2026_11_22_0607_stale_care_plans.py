"""Since when the tasks of a plan may be others than it asks for

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0607
Revises: 2026_11_22_0606
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0607'
down_revision = '2026_11_22_0606'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.add_column(sa.Column('stale_since', instant(), nullable=True))
        batch_op.create_index(
            batch_op.f('ix_care_plan_stale_since'), ['stale_since'], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_care_plan_stale_since'))
        batch_op.drop_column('stale_since')
