"""Province and city of where a patient lives

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0510
Revises: 2026_11_22_0440
"""

import sqlalchemy as sa
from alembic import op
from migrations.types import text

revision = '2026_11_22_0510'
down_revision = '2026_11_22_0440'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.add_column(sa.Column('region', text(40), nullable=True))
        batch_op.create_index(batch_op.f('ix_patient_region'), ['region'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('patient', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_patient_region'))
        batch_op.drop_column('region')
