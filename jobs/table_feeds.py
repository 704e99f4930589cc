"""What the clock does with hospitals' databases: news every few minutes, all keys at night."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog

from app import clock
from app.database import unit_of_work
from app.integrations.tables.database import DatabaseTable
from app.integrations.tables.drivers import SourceUnavailable
from app.integrations.tables.sources import TableSources
from app.services.intake.table_feeds import Overtaken
from app.services.intake.table_sync import (
    Outcome,
    Pace,
    Reading,
    reconcile_table,
    sync_table,
)
from jobs.chores import Work

log = structlog.get_logger()

# A first reading of years of results is done in pieces; the next slot goes on.
_SYNC_FOR: Final = timedelta(minutes=10)
_RECONCILE_FOR: Final = timedelta(hours=5)


def sync_tables(work: Work, now: datetime) -> None:
    """Keep what is new in every table, the sources beside each other."""
    _visit(work, now, _SYNC_FOR, lambda table, pace: sync_table(unit_of_work, table, pace))


def reconcile_tables(work: Work, now: datetime) -> None:
    """Compare all keys of every table with ours; withdraw what vanished."""
    _visit(
        work, now, _RECONCILE_FOR, lambda table, pace: reconcile_table(unit_of_work, table, pace)
    )


def _visit(
    work: Work,
    now: datetime,
    patience: timedelta,
    read: Callable[[DatabaseTable, Pace], Reading],
) -> None:
    sources = work.tables
    if sources is None or not sources.names:
        return
    until = now + patience
    with ThreadPoolExecutor(len(sources.names), "tables") as pool:
        for name in sources.names:
            pool.submit(_visit_source, work, sources, name, until, read)


def _visit_source(
    work: Work,
    sources: TableSources,
    name: str,
    until: datetime,
    read: Callable[[DatabaseTable, Pace], Reading],
) -> None:
    try:
        for table in sources.tables(name):
            _visit_table(work, table, until, read)
    except SourceUnavailable as problem:
        log.warning("table_source_unavailable", source=name, reason=str(problem))
    except Exception as error:
        log.error("table_feed_failed", source=name, exc_info=error)


def _visit_table(
    work: Work,
    table: DatabaseTable,
    until: datetime,
    read: Callable[[DatabaseTable, Pace], Reading],
) -> None:
    def should_stop() -> bool:
        now = clock.now()
        return work.stopping.is_set() or now >= until or not table.is_open(now)

    if should_stop():
        return
    try:
        reading = read(table, Pace(clock.now, should_stop))
    except Overtaken:
        log.warning("table_feed_overtaken", source=table.feed, kind=table.name)
        return
    if reading.outcome is Outcome.HALTED:
        log.error("table_feed_halted", source=table.feed, kind=table.name, count=reading.vanished)
    elif reading.counts.message_ids:
        log.info(
            "table_feed_read",
            source=table.feed,
            kind=table.name,
            count=len(reading.counts.message_ids),
            total=reading.rows,
        )
