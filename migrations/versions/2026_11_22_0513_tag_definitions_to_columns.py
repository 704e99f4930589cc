"""Move what a pack said of a tag into columns

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0513
Revises: 2026_11_22_0512
"""

import re

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0513'
down_revision = '2026_11_22_0512'
branch_labels = None
depends_on = None


def upgrade() -> None:
    tag = sa.table(
        "tag", sa.column("id"), sa.column("definition", sa.JSON()), sa.column("parent_key"),
        sa.column("exclusion_group"), sa.column("expires_days"),
    )  # fmt: skip
    connection = op.get_bind()
    for row in connection.execute(sa.select(tag.c.id, tag.c.definition)).all():
        told = row.definition or {}
        days = re.match(r"P(\d+)D", str(told.get("expires_after") or ""))
        connection.execute(
            tag.update()
            .where(tag.c.id == row.id)
            .values(
                parent_key=told.get("parent"),
                exclusion_group=told.get("exclusion_group"),
                expires_days=int(days[1]) if days else None,
            )
        )


def downgrade() -> None:
    pass  # the definitions are still there
