"""Looking at rows before any is kept: which of them would be taken, and what is wrong with others.

What it says of a row is its number, the column and the shape of what stands there, never that.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from app.domain.intake.rejections import Rejected
from app.domain.intake.table_rows import Deed, KeptRow, SourceRow, key_text, text_of
from app.integrations.tables.cells import BadCell, CellProblem
from app.integrations.tables.files import FileRow
from app.integrations.tables.mapped_table import MappedTable

_LONGEST_SHAPE = 40


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be taken; `shape` has every digit as 9 and every letter as x."""

    number: int
    column: str
    sentence: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The rows that can be taken, and the problems of the others."""

    rows: tuple[SourceRow, ...]
    problems: tuple[RowProblem, ...]
    total: int

    def batches(self, size: int) -> Iterator[tuple[SourceRow, ...]]:
        """Yield the rows, `size` at a time."""
        for start in range(0, len(self.rows), size):
            yield self.rows[start : start + size]


def check_rows(table: MappedTable, rows: Iterable[FileRow], now: datetime) -> CheckedRows:
    """Read every row as the pipeline will, more strictly: a person is there to mend the file."""
    good: list[SourceRow] = []
    problems: list[RowProblem] = []
    seen: set[str] = set()
    total = 0
    for row in rows:
        if not total and (missing := _missing_columns(table, row)):
            return CheckedRows((), missing, 0)
        total += 1
        found = _problems(table, row, now)
        key = key_text(table.key_of(row.values))
        if not found and key in seen:
            found = [RowProblem(row.number, table.table.key[0], CellProblem.REPEATED.sentence)]
        seen.add(key)
        problems += found
        if not found:
            good.append(table.row(row.values))
    return CheckedRows(tuple(good), tuple(problems), total)


def _missing_columns(table: MappedTable, row: FileRow) -> tuple[RowProblem, ...]:
    sentence = CellProblem.NO_COLUMN.sentence
    return tuple(
        RowProblem(1, column, sentence)
        for column in table.table.content_columns
        if column not in row.values
    )


def _problems(table: MappedTable, row: FileRow, now: datetime) -> list[RowProblem]:
    wanted = set(table.table.content_columns)
    found = [
        RowProblem(row.number, column, problem.sentence)
        for column, problem in row.problems.items()
        if column in wanted
    ]
    if found:
        return found
    missing = [one for one in table.table.key if not text_of(row.values.get(one))]
    if missing:
        return [RowProblem(row.number, one, CellProblem.MISSING.sentence) for one in missing]
    try:
        _, left_out = table.read(KeptRow(table.name, Deed.SEEN, now, 0, row.values))
    except BadCell as bad:
        return [_of_cell(row, bad)]
    except Rejected as rejected:
        column = table.table.identifiers[0].named
        return [RowProblem(row.number, column, rejected.reason.sentence)]
    return [_of_cell(row, bad) for bad in left_out]


def _of_cell(row: FileRow, bad: BadCell) -> RowProblem:
    shape = shape_of(text_of(row.values.get(bad.column)))
    return RowProblem(row.number, bad.column, bad.problem.sentence, shape)


def shape_of(text: str) -> str:
    """Return how a text is written without what it says: 2026/13/1a is 9999/99/9x."""
    shape = re.sub(r"\d", "9", text[:_LONGEST_SHAPE])
    return re.sub(r"[^\W\d_]", "x", shape)
