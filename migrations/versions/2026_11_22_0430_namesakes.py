"""Patients of one name and birth date, for who looks for doubles

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0430
Revises: 2026_11_22_0420
"""

from alembic import op

revision = '2026_11_22_0430'
down_revision = '2026_11_22_0420'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_patient_name_index_birth_date', 'patient', ['name_index', 'birth_date'])


def downgrade() -> None:
    op.drop_index('ix_patient_name_index_birth_date', table_name='patient')
