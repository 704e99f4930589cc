"""Say of each rule of a tag which pack brought it; words of people so far are the live ones

Rules: read by eye; one change a revision (MySQL commits each DDL statement by itself); data moves
apart from schema, in batches; each suits the code already running: add, write both, backfill,
read new, then drop, over several releases. Nothing here imports `app`.

Revision ID: 2026_11_22_0552
Revises: 2026_11_22_0551
"""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_22_0552'
down_revision = '2026_11_22_0551'
branch_labels = None
depends_on = None

tag = sa.table("tag", sa.column("id"), sa.column("pack_key"), sa.column("rules", sa.JSON()))
decision = sa.table("tag_decision", sa.column("is_live", sa.Boolean()))


def upgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(tag).where(tag.c.pack_key.is_not(None))).all():
        rules = [{**rule, "pack": row.pack_key} for rule in row.rules or []]
        connection.execute(tag.update().where(tag.c.id == row.id).values(rules=rules))
    connection.execute(decision.update().values(is_live=True))


def downgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(tag).where(tag.c.pack_key.is_not(None))).all():
        rules = [
            {name: value for name, value in rule.items() if name != "pack"}
            for rule in row.rules or []
        ]
        connection.execute(tag.update().where(tag.c.id == row.id).values(rules=rules))
