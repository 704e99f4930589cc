"""Why and when a plan rests, and why it ended

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0631
Revises: 2026_11_22_0630
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0631'
down_revision = '2026_11_22_0630'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.add_column(sa.Column('hold_reason', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('hold_begins_on', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('hold_ends_on', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('end_reason', sa.String(32), nullable=True))
        batch_op.create_index(batch_op.f('ix_care_plan_hold_begins_on'), ['hold_begins_on'], unique=False)
        batch_op.create_index(batch_op.f('ix_care_plan_hold_ends_on'), ['hold_ends_on'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_care_plan_hold_ends_on'))
        batch_op.drop_index(batch_op.f('ix_care_plan_hold_begins_on'))
        batch_op.drop_column('end_reason')
        batch_op.drop_column('hold_ends_on')
        batch_op.drop_column('hold_begins_on')
        batch_op.drop_column('hold_reason')
