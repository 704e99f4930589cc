"""Alerts that a merge resolved say so

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0612
Revises: 2026_11_22_0611
"""

from alembic import op

revision = '2026_11_22_0612'
down_revision = '2026_11_22_0611'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A merge alone resolved alerts without an outcome.
    op.execute("UPDATE alert SET outcome = 'merged' WHERE status = 'resolved' AND outcome IS NULL")


def downgrade() -> None:
    op.execute("UPDATE alert SET outcome = NULL WHERE outcome = 'merged'")
