"""`import table`: a file with rows, or what is new in a hospital's database."""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from sqlalchemy import Engine

from app import clock
from app.cli.frame import OPERATOR, Failed, with_database
from app.cli.import_table import Busy, import_file
from app.database import unit_of_work
from app.integrations.tables.checking import RowProblem
from app.integrations.tables.database import DatabaseTable
from app.integrations.tables.drivers import SourceUnavailable
from app.integrations.tables.exports import write_table
from app.integrations.tables.files import FileLimits, FileRefused, FileRow, read_rows
from app.integrations.tables.mapped_table import MappedTable
from app.integrations.tables.mapping import SourceMapping
from app.integrations.tables.mapping_files import InvalidMapping, read_mapping
from app.integrations.tables.sources import TableSources
from app.models.trust.audit import record
from app.services.intake.table_feeds import preview_rows
from app.services.intake.table_sync import Outcome, Pace, Reading, reconcile_table, sync_table
from app.settings import Settings

_LISTED: Final = 50


@click.command("table")
@click.argument(
    "path", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--source", "source_name", help="A configured source: read its database.")
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the columns mean; without: that of the configured source.",
)
@click.option("--table", "table_name", help="One table of the mapping.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Write problems to CSV or XLSX.")
@click.option("--encoding", help="What the bytes of a CSV file are (gb18030, utf-8…).")
@click.option("--delimiter", help="What parts the cells of a CSV file.")
@click.option("--max-megabytes", default=5, show_default=True, type=click.IntRange(1, 500))
@click.option("--max-rows", default=20_000, show_default=True, type=click.IntRange(1, 5_000_000))
@click.option("--from-start", is_flag=True, help="Read a database from its first row again.")
@click.option("--reconcile", is_flag=True, help="Compare all keys; withdraw what vanished.")
@click.option("--most", type=click.IntRange(0), help="So many rows may have vanished.")
@click.option("--anytime", is_flag=True, help="Read a database in its closed hours too.")
@with_database
def import_table(
    loaded: Settings,
    engine: Engine,
    *,
    path: Path | None,
    source_name: str | None,
    mapping_file: Path | None,
    table_name: str | None,
    dry_run: bool,
    rejects: Path | None,
    encoding: str | None,
    delimiter: str | None,
    max_megabytes: int,
    max_rows: int,
    from_start: bool,
    reconcile: bool,
    most: int | None,
    anytime: bool,
) -> None:
    """Import rows of a CSV or XLSX file, or what is new in a hospital's database.

    A file is taken as a whole or not at all. What was imported before changes nothing.
    """
    try:
        if path is not None:
            mapping = _mapping(loaded, mapping_file, source_name)
            table = _table(mapping, table_name, path)
            limits = FileLimits(max_megabytes * 1024 * 1024, max_rows)
            rows = read_rows(path, limits, encoding=encoding, delimiter=delimiter)
            _import_file(table, rows, dry_run=dry_run, rejects=rejects)
        elif source_name is not None:
            way = _Way(table_name, dry_run, from_start, reconcile, most, anytime)
            _import_source(loaded, source_name, way)
        else:
            raise click.UsageError("say which file, or which --source")
    except InvalidMapping as wrong:
        raise click.BadParameter(str(wrong), param_hint="--mapping") from None
    except Busy:
        raise Failed("another process is reading this table: try again in a minute") from None
    except (FileRefused, SourceUnavailable) as refused:
        raise Failed(str(refused)) from None


def _mapping(loaded: Settings, file: Path | None, source: str | None) -> SourceMapping:
    if file is not None:
        return read_mapping(file)
    configured = loaded.tables.source(source) if source else None
    if configured is None:
        raise click.UsageError("say what the columns mean: --mapping FILE or a configured --source")
    return read_mapping(configured.mapping)


def _table(mapping: SourceMapping, name: str | None, path: Path) -> MappedTable:
    """Return the table a file is of: the named one, the only one, or that of the file's name."""
    wanted = name or (mapping.tables[0].name if len(mapping.tables) == 1 else path.stem)
    table = mapping.table(wanted)
    if table is None:
        known = ", ".join(one.name for one in mapping.tables)
        raise click.BadParameter(f"must be one of {known}", param_hint="--table")
    return MappedTable(mapping, table)


