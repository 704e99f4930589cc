"""Results found by code and time, whoever they are of

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0520
Revises: 2026_11_22_0517
"""

from alembic import op

revision = '2026_11_22_0520'
down_revision = '2026_11_22_0517'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_observation_code_effective_at', 'observation', ['code', 'effective_at'])


def downgrade() -> None:
    op.drop_index('ix_observation_code_effective_at', table_name='observation')
