"""Find plans by what they share, and those that run short

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0605
Revises: 2026_11_22_0604
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0605'
down_revision = '2026_11_22_0604'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f('ix_care_plan_plan_definition_id_anchor_on'),
            ['plan_definition_id', 'anchor_on'],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f('ix_care_plan_is_open_status_expanded_until'),
            ['is_open', 'status', 'expanded_until'],
            unique=False,
        )
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_care_plan_plan_definition_id'))
        batch_op.drop_index(batch_op.f('ix_care_plan_is_open_expanded_until'))


def downgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f('ix_care_plan_plan_definition_id'), ['plan_definition_id'], unique=False
        )
        batch_op.create_index(
            batch_op.f('ix_care_plan_is_open_expanded_until'),
            ['is_open', 'expanded_until'],
            unique=False,
        )
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_care_plan_is_open_status_expanded_until'))
        batch_op.drop_index(batch_op.f('ix_care_plan_plan_definition_id_anchor_on'))
