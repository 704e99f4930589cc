"""Lanes, and what waits for a person."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import CommunicationState, Lane, Route
from app.domain.outreach.sending_deeds import Group
from app.models import Communication
from app.models.outreach.resting import AT_REST, is_one_of, may_have_arrived
from app.models.outreach.route import key_of, route_of
from app.services.outreach.outbox_view.heads import read_heads

# Counts stop here: nobody need know whether 100 000 or 900 000 wait, and counting costs.
MOST: Final = 100_000
# The newest messages at rest of one lane and route that reasons are counted in.
SAMPLE: Final = 2_000
PAGE: Final = 50
_UNDER_WAY: Final = (
    CommunicationState.CLAIMED,
    CommunicationState.CALLING,
    CommunicationState.UNKNOWN,
    CommunicationState.HELD,
)


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane now; `queued` ends at `MOST`. `oldest_due_at` may lie ahead."""

    lane: Lane
    queued: int
    oldest_due_at: datetime | None
    claimed: int
    calling: int
    unknown: int
    held: int


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Messages at rest for one reason; `is_more`: as many of the newest, older ones not counted."""

    group: Group
    error_class: str | None
    count: int
    is_more: bool
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message at rest, without what it says or to whom."""

    public_id: str
    kind: str
    tries: int
    due_at: datetime
    expires_at: datetime
    is_doubtful: bool


def read_lanes(session: Session) -> tuple[LaneStatus, ...]:
    """Return every lane, the first to be served first."""
    under_way: Counter[tuple[Lane, CommunicationState]] = Counter()
    grouped = (
        select(Communication.lane, Communication.state, func.count())
        .where(Communication.state.in_(_UNDER_WAY))
        .group_by(Communication.state, Communication.lane)
    )
    for lane, state, count in session.execute(grouped):
        under_way[lane, state] = count
    oldest: dict[Lane, datetime] = {}
    for head in read_heads(session, (CommunicationState.QUEUED,)):
        oldest[head.lane] = min(oldest.get(head.lane, head.due_at), head.due_at)
    return tuple(
        LaneStatus(
            lane, _count(session, CommunicationState.QUEUED, lane), oldest.get(lane),
            *(under_way[lane, state] for state in _UNDER_WAY),
        )
        for lane in Lane
    )  # fmt: skip


def read_dead_letters(session: Session) -> list[DeadGroup]:
    """Return what waits for a person, by reason, the newest first."""
    counts: Counter[tuple[Group, str | None]] = Counter()
    newest: dict[tuple[Group, str | None], datetime] = {}
    full: set[tuple[Group, str | None]] = set()
    for head in read_heads(session, AT_REST):
        newest_rows = _newest_at_rest(
            head.state, head.lane, head.route, Communication.reason, Communication.error_class,
            Communication.errcode, Communication.due_at,
        )  # fmt: skip
        rows = session.execute(newest_rows).all()
        for reason, error_class, errcode, due_at in rows:
            group = Group(head.state, head.route.channel, key_of(head.route), reason, errcode)
            key = (group, error_class)
            counts[key] += 1
            newest[key] = max(newest.get(key, due_at), due_at)
            if len(rows) == SAMPLE:
                full.add(key)
    return [
        DeadGroup(*key, counts[key], key in full, at)
        for key, at in sorted(newest.items(), key=lambda one: one[1], reverse=True)
    ]


def count_at_rest(session: Session) -> dict[CommunicationState, int]:
    """Return how many messages wait for a person; each count ends at `MOST`."""
    return {state: _count(session, state, *Lane) for state in AT_REST}


def list_messages(session: Session, group: Group) -> list[MessageLine]:
    """Return the newest `PAGE` messages of a group, sought where its count is from."""
    found: list[tuple[datetime, int]] = []
    route = route_of(group.channel, group.app_key)
    for lane in Lane:
        newest = _newest_at_rest(group.state, lane, route, Communication.id).subquery()
        rows = session.execute(
            select(Communication.due_at, Communication.id)
            .join(newest, newest.c.id == Communication.id)
            .where(is_one_of(group))
            .order_by(Communication.due_at.desc(), Communication.id.desc())
            .limit(PAGE)
        )
        found += [(due_at, id_) for due_at, id_ in rows]
    listed = session.execute(
        select(
            Communication.public_id, Communication.kind, Communication.tries,
            Communication.due_at, Communication.expires_at,
            may_have_arrived().label("is_doubtful"),
        )
        .where(Communication.id.in_([id_ for _, id_ in sorted(found, reverse=True)[:PAGE]]))
        .order_by(Communication.due_at.desc(), Communication.id.desc())
    )  # fmt: skip
    return [MessageLine(**row._mapping) for row in listed]


def _count(session: Session, state: CommunicationState, *lanes: Lane) -> int:
    some = (
        select(Communication.id)
        .where(Communication.state == state, Communication.lane.in_(lanes))
        .limit(MOST)
    )
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _newest_at_rest(
    state: CommunicationState, lane: Lane, route: Route, *columns: Any
) -> Select[Any]:
    """Select the newest `SAMPLE` of one state, lane and route, in the order of the index."""
    app_key = Communication.app_key
    return (
        select(*columns)
        .where(
            Communication.state == state,
            Communication.lane == lane,
            Communication.channel == route.channel,
            app_key == route.app_key if route.app_key else app_key.is_(None),
        )
        .order_by(Communication.due_at.desc())
        .limit(SAMPLE)
    )
