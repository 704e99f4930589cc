"""An alert that is resolved has an outcome

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0613
Revises: 2026_11_22_0612
"""

from alembic import op

revision = '2026_11_22_0613'
down_revision = '2026_11_22_0612'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.create_check_constraint(
            'ck_alert_outcome', "status <> 'resolved' OR outcome IS NOT NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_constraint('ck_alert_outcome', type_='check')