def _import_file(
    table: MappedTable, rows: Iterator[FileRow], *, dry_run: bool, rejects: Path | None
) -> None:
    report = import_file(
        unit_of_work, table, rows, clock.now, dry_run=dry_run, on_progress=_progress
    )
    if not dry_run and not report.problems:
        detail = {"source": table.feed, "table": table.name, "messages": report.rows}
        with unit_of_work.begin() as session:
            record(session, OPERATOR, "import", "table", clock.now(), detail=detail)
    if rejects is not None:
        _write_rejects(rejects, report.problems)
    said = "would be" if dry_run or report.problems else "are"
    counts = report.counts
    print(
        f"{report.rows} rows: {counts.new} {said} new, {counts.changed} changed, "
        f"{counts.unchanged} unchanged, {len({p.number for p in report.problems})} rejected"
    )
    left = {state: count for state, count in report.states.items() if state != "processed"}
    problems = [
        *(f"row {p.number}, column {p.column}: {p.sentence}" for p in report.problems[:_LISTED]),
        *([f"… {len(report.problems)} in all"] if len(report.problems) > _LISTED else []),
        *(f"{state}: {count}" for state, count in left.items()),
    ]
    if report.problems:
        problems.append("nothing was imported")
    if problems:
        raise Failed("\n".join(problems))


def _write_rejects(file: Path, problems: Sequence[RowProblem]) -> None:
    write_table(
        file,
        ("行号", "列", "问题", "写法（数字为 9，文字为 x）"),
        ((str(p.number), p.column, p.sentence, p.shape) for p in problems),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """How a database is to be read."""

    table: str | None
    dry_run: bool
    from_start: bool
    reconcile: bool
    most: int | None
    anytime: bool


def _import_source(loaded: Settings, name: str, way: _Way) -> None:
    sources = TableSources(loaded.tables)
    try:
        tables = [t for t in sources.tables(name) if way.table in (None, t.name)]
        if not tables:
            raise click.BadParameter("is no table of the mapping", param_hint="--table")
        if not way.anytime and not tables[0].is_open(clock.now()):
            raise Failed(f"{name} is closed at this hour; --anytime reads it all the same")
        with _stoppable() as stop:
            pace = Pace(clock.now, stop.is_set, _tell)
            outcomes = [_read(table, pace, way) for table in tables if not stop.is_set()]
    finally:
        sources.close()
    if stop.is_set():
        raise Failed("stopped; the next import goes on where this one stands")
    if Outcome.HALTED in outcomes:
        raise Failed("too many rows vanished: nothing was withdrawn; look at the view, or --most N")
    if Outcome.BUSY in outcomes:
        raise Busy


def _read(table: DatabaseTable, pace: Pace, way: _Way) -> Outcome:
    if way.dry_run:
        page = table.page(None, None)
        with unit_of_work.begin() as session:
            counts = preview_rows(session, table.feed, table.name, page.rows)
        print(
            f"{table.name}: of the first {len(page.rows)} rows {counts.new} would be new, "
            f"{counts.changed} changed, {counts.unchanged} unchanged"
        )
        return Outcome.DONE
    if way.reconcile:
        reading = reconcile_table(unit_of_work, table, pace, most=way.most)
    else:
        reading = sync_table(unit_of_work, table, pace, from_the_start=way.from_start)
    _conclude(table.name, reading)
    return reading.outcome


def _conclude(name: str, reading: Reading) -> None:
    counts = reading.counts
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(
        f"{name}: {reading.rows} rows read, {counts.new} new, {counts.changed} changed, "
        f"{counts.unchanged} unchanged, {counts.withdrawn} withdrawn, "
        f"{reading.vanished} vanished ({reading.outcome})"
    )


def _tell(reading: Reading) -> None:
    if sys.stderr.isatty():
        print(f"\r{reading.rows} rows", end="", file=sys.stderr, flush=True)


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        print(f"\r{done}/{total}", end="\n" if done == total else "", file=sys.stderr)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let ctrl-C and SIGTERM end the work after the page that is being read."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
