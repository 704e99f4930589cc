"""When a WeChat user last wrote to us

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0721
Revises: 2026_11_22_0720
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0721'
down_revision = '2026_11_22_0720'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('wechat_account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('spoke_at', instant(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('wechat_account', schema=None) as batch_op:
        batch_op.drop_column('spoke_at')
