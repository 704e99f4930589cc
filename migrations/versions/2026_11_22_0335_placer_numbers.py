"""Appointments are found by the placer's number too

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0335
Revises: 2026_11_22_0334
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import digest

revision = '2026_11_22_0335'
down_revision = '2026_11_22_0334'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('placer_hash', digest(), nullable=True))
        batch_op.create_index(batch_op.f('ix_appointment_placer_hash'), ['placer_hash'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_appointment_placer_hash'))
        batch_op.drop_column('placer_hash')
