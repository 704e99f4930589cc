"""Reading a hospital's table: what is new in it, and what is gone from it.

No transaction of ours is open while theirs is, and the other way round: a slow source costs its
own connection and nothing else.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy.orm import Session, sessionmaker

from app.domain.intake.key_set import KeySet
from app.domain.intake.table_rows import KeyPage, RowPage, SourceRow, Succession, Value, Values
from app.services.intake.table_feeds import (
    Claim,
    RowCounts,
    claim_table,
    finish_reading,
    forget_progress,
    judged_rows,
    key_digest,
    move_on,
    note_reconciled,
    release_table,
    renew,
    rows_of,
    store_rows,
    unknown_keys,
    withdraw_rows,
)

_PAGE: Final = 1000
_AT_ONCE: Final = 200
# So few vanished rows are no fault of a view, however small the table.
_FEW: Final = 5


class Limits(Protocol):
    """When vanished rows are too many to be true."""

    @property
    def horizon(self) -> timedelta | None: ...
    @property
    def most(self) -> int: ...
    @property
    def most_percent(self) -> int: ...


class SourceTable(Protocol):
    """A table that can be read; each of `page`, `key_page` and `rows` is one visit of its own."""

    @property
    def feed(self) -> str: ...  # table:lis
    @property
    def name(self) -> str: ...
    @property
    def overlap(self) -> timedelta: ...
    @property
    def vanishing(self) -> Limits: ...
    @property
    def is_withdrawable(self) -> bool: ...

    def page(self, position: str | None, since: datetime | None, /) -> RowPage: ...
    def key_page(self, position: str | None, since: datetime | None, /) -> KeyPage: ...
    def rows(self, keys: Sequence[tuple[Value, ...]], /) -> tuple[SourceRow, ...]: ...
    def key_of(self, values: Values, /) -> tuple[Value, ...]: ...
    def succession(self, before: Values, after: Values, now: datetime, /) -> Succession: ...


class Outcome(StrEnum):
    """How a reading ended."""

    DONE = "done"
    STOPPED = "stopped"  # goes on where it stands next time
    BUSY = "busy"  # another process is at it
    HALTED = "halted"  # too many rows vanished: nothing was withdrawn


@dataclass(slots=True)
class Reading:
    """What a reading did; `vanished` rows were missing, whether or not withdrawn."""

    outcome: Outcome = Outcome.DONE
    rows: int = 0
    vanished: int = 0
    counts: RowCounts = field(default_factory=RowCounts)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a reading is watched: the clock, whether to stop, and whom to tell of progress."""

    now: Callable[[], datetime]
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[Reading], None] = lambda reading: None


def sync_table(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    *,
    from_the_start: bool = False,
) -> Reading:
    """Keep what was written to a table since it was last read; return what was done.

    Rows written a while before (`overlap`) are read again, because they may have become visible
    late; those that say nothing new cost no message. After a crash or a stop the next call goes
    on behind the last stored page.

    :raises Exception: whatever the source raised; what was stored stays
    """
    return _claimed(
        unit_of_work,
        table,
        pace,
        lambda claim, reading: _sync(unit_of_work, table, pace, claim, reading),
        from_the_start=from_the_start,
    )


def reconcile_table(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    *,
    most: int | None = None,
) -> Reading:
    """Compare all keys of a table with ours: fetch unknown rows, withdraw what vanished ones said.

    More vanished rows than the table's limits, or an empty table, are taken for a fault of the
    source: nothing is withdrawn, and the table says so until a look finds it well. An operator who
    knows better raises the limit with `most`.
    """
    return _claimed(
        unit_of_work,
        table,
        pace,
        lambda claim, reading: _reconcile(unit_of_work, table, pace, claim, reading, most),
    )


def _claimed(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    work: Callable[[Claim, Reading], Outcome],
    *,
    from_the_start: bool = False,
) -> Reading:
    reading = Reading()
    with unit_of_work.begin() as session:
        claim = claim_table(session, table.feed, table.name, pace.now())
        if claim is not None and from_the_start:
            forget_progress(session, claim)
    if claim is None:
        reading.outcome = Outcome.BUSY
        return reading
    if from_the_start:
        claim = Claim(claim.feed_id, claim.source, claim.name, claim.holder, None, None)
    try:
        reading.outcome = work(claim, reading)
    finally:
        with unit_of_work.begin() as session:
            release_table(session, claim)
    return reading


