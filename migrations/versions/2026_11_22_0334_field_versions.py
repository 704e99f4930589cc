"""A version for each field that a newer message left open

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0334
Revises: 2026_11_22_0333
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0334'
down_revision = '2026_11_22_0333'
branch_labels = None
depends_on = None

_TABLES = (
    'allergy_intolerance',
    'diagnostic_report',
    'immunization',
    'medication_request',
    'related_person',
    'service_request',
)


def upgrade() -> None:
    for table in _TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('stamps', sa.JSON(), nullable=False, server_default=sa.text("('{}')")))


def downgrade() -> None:
    for table in reversed(_TABLES):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('stamps')
