"""From what each action of a plan counts

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0601
Revises: 2026_11_22_0600
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import platform_id

revision = '2026_11_22_0601'
down_revision = '2026_11_22_0600'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Until now every action counted from the anchor of its plan.
    with op.batch_alter_table('plan_action', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('basis', platform_id(32), nullable=False, server_default='anchor')
        )
    with op.batch_alter_table('plan_action', schema=None) as batch_op:
        batch_op.alter_column(
            'basis', existing_type=platform_id(32), existing_nullable=False, server_default=None
        )


def downgrade() -> None:
    with op.batch_alter_table('plan_action', schema=None) as batch_op:
        batch_op.drop_column('basis')
