"""Rows handed to a statement as one JSON parameter: what a bulk update joins itself to.

`UPDATE … SET x = told.x` over hundreds of keys is one statement and one parameter; a driver's
`executemany` of updates would be a round trip for each row.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, String, Subquery, TextClause, text
from sqlalchemy.types import TypeEngine

_TYPES: Final[Mapping[type, tuple[str, TypeEngine[Any]]]] = {
    int: ("BIGINT", BigInteger()),
    str: ("VARCHAR(255)", String()),
}


def told_rows(dialect: str, name: str, columns: Mapping[str, type]) -> Subquery:
    """Return a table of that `name` whose rows are the parameter `told`, as `as_told` writes it.

    Each column holds whole numbers or short texts; a text that is None arrives as NULL.
    """
    query = _of_sqlite(columns) if dialect == "sqlite" else _of_mariadb(columns)
    types = {column: _TYPES[kind][1] for column, kind in columns.items()}
    return query.columns(**types).subquery(name)


def as_told(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as the parameter `told`."""
    return json.dumps([list(row) for row in rows], ensure_ascii=False, separators=(",", ":"))


def _of_sqlite(columns: Mapping[str, type]) -> TextClause:
    fields = ", ".join(
        f"json_extract(value, '$[{place}]') AS {column}" for place, column in enumerate(columns)
    )
    return text(f"SELECT {fields} FROM json_each(:told)")  # noqa: S608  # names are the code's own


def _of_mariadb(columns: Mapping[str, type]) -> TextClause:
    fields = ", ".join(
        # A JSON null is no error and no text: it is NULL.
        f"{column} {_TYPES[kind][0]} PATH '$[{place}]' NULL ON EMPTY NULL ON ERROR"
        for place, (column, kind) in enumerate(columns.items())
    )
    names = ", ".join(columns)
    return text(
        f"SELECT {names} FROM JSON_TABLE(:told, '$[*]' COLUMNS ({fields})) AS told_json"  # noqa: S608
    )
