"""What staff see of the feeds: each source in a row, what was refused, the platforms' limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain.intake.feed_health import AlarmKind, Watch, silent_for
from app.domain.intake.reasons import code_of
from app.models import Communication, FeedAlarm, InboundMessage, PlatformToken
from app.models.intake.feed_signs import Seen, known_sources, see

# Counts stop here: nobody needs to know whether 10 000 or 300 000 wait, and counting costs.
MOST: Final = 10_000
MOST_A_DAY: Final = 100_000
PAGE: Final = 50
# The newest refused messages that reasons are counted and searched in.
REASON_SAMPLE: Final = 2000


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    kind: AlarmKind
    since: datetime
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source now. Counts end at `MOST`, `today` at `MOST_A_DAY`.

    `silent` leaves quiet hours out; None: it never spoke.
    """

    source: str
    is_watched: bool
    seen: Seen
    silent: timedelta | None
    backlog: int
    rejected: int
    held: int
    today: int
    alarms: tuple[OpenAlarm, ...]


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message as lists show it: nothing of what it says."""

    id: int
    public_id: str
    kind: str
    control_id: str | None
    reason: str | None
    received_at: datetime
    bytes: int
    tries: int
    repeats: int


@dataclass(frozen=True, slots=True)
class MessagePage:
    """`before` is where the next page begins, None at the end."""

    rows: tuple[MessageRow, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class TokenState:
    app: str
    expires_at: datetime | None
    dropped_at: datetime | None
    drops: int


def read_sources(
    session: Session,
    watches: Mapping[str, Watch],
    now: datetime,
    day_began_at: datetime,
    zone: tzinfo,
) -> list[SourceStatus]:
    """Return every source that is configured or ever sent anything."""
    alarms = _open_alarms(session)
    sources = sorted({*watches, *known_sources(session)})
    return [
        _status(
            session, source, watches.get(source), alarms.get(source, ()), now, day_began_at, zone
        )
        for source in sources
    ]


def read_source(
    session: Session,
    source: str,
    watches: Mapping[str, Watch],
    now: datetime,
    day_began_at: datetime,
    zone: tzinfo,
) -> SourceStatus | None:
    """Return one source, or None where nobody of that name is configured or ever sent anything."""
    if source not in watches and session.scalar(_one_of(source)) is None:
        return None
    alarms = _open_alarms(session).get(source, ())
    return _status(session, source, watches.get(source), alarms, now, day_began_at, zone)


def list_messages(
    session: Session, source: str, status: str, reason: str | None, before: int | None
) -> MessagePage:
    """Return a page of messages in one state, newest first; with `reason`, of its code alone."""
    rows = session.execute(_listed(source, status, reason, before).limit(PAGE + 1)).all()
    page = tuple(MessageRow(**row._mapping) for row in rows[:PAGE])
    return MessagePage(page, page[-1].id if len(rows) > PAGE else None)


def count_reasons(session: Session, source: str, status: str) -> list[tuple[str, int]]:
    """Return the codes of the newest `REASON_SAMPLE` messages in one state, the commonest first."""
    newest = _newest(source, status).with_only_columns(InboundMessage.reason)
    counts: dict[str, int] = {}
    for reason in session.scalars(newest):
        code = code_of(reason)
        counts[code] = counts.get(code, 0) + 1
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def count_open_alarms(session: Session) -> dict[str, int]:
    """Return how many episodes of each kind last, every kind named."""
    counts = {str(kind): 0 for kind in AlarmKind}
    for alarms in _open_alarms(session).values():
        for alarm in alarms:
            counts[alarm.kind] += 1
    return counts


def read_tokens(session: Session) -> list[TokenState]:
    """Return how the platforms' access tokens stand; a token dropped often is used up."""
    rows = session.execute(
        select(
            PlatformToken.app, PlatformToken.expires_at, PlatformToken.dropped_at,
            PlatformToken.drops,
        ).order_by(PlatformToken.app)
    )  # fmt: skip
    return [TokenState(**row._mapping) for row in rows]


def count_held_messages(session: Session) -> list[tuple[str, int]]:
    """Return how many messages to people are held back, by channel: quota, token or rights."""
    held = select(Communication.channel).where(Communication.state == "held").limit(MOST).subquery()
    rows = session.execute(select(held.c.channel, func.count()).group_by(held.c.channel))
    return sorted((str(channel), number) for channel, number in rows)


def _status(
    session: Session,
    source: str,
    watch: Watch | None,
    alarms: Iterable[OpenAlarm],
    now: datetime,
    day_began_at: datetime,
    zone: tzinfo,
) -> SourceStatus:
    seen = see(session, source, now)
    last_at = seen.signs.last_at
    today = InboundMessage.received_at >= day_began_at
    return SourceStatus(
        source=source,
        is_watched=watch is not None and watch.silent_after is not None,
        seen=seen,
        silent=None if last_at is None else silent_for(last_at, watch or Watch(), now, zone),
        backlog=_count(session, source, InboundMessage.status == "received"),
        rejected=_count(session, source, InboundMessage.status == "rejected"),
        held=_count(session, source, InboundMessage.status == "held"),
        today=_count(session, source, today, MOST_A_DAY),
        alarms=tuple(alarms),
    )


def _count(session: Session, source: str, which: Any, most: int = MOST) -> int:
    some = select(InboundMessage.id).where(InboundMessage.source == source, which).limit(most)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _one_of(source: str) -> Select[Any]:
    return select(InboundMessage.id).where(InboundMessage.source == source).limit(1)


def _open_alarms(session: Session) -> dict[str, tuple[OpenAlarm, ...]]:
    found: dict[str, tuple[OpenAlarm, ...]] = {}
    for alarm in session.scalars(select(FeedAlarm).where(FeedAlarm.ended_at.is_(None))):
        one = OpenAlarm(alarm.kind, alarm.since, alarm.told_at)
        found[alarm.source] = (*found.get(alarm.source, ()), one)
    return found


def _newest(source: str, status: str) -> Select[Any]:
    return (
        select(InboundMessage)
        .where(InboundMessage.source == source, InboundMessage.status == status)
        .order_by(InboundMessage.id.desc())
        .limit(REASON_SAMPLE)
    )


def _listed(source: str, status: str, reason: str | None, before: int | None) -> Select[Any]:
    listed = select(
        InboundMessage.id, InboundMessage.public_id, InboundMessage.kind,
        InboundMessage.control_id, InboundMessage.reason, InboundMessage.received_at,
        func.length(InboundMessage.body_sealed).label("bytes"),
        InboundMessage.tries, InboundMessage.repeats,
    ).where(InboundMessage.source == source, InboundMessage.status == status)  # fmt: skip
    if before is not None:
        listed = listed.where(InboundMessage.id < before)
    if reason is not None:
        # A rare reason must not read every message of the source: it is sought in the newest.
        newest = _newest(source, status).with_only_columns(InboundMessage.id).subquery()
        listed = listed.where(
            InboundMessage.id.in_(select(newest.c.id)), InboundMessage.has_reason(reason)
        )
    return listed.order_by(InboundMessage.id.desc())
