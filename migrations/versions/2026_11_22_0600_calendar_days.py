"""The hospital's days off and the weekend days worked instead

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0600
Revises: 2026_11_22_0581
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant, text

revision = '2026_11_22_0600'
down_revision = '2026_11_22_0581'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('calendar_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('is_worked', sa.Boolean(), nullable=False),
    sa.Column('name', text(255), nullable=False),
    sa.Column('source', text(255), nullable=False),
    sa.Column('loaded_at', instant(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_calendar_day'))
    )


def downgrade() -> None:
    op.drop_table('calendar_day')