def _sync(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    claim: Claim,
    reading: Reading,
) -> Outcome:
    position = claim.position
    since = claim.watermark_at - table.overlap if claim.watermark_at else None
    while not pace.should_stop():
        page = table.page(position, since)
        with unit_of_work.begin() as session:
            now = pace.now()
            reading.counts.add(_store(session, table, claim, page.rows, now))
            if page.position is None:
                finish_reading(session, claim, page.rows, now)
            else:
                move_on(session, claim, page.rows, page.position)
        reading.rows += len(page.rows)
        pace.on_progress(reading)
        if page.position is None:
            return Outcome.DONE
        position = page.position
    return Outcome.STOPPED


def _store(
    session: Session,
    table: SourceTable,
    claim: Claim,
    rows: Sequence[SourceRow],
    now: datetime,
) -> RowCounts:
    return store_rows(
        session, claim, rows, lambda before, after: table.succession(before, after, now), now
    )


# ------------------------------------------------------------------------------- reconciling


def _reconcile(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    claim: Claim,
    reading: Reading,
    most: int | None,
) -> Outcome:
    horizon = table.vanishing.horizon
    floor = pace.now() - horizon if horizon else None
    shown = _look_at_keys(unit_of_work, table, pace, claim, reading, floor)
    if shown is None:
        return Outcome.STOPPED
    vanished, judged = _missing(unit_of_work, claim, shown, floor)
    reading.vanished = len(vanished)
    halt = _halt(table, len(vanished), judged, len(shown), most)
    if halt is None and table.is_withdrawable:
        for start in range(0, len(vanished), _AT_ONCE):
            if pace.should_stop():
                return Outcome.STOPPED
            some = vanished[start : start + _AT_ONCE]
            _withdraw(unit_of_work, table, claim, reading, list(some), pace.now())
            pace.on_progress(reading)
    with unit_of_work.begin() as session:
        note_reconciled(session, claim, len(vanished), halt, pace.now())
    return Outcome.HALTED if halt else Outcome.DONE


def _look_at_keys(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    pace: Pace,
    claim: Claim,
    reading: Reading,
    floor: datetime | None,
) -> KeySet | None:
    """Return the keys that the source shows, fetching rows we lack; None when told to stop."""
    shown, position = KeySet(), None
    while not pace.should_stop():
        page = table.key_page(position, floor)
        for key in page.keys:
            shown.add(key_digest(claim.feed_id, key))
        with unit_of_work.begin() as session:
            renew(session, claim)
            lacking = unknown_keys(session, claim, page.keys)
        if lacking:
            rows = table.rows(lacking)
            with unit_of_work.begin() as session:
                reading.counts.add(_store(session, table, claim, rows, pace.now()))
        reading.rows += len(page.keys)
        pace.on_progress(reading)
        if page.position is None:
            return shown
        position = page.position
    return None


def _missing(
    unit_of_work: sessionmaker[Session], claim: Claim, shown: KeySet, floor: datetime | None
) -> tuple["array[int]", int]:
    """Return the ids of rows that the source should show and does not, and how many it should."""
    vanished, judged, after = array("q"), 0, 0
    while True:
        with unit_of_work.begin() as session:
            renew(session, claim)
            some = judged_rows(session, claim, after, floor, _PAGE)
        if not some:
            return vanished, judged
        judged += len(some)
        vanished.extend(row_id for row_id, digest in some if digest not in shown)
        after = some[-1][0]


def _halt(
    table: SourceTable, vanished: int, judged: int, shown: int, most: int | None
) -> str | None:
    """Return why nothing may be withdrawn, None where it may."""
    if most is not None:
        return "too-many-vanished" if vanished > most else None
    if vanished and not shown:
        return "source-empty"
    limits = table.vanishing
    too_many = vanished > limits.most or vanished * 100 > judged * limits.most_percent
    return "too-many-vanished" if vanished > _FEW and too_many else None


def _withdraw(
    unit_of_work: sessionmaker[Session],
    table: SourceTable,
    claim: Claim,
    reading: Reading,
    ids: Sequence[int],
    now: datetime,
) -> None:
    """Withdraw rows, but for those that the source shows when asked for them by name."""
    with unit_of_work.begin() as session:
        renew(session, claim)
        known = rows_of(session, ids)
        keys = [table.key_of(values) for _, values in known if values is not None]
    there = {key_digest(claim.feed_id, row.key) for row in table.rows(keys)}
    with unit_of_work.begin() as session:
        gone = [state for state, _ in rows_of(session, ids) if state.key_digest not in there]
        reading.counts.add(withdraw_rows(session, claim, gone, now))
