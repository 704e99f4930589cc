"""Import of files with rows: all of a file, or nothing of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.integrations.feeds import Feeds
from app.integrations.tables.checking import CheckedRows, RowProblem, check_rows
from app.integrations.tables.files import FileRow
from app.integrations.tables.mapped_table import MappedTable
from app.integrations.tables.reader import TableReader
from app.services.intake import interpret_stored
from app.services.intake.table_feeds import (
    RowCounts,
    claim_table,
    preview_rows,
    release_table,
    store_rows,
)

_BATCH: Final = 1000


@dataclass(slots=True)
class FileReport:
    """What a file brought; `states` counts what became of its messages."""

    rows: int = 0
    counts: RowCounts = field(default_factory=RowCounts)
    problems: tuple[RowProblem, ...] = ()
    states: Counter[str] = field(default_factory=Counter)


class Busy(Exception):
    """Another process reads the same table."""


def import_file(
    units: sessionmaker[Session],
    table: MappedTable,
    rows: Iterator[FileRow],
    now: Callable[[], datetime],
    *,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> FileReport:
    """Import all rows of a file, or none where one of them cannot be taken.

    Rows are kept in one transaction and interpreted afterwards, one by one; what an interruption
    leaves uninterpreted the clock process takes up. What a file said before costs nothing.

    :raises FileRefused: the file as a whole cannot be taken
    :raises Busy: another process reads the same table
    """
    checked = check_rows(table, rows, now())
    report = FileReport(checked.total, problems=checked.problems)
    if dry_run or checked.problems:
        with units.begin() as session:
            for some in checked.batches(_BATCH):
                report.counts.add(preview_rows(session, table.feed, table.name, some))
        return report
    report.counts = _store(units, table, checked, now())
    read = Feeds({"table": TableReader([table.mapping])})
    ids = report.counts.message_ids
    for done, message_id in enumerate(ids, start=1):
        try:
            report.states[interpret_stored(units, message_id, read, now()).status] += 1
        except SQLAlchemyError:
            report.states["received"] += 1
        on_progress(done, len(ids))
    return report


def _store(
    units: sessionmaker[Session], table: MappedTable, checked: CheckedRows, now: datetime
) -> RowCounts:
    counts = RowCounts()
    with units.begin() as session:
        claim = claim_table(session, table.feed, table.name, now)
        if claim is None:
            raise Busy
        for some in checked.batches(_BATCH):
            counts.add(
                store_rows(
                    session,
                    claim,
                    some,
                    lambda before, after: table.succession(before, after, now),
                    now,
                )
            )
        release_table(session, claim)
    return counts
