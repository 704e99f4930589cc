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
from app.models import Event, MemberMinute, RouteGate, RouteMinute

log = structlog.get_logger()

_NO_APP: Final = "-"  # in a key: the route needs no app of ours (SMS)
_MINUTES: Final = RouteMinute.metadata.tables[RouteMinute.__tablename__]
_MEMBERS: Final = MemberMinute.metadata.tables[MemberMinute.__tablename__]


def allowances(session: Session, now: datetime) -> dict[Route, int]:
    """Return how many messages may go by each route that is not simply open."""
    closed = select(RouteGate).where(RouteGate.closed.is_not(None))
    found = {}
    for row in session.scalars(closed):
        allowed = _gate(row).allows(now)
        if allowed is not None:
            app_key = "" if row.app_key == _NO_APP else row.app_key
            found[Route(row.channel, app_key)] = allowed
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
        key = {"channel": route.channel, "app_key": _name(route), "minute": minute}
        _add(session, _MINUTES, [{**key, "called": len(some), "accepted": accepted}])


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
    row = _row(session, route, lock=True)
    if row is None:
        row = RouteGate(channel=route.channel, app_key=_name(route), failures=0)
        session.add(row)
    before = _gate(row)
    gate = after(before, some, now)
    row.failures, row.closed = gate.failures, gate.closed
    row.closed_at, row.until = gate.closed_at, gate.until
    if gate.closed is not before.closed:
        _tell(session, route, gate.closed, now)


def _tell(session: Session, route: Route, closed: Closed | None, now: datetime) -> None:
    kind = "route.opened" if closed is None else "route.closed"
    told: dict[str, Any] = {
        "channel": route.channel.value, "app_key": route.app_key, "why": closed and closed.value
    }  # fmt: skip
    log.warning(kind.replace(".", "_"), **told)
    session.add(Event.of(kind, now, **told))
    session.flush()


def _row(session: Session, route: Route, *, lock: bool = False) -> RouteGate | None:
    chosen = select(RouteGate).filter_by(channel=route.channel, app_key=_name(route))
    return session.scalar(
        chosen.with_for_update().execution_options(populate_existing=True) if lock else chosen
    )


def _name(route: Route) -> str:
    return route.app_key or _NO_APP


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
