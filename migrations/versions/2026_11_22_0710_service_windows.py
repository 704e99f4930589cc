"""When a person may be written to as the customer service

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0710
Revises: 2026_11_22_0701
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant

revision = '2026_11_22_0710'
down_revision = '2026_11_22_0701'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('service_window',
    sa.Column('id', big(), nullable=False),
    sa.Column('account_id', big(), nullable=False),
    sa.Column('opener', sa.String(32), nullable=False),
    sa.Column('opened_at', instant(), nullable=False),
    sa.Column('closes_at', instant(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['wechat_account.id'], name=op.f('fk_service_window_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_window')),
    sa.UniqueConstraint('account_id', 'opener', name=op.f('uq_service_window_account_id_opener'))
    )


def downgrade() -> None:
    op.drop_table('service_window')
