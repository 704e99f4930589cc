"""Slots between being computed and being joined to plans

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0604
Revises: 2026_11_22_0603
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import big, instant, platform_id, text

revision = '2026_11_22_0604'
down_revision = '2026_11_22_0603'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('plan_slot',
    sa.Column('batch', platform_id(32), nullable=False),
    sa.Column('plan_definition_id', big(), nullable=False, autoincrement=False),
    sa.Column('anchor_on', sa.Date(), nullable=False),
    sa.Column('care_team_id', big(), nullable=False, autoincrement=False),
    sa.Column('since', instant(), nullable=False),
    sa.Column('slot', platform_id(128), nullable=False),
    sa.Column('plan_action_id', big(), nullable=False),
    sa.Column('owner', sa.String(length=32), nullable=False),
    sa.Column('kind', text(255), nullable=False),
    sa.Column('code', platform_id(64), nullable=True),
    sa.Column('subject', platform_id(64), nullable=True),
    sa.Column('title', text(255), nullable=False),
    sa.Column('status_reason', text(255), nullable=False),
    sa.Column('starts_at', instant(), nullable=False),
    sa.Column('due_at', instant(), nullable=False),
    sa.Column('ends_at', instant(), nullable=False),
    sa.Column('judge_at', instant(), nullable=True),
    sa.Column('remind_at', instant(), nullable=True),
    sa.PrimaryKeyConstraint(
        'batch', 'plan_definition_id', 'anchor_on', 'care_team_id', 'since', 'slot',
        name=op.f('pk_plan_slot')
    )
    )


def downgrade() -> None:
    op.drop_table('plan_slot')
