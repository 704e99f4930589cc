"""The routes: which are closed, what came of the calls made by them, and how many there were."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Table, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session

from app.domain.outreach.gates import Closed, Gate, after
from app.domain.outreach.messaging import Accepted, Outcome, Route
from app.domain.outreach.sending_deeds import By, DeedKind
from app.models import Event, MemberMinute, RouteGate, RouteMinute, SendingDeed
from app.models.outreach.route import key_of, route_of

log = structlog.get_logger()

_MINUTES: Final = RouteMinute.metadata.tables[RouteMinute.__tablename__]
_MEMBERS: Final = MemberMinute.metadata.tables[MemberMinute.__tablename__]


def allowances(session: Session, now: datetime) -> dict[Route, int]:
    """Return how many messages may go by each route that is not simply open."""
    closed = select(RouteGate).where(RouteGate.closed.is_not(None))
    found = {}
    for row in session.scalars(closed):
        allowed = _gate(row).allows(now)
        if allowed is not None:
            found[route_of(row.channel, row.app_key)] = allowed
    return found


def take_probe(session: Session, route: Route, now: datetime) -> bool:
    """Make this claim the one that tries a closed route; False when another does already."""
    row = _row(session, route, lock=True)
    if row is None or _gate(row).allows(now) != 1:
        return False
    row.until = _gate(row).probing(now).until
    return True


def note(session: Session, outcomes: Mapping[Route, Sequence[Outcome]], now: datetime) -> None:
    """Count the calls of each route and set its gate by what came of them."""
    minute = now.replace(second=0, microsecond=0)
    for route, some in sorted(outcomes.items(), key=lambda one: str(one[0])):
        _set_gate(session, route, some, now)
        accepted = sum(isinstance(one, Accepted) for one in some)
        key = {"channel": route.channel, "app_key": key_of(route), "minute": minute}
        _add(session, _MINUTES, [{**key, "called": len(some), "accepted": accepted}])


def pause(session: Session, route: Route, by: By, now: datetime) -> None:
    """Hold everything that goes by a route until a person opens it; what is on the wire ends."""
    row = _locked(session, route)
    _write(session, row, _gate(row).paused(now), now)
    _keep_deed(session, route, DeedKind.PAUSE, by, now)


def open_by_hand(session: Session, route: Route, by: By, now: datetime) -> bool:
    """Let the next message try a closed route at once; False when it is open anyway."""
    row = _row(session, route, lock=True)
    if row is None or row.closed is None:
        return False
    gate = _gate(row).opened(now)
    # That it is open is told when a message came through.
    row.closed, row.until = gate.closed, gate.until
    _keep_deed(session, route, DeedKind.OPEN, by, now)
    return True


def _keep_deed(session: Session, route: Route, kind: DeedKind, by: By, now: datetime) -> None:
    session.add(
        SendingDeed(
            kind=kind, channel=route.channel, app_key=key_of(route),
            practitioner_id=by.practitioner_id, why=by.why, at=now,
        )
    )  # fmt: skip
    session.flush()


def count_members(session: Session, recipients: Mapping[str, int], now: datetime) -> None:
    """Count messages to members of WeCom, by recipient."""
    minute = now.replace(second=0, microsecond=0)
    _add(
        session,
        _MEMBERS,
        [
            {"recipient_key": one, "minute": minute, "called": times}
            for one, times in sorted(recipients.items())
        ],
    )


def _set_gate(session: Session, route: Route, some: Sequence[Outcome], now: datetime) -> None:
    row = _row(session, route)
    before = Gate() if row is None else _gate(row)
    if after(before, some, now) == before:
        return
    # Once more, locked: other workers count failures too.
    row = _locked(session, route)
    _write(session, row, after(_gate(row), some, now), now)


def _locked(session: Session, route: Route) -> RouteGate:
    row = _row(session, route, lock=True)
    if row is None:
        row = RouteGate(channel=route.channel, app_key=key_of(route), failures=0)
        session.add(row)
    return row


def _write(session: Session, row: RouteGate, gate: Gate, now: datetime) -> None:
    was = row.closed
    row.failures, row.closed = gate.failures, gate.closed
    row.closed_at, row.until = gate.closed_at, gate.until
    if gate.closed is not was:
        _tell(session, route_of(row.channel, row.app_key), gate.closed, now)


def _tell(session: Session, route: Route, closed: Closed | None, now: datetime) -> None:
    kind = "route.opened" if closed is None else "route.closed"
    told: dict[str, Any] = {
        "channel": route.channel.value, "app_key": route.app_key, "why": closed and closed.value
    }  # fmt: skip
    log.warning(kind.replace(".", "_"), **told)
    session.add(Event.of(kind, now, **told))
    session.flush()


def _row(session: Session, route: Route, *, lock: bool = False) -> RouteGate | None:
    chosen = select(RouteGate).filter_by(channel=route.channel, app_key=key_of(route))
    return session.scalar(
        chosen.with_for_update().execution_options(populate_existing=True) if lock else chosen
    )


def _gate(row: RouteGate) -> Gate:
    return Gate(row.failures, row.closed, row.closed_at, row.until)


def _add(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the counts of `rows` to those that are there."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    counts = [name for name in rows[0] if name not in keys]
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        new = sqlite.insert(table).values(rows)
        more = {name: table.c[name] + new.excluded[name] for name in counts}
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=more))
        return
    kept = mysql.insert(table).values(rows)
    connection.execute(
        kept.on_duplicate_key_update({name: table.c[name] + kept.inserted[name] for name in counts})
    )
