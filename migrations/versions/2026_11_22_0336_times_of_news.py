"""Stamps of fields replace one time for a whole row

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0336
Revises: 2026_11_22_0335
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import instant

revision = '2026_11_22_0336'
down_revision = '2026_11_22_0335'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('appointment', 'encounter', 'patient'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column('recorded_at')


def downgrade() -> None:
    # What was recorded when is lost: rows count as made when they were created.
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.add_column(sa.Column('recorded_at', instant(), nullable=True))
    for table in ('encounter', 'appointment'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('recorded_at', instant(), nullable=True))
        op.execute(f'UPDATE {table} SET recorded_at = created_at')  # noqa: S608
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column('recorded_at', existing_type=instant(), nullable=False)
