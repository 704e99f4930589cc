"""Plans past their last day are found among those that run

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0650
Revises: 2026_11_22_0645
"""

from alembic import op

revision = '2026_11_22_0650'
down_revision = '2026_11_22_0645'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f('ix_care_plan_is_open_status_plan_definition_id_anchor_on'),
            ['is_open', 'status', 'plan_definition_id', 'anchor_on'],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table('care_plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_care_plan_is_open_status_plan_definition_id_anchor_on'))
