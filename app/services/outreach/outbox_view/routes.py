"""Routes: how much goes by each, what closes it, and what people did to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.domain.outreach.channels import BY_PERSON, day_quota
from app.domain.outreach.gates import Closed, Gate
from app.domain.outreach.messaging import Channel, CommunicationState, Route
from app.domain.outreach.sending_deeds import DeedKind
from app.models import (
    MemberMinute,
    PlatformToken,
    Practitioner,
    RouteGate,
    RouteMinute,
    SendingDeed,
)
from app.models.outreach.route import key_of, route_of
from app.services.outreach.outbox_view.heads import read_heads

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
# The members that we know; the corporation's limit is what WeCom counts by.
_SEATS: Final = select(func.count(Practitioner.id)).where(
    Practitioner.is_active.is_(True), Practitioner.wecom_userid.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Counted:
    called: int
    accepted: int


@dataclass(frozen=True, slots=True)
class GateState:
    """A closed route; no `until`: paused by a person."""

    why: Closed
    since: datetime | None
    until: datetime | None
    is_told: bool


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """One route now; `minute` is the last whole one, `left` what the platform takes today."""

    channel: Channel
    app_key: str
    oldest_due_at: datetime | None
    minute: Counted
    hour: Counted
    day: Counted
    quota: int | None
    left: int | None
    gate: GateState | None


@dataclass(frozen=True, slots=True)
class Deed:
    kind: DeedKind
    who: str | None
    why: str | None
    messages: int
    at: datetime


def read_routes(session: Session, now: datetime, day_began_at: datetime) -> list[RouteStatus]:
    """Return every route that has something to send, ever sent anything, or is closed."""
    oldest: dict[Route, datetime] = {}
    for head in read_heads(session, (CommunicationState.QUEUED,)):
        oldest[head.route] = min(oldest.get(head.route, head.due_at), head.due_at)
    gates = {route_of(row.channel, row.app_key): row for row in session.scalars(select(RouteGate))}
    ever = select(RouteMinute.channel, RouteMinute.app_key).distinct()
    counted = {route_of(channel, key) for channel, key in session.execute(ever)}
    seats = session.scalar(_SEATS) or 0
    return [
        _status(session, route, oldest.get(route), gates.get(route), seats, now, day_began_at)
        for route in sorted({*oldest, *gates, *counted}, key=lambda one: (one.channel, key_of(one)))
    ]


def read_route(
    session: Session, route: Route, now: datetime, day_began_at: datetime
) -> RouteStatus | None:
    """Return one route, or None where nothing ever went or is to go by it."""
    key = key_of(route)
    found = (
        one
        for one in read_routes(session, now, day_began_at)
        if (one.channel, one.app_key) == (route.channel, key)
    )
    return next(found, None)


def list_deeds(session: Session, route: Route) -> list[Deed]:
    """Return what people did by hand to a route and its messages, the newest first."""
    rows = session.execute(
        select(SendingDeed, Practitioner)
        .outerjoin(Practitioner, Practitioner.id == SendingDeed.practitioner_id)
        .where(SendingDeed.channel == route.channel, SendingDeed.app_key == key_of(route))
        .order_by(SendingDeed.id.desc())
        .limit(20)
    )
    return [
        Deed(deed.kind, who.name if who else None, deed.why, deed.messages, deed.at)
        for deed, who in rows
    ]


def count_token_drops(session: Session) -> int:
    """Return how often platforms refused our tokens on the last day they did, over all apps."""
    return int(session.scalar(select(func.sum(PlatformToken.drops))) or 0)


def _status(
    session: Session,
    route: Route,
    oldest: datetime | None,
    gate: RouteGate | None,
    seats: int,
    now: datetime,
    day_began_at: datetime,
) -> RouteStatus:
    this_minute = now.replace(second=0, microsecond=0)
    minute, hour, day = _count_calls(session, route, this_minute, day_began_at)
    quota = day_quota(route.channel, seats)
    used = day.called
    if route.channel in BY_PERSON:
        used = _count_persons(session, route.app_key, day_began_at)
    return RouteStatus(
        route.channel, key_of(route), oldest, minute, hour, day, quota,
        None if quota is None else max(0, quota - used), _gate(gate, now),
    )  # fmt: skip


def _count_calls(
    session: Session, route: Route, this_minute: datetime, day_began_at: datetime
) -> tuple[Counted, Counted, Counted]:
    """Count the last whole minute, the hour and the day."""
    columns: list[Any] = []
    for since, until in (
        (this_minute - _MINUTE, this_minute),
        (this_minute - _HOUR, this_minute),
        (day_began_at, this_minute + _MINUTE),
    ):
        within = (RouteMinute.minute >= since) & (RouteMinute.minute < until)
        for number in (RouteMinute.called, RouteMinute.accepted):
            columns.append(func.coalesce(func.sum(case((within, number), else_=0)), 0))
    row = session.execute(
        select(*columns).where(
            RouteMinute.channel == route.channel,
            RouteMinute.app_key == key_of(route),
            RouteMinute.minute >= min(day_began_at, this_minute - _HOUR),
        )
    ).one()
    numbers = [int(one) for one in row]
    return Counted(*numbers[0:2]), Counted(*numbers[2:4]), Counted(*numbers[4:6])


def _count_persons(session: Session, app_key: str, since: datetime) -> int:
    """Count messages to members by one app: a card to four is four."""
    return int(
        session.scalar(
            select(func.sum(MemberMinute.called)).where(
                MemberMinute.recipient_key.startswith(f"{app_key}:", autoescape=True),
                MemberMinute.minute >= since,
            )
        )
        or 0
    )


def _gate(row: RouteGate | None, now: datetime) -> GateState | None:
    if row is None or row.closed is None:
        return None
    # A limit whose minute or day is over closes nothing, although no message said so yet.
    if Gate(row.failures, row.closed, row.closed_at, row.until).allows(now) is None:
        return None
    return GateState(row.closed, row.closed_at, row.until, row.told is row.closed)
