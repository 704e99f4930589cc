"""A deputy stands between the attending doctor and the head

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0616
Revises: 2026_11_22_0615
"""

from alembic import op

revision = '2026_11_22_0616'
down_revision = '2026_11_22_0615'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Levels count along the chain: what had reached the head is still with the head.
    op.execute('UPDATE alert SET level = 3 WHERE level = 2 AND is_open = 1')


def downgrade() -> None:
    op.execute('UPDATE alert SET level = level - 1 WHERE level >= 2')
    # The release before knows no deputies.
    op.execute(
        "UPDATE care_team_member SET responder = 'attending-doctor' WHERE responder = 'deputy-doctor'"
    )
