"""Inserting many rows in few statements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session


def insert_all(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert rows that have a public id in few statements; return their ids in the same order."""
    if not rows:
        return []
    # What no row fills is left to the table: every parameter costs time in the driver.
    filled = {name for row in rows for name, value in row.items() if value is not None}
    rows = [{name: value for name, value in row.items() if name in filled} for row in rows]
    connection = session.connection()
    if connection.dialect.insert_executemany_returning_sort_by_parameter_order:
        statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return list(connection.execute(statement, rows).scalars())
    # MySQL returns nothing from an insert; the public ids lead to the rows.
    connection.execute(insert(table), rows)
    names = [row["public_id"] for row in rows]
    found = connection.execute(
        select(table.c.public_id, table.c.id).where(table.c.public_id.in_(names))
    )
    ids = {row.public_id: row.id for row in found}
    return [ids[name] for name in names]
