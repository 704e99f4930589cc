"""How far each table of a source was read, and what changed since it was last looked at.

A row is stored, as it came, only where it says something new; its version is then later than all
before it. Storing rows and moving on are one transaction, so a crash loses and doubles nothing.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import database_time
from app.domain.intake.table_rows import (
    Deed,
    KeptRow,
    SourceRow,
    Succession,
    Value,
    Values,
    key_text,
    read_kept_row,
)
from app.encryption import keyring
from app.models import InboundMessage, KnownRow, TableFeed

# Longer than one page takes to read and to store; renewed with each.
TERM: Final = timedelta(seconds=60)
_TICK: Final = timedelta(microseconds=1)
_HORIZON_MARGIN: Final = timedelta(days=1)

# How a row relates to what it said before, judged by whoever knows the mapping.
Succeeds = Callable[[Values, Values], Succession]


class Overtaken(Exception):
    """Another process took over the table meanwhile: what was read may be older than its news."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to read one table, and where to go on."""

    feed_id: int
    source: str
    name: str
    holder: str
    watermark_at: datetime | None
    position: str | None


@dataclass(slots=True)
class RowCounts:
    """What became of rows; `message_ids` are the messages that were stored for them."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    message_ids: list[int] = field(default_factory=list)

    def add(self, other: "RowCounts") -> None:
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.withdrawn += other.withdrawn
        self.message_ids += other.message_ids


def claim_table(session: Session, source: str, name: str, now: datetime) -> Claim | None:
    """Take the right to read a table, or None while another process has it.

    A reading that was broken off goes on where its last stored row stands.
    """
    feed = session.scalar(select(TableFeed).filter_by(source=source, name=name).with_for_update())
    if feed is None:
        feed = TableFeed(source=source, name=name)
        try:
            with session.begin_nested():
                session.add(feed)
        except IntegrityError:
            return None  # another process was first
    clock = database_time(session)
    if feed.held_until is not None and feed.held_until > clock:
        return None
    feed.holder, feed.held_until = secrets.token_hex(8), clock + TERM
    if feed.position is None:
        feed.began_at, feed.highest_at = now, None
    session.flush()
    return Claim(feed.id, source, name, feed.holder, feed.watermark_at, feed.position)


def release_table(session: Session, claim: Claim) -> None:
    """Give the right back; where the reading was not finished, another goes on with it."""
    feed = session.scalar(
        select(TableFeed).filter_by(id=claim.feed_id, holder=claim.holder).with_for_update()
    )
    if feed is not None:
        feed.held_until = database_time(session)


def forget_progress(session: Session, claim: Claim) -> None:
    """Let the reading begin at the first row: what a new mapping asks for."""
    feed = _held(session, claim)
    feed.watermark_at = feed.position = None


def move_on(session: Session, claim: Claim, rows: Iterable[SourceRow], position: str) -> None:
    """Note that the rows until `position` are stored."""
    feed = _held(session, claim)
    feed.position = position
    feed.highest_at = _highest(feed, rows)


def finish_reading(
    session: Session, claim: Claim, rows: Iterable[SourceRow], now: datetime
) -> None:
    """Note that the last row is stored.

    What the source wrote after the reading began may have stood behind it already: the watermark
    is not later than that moment, however late the rows are dated.
    """
    feed = _held(session, claim)
    reached = _highest(feed, rows)
    if reached is not None:
        reached = min(reached, feed.began_at or now)
        feed.watermark_at = max(reached, feed.watermark_at or reached)
    feed.position, feed.highest_at, feed.synced_at = None, None, now


def _highest(feed: TableFeed, rows: Iterable[SourceRow]) -> datetime | None:
    met = [row.updated_at for row in rows if row.updated_at is not None]
    return max([*met, *([feed.highest_at] if feed.highest_at else [])], default=None)


def _held(session: Session, claim: Claim) -> TableFeed:
    """Return the table, locked, its right renewed.

    :raises Overtaken: somebody else has it
    """
    feed = session.scalar(
        select(TableFeed).filter_by(id=claim.feed_id, holder=claim.holder).with_for_update()
    )
    if feed is None:
        raise Overtaken
    feed.held_until = database_time(session) + TERM
    return feed


# ------------------------------------------------------------------------------------ rows


def store_rows(
    session: Session,
    claim: Claim,
    rows: Sequence[SourceRow],
    succeeds: Succeeds,
    now: datetime,
) -> RowCounts:
    """Keep as messages the rows that say something new, and return what became of all.

    A row that turned into another thing takes back what it said first.

    :raises Overtaken: somebody else has the table
    """
    _held(session, claim)
    counts, messages = RowCounts(), []
    by_digest = {key_digest(claim.feed_id, row.key): row for row in rows}
    known = _known(session, claim.feed_id, list(by_digest))
    for digest, row in by_digest.items():
        state = known.get(digest)
        said = _row_digest(claim.feed_id, row.content)
        if state is not None and state.row_digest == said:
            if state.updated_at != row.updated_at:
                state.updated_at = row.updated_at
            counts.unchanged += 1
            continue
        if state is None:
            state = KnownRow(feed_id=claim.feed_id, key_digest=digest, life=0)
            session.add(state)
            counts.new += 1
        else:
            counts.changed += 1
        kept = _told(session, claim, state, row, succeeds, now)
        counts.withdrawn += len(kept) - 1
        for one in kept:
            messages.append((state, _message(claim, state, one, now)))
        state.row_digest, state.updated_at = said, row.updated_at
        state.recorded_at = kept[-1].recorded_at
    _store(session, messages, counts)
    return counts


def preview_rows(session: Session, source: str, name: str, rows: Sequence[SourceRow]) -> RowCounts:
    """Return what storing the rows would do, and do nothing."""
    counts = RowCounts()
    feed = session.scalar(select(TableFeed).filter_by(source=source, name=name))
    if feed is None:
        counts.new = len(rows)
        return counts
    by_digest = {key_digest(feed.id, row.key): row for row in rows}
    known = _known(session, feed.id, list(by_digest))
    for digest, row in by_digest.items():
        state = known.get(digest)
        if state is None:
            counts.new += 1
        elif state.row_digest == _row_digest(feed.id, row.content):
            counts.unchanged += 1
        else:
            counts.changed += 1
    return counts


def _told(
    session: Session,
    claim: Claim,
    state: KnownRow,
    row: SourceRow,
    succeeds: Succeeds,
    now: datetime,
) -> list[KeptRow]:
    """Return what a changed row means: itself, after a withdrawal where it was another thing."""
    at = min(row.updated_at or now, now)
    if state.recorded_at is not None:
        # What is seen later is newer, whatever the source's clock says of it.
        at = max(at, state.recorded_at + 2 * _TICK)
    before = _kept(session, state) if state.row_digest is not None else None
    relation = succeeds(before.values, row.values) if before else Succession.SAME
    told = []
    if before is not None and relation is Succession.OTHER:
        told.append(KeptRow(claim.name, Deed.WITHDRAWN, at - _TICK, state.life, before.values))
        state.life += 1
    moved_from = before.values if before and relation is Succession.MOVED else None
    told.append(KeptRow(claim.name, Deed.SEEN, at, state.life, row.values, moved_from))
    return told


def withdraw_rows(
    session: Session, claim: Claim, states: Iterable[KnownRow], now: datetime
) -> RowCounts:
    """Take back what rows said that are gone; one whose message was purged is left alone.

    :raises Overtaken: somebody else has the table
    """
    _held(session, claim)
    counts, messages = RowCounts(), []
    for state in states:
        before = _kept(session, state)
        if before is None or state.row_digest is None:
            continue
        at = max(now, state.recorded_at + _TICK)
        gone = KeptRow(claim.name, Deed.WITHDRAWN, at, state.life, before.values)
        messages.append((state, _message(claim, state, gone, now)))
        state.row_digest, state.recorded_at = None, at
        state.life += 1
        counts.withdrawn += 1
    _store(session, messages, counts)
    return counts


def _message(claim: Claim, state: KnownRow, kept: KeptRow, now: datetime) -> InboundMessage:
    body = kept.body()
    return InboundMessage(
        source=claim.source,
        dedupe_key=hashlib.sha256(body).digest(),
        kind=claim.name,
        control_id=state.key_digest.hex()[:32],
        body=body.decode("latin-1"),
        status="received",
        received_at=now,
    )


def _store(
    session: Session, messages: Sequence[tuple[KnownRow, InboundMessage]], counts: RowCounts
) -> None:
    session.add_all(message for _, message in messages)
    session.flush()
    for state, message in messages:
        state.inbound_id = message.id
        counts.message_ids.append(message.id)
    session.flush()


def _kept(session: Session, state: KnownRow) -> KeptRow | None:
    """Return the row as it was kept; None where the message is gone."""
    message = session.get(InboundMessage, state.inbound_id) if state.inbound_id else None
    if message is None or message.body is None:
        return None
    try:
        return read_kept_row(message.body.encode("latin-1"))
    except ValueError:
        return None


# ------------------------------------------------------------------------------- reconciling


def key_digest(feed_id: int, key: Sequence[Value]) -> bytes:
    """Return the keyed hash that names a row: numbers of patients are few enough to be guessed."""
    return keyring().index("known_row.key", f"{feed_id}\x1f{key_text(key)}")


def _row_digest(feed_id: int, content: str) -> bytes:
    return keyring().index("known_row.row", f"{feed_id}\x1f{content}")


def _known(session: Session, feed_id: int, digests: Sequence[bytes]) -> dict[bytes, KnownRow]:
    found = session.scalars(
        select(KnownRow).where(KnownRow.feed_id == feed_id, KnownRow.key_digest.in_(digests))
    )
    return {state.key_digest: state for state in found}


def unknown_keys(
    session: Session, claim: Claim, keys: Sequence[tuple[Value, ...]]
) -> list[tuple[Value, ...]]:
    """Return the keys of rows that we do not know, or believe to be gone."""
    by_digest = {key_digest(claim.feed_id, key): key for key in keys}
    known = _known(session, claim.feed_id, list(by_digest))
    return [
        key
        for digest, key in by_digest.items()
        if digest not in known or known[digest].row_digest is None
    ]


def judged_rows(
    session: Session, claim: Claim, after: int, floor: datetime | None, limit: int
) -> list[tuple[int, bytes]]:
    """Return ids and key digests of rows that the source should still show, by id.

    Those written before `floor`, and for a day after it, may have left the view for their age.
    """
    statement = select(KnownRow.id, KnownRow.key_digest).where(
        KnownRow.feed_id == claim.feed_id,
        KnownRow.id > after,
        KnownRow.row_digest.is_not(None),
    )
    if floor is not None:
        statement = statement.where(KnownRow.updated_at >= floor + _HORIZON_MARGIN)
    return [
        (row.id, row.key_digest)
        for row in session.execute(statement.order_by(KnownRow.id).limit(limit))
    ]


def rows_of(session: Session, ids: Sequence[int]) -> list[tuple[KnownRow, Values | None]]:
    """Return rows with what they said, None where the message is gone."""
    states = session.scalars(select(KnownRow).where(KnownRow.id.in_(ids)).order_by(KnownRow.id))
    return [(state, kept.values if (kept := _kept(session, state)) else None) for state in states]


def note_reconciled(
    session: Session, claim: Claim, vanished: int, halt: str | None, now: datetime
) -> None:
    """Note when all keys were compared, how many rows were missing, and why nothing was done."""
    feed = _held(session, claim)
    feed.reconciled_at, feed.vanished, feed.halt = now, vanished, halt


def renew(session: Session, claim: Claim) -> None:
    """Keep the right for another term.

    :raises Overtaken: somebody else has it
    """
    _held(session, claim)
