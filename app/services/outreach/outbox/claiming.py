"""Claiming what is due, in the order of the lanes, one message a recipient."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.database import database_time
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, Route
from app.models import Communication
from app.services.outreach.outbox.routes import allowances, take_probe

LEASE: Final = timedelta(seconds=60)
_LANES: Final = tuple(Lane)


def claim(
    session: Session,
    now: datetime,
    limit: int = 64,
    channels: Collection[Channel] | None = None,
    lanes: Sequence[Lane] = _LANES,
) -> tuple[str, list[int]]:
    """Claim what is due, the first of `lanes` first; return the token and the ids claimed.

    One message a recipient: the platform refuses a second call in flight (43108), and the unique
    column `in_flight` holds that over all workers. What goes by a closed route waits where it is:
    a breaker holds a route, not its messages one by one.
    """
    token = secrets.token_urlsafe(16)
    lease_until = database_time(session) + LEASE
    first_of: dict[str, int] = {}
    allowed, present = allowances(session, now), _present(session, channels)
    for lane in lanes:
        routes = [one for one in present.get(lane, ()) if allowed.get(one) != 0]
        for turn, route in enumerate(routes):
            share = (limit - len(first_of)) // (len(routes) - turn)
            if route in allowed:
                share = min(share, 1) if take_probe(session, route, now) else 0
            _take_turns(session, first_of, _waiting(lane, route, now, share * 2), share)
        if len(first_of) >= limit:
            break
    return token, _take(session, list(first_of.values()), token, lease_until)


def _present(
    session: Session, channels: Collection[Channel] | None
) -> Mapping[Lane, Sequence[Route]]:
    """Find by which routes something of each lane goes: few, whatever the outbox holds.

    Asked for all states, MariaDB leaps over the index from one route to the next; asked for one
    it reads every entry of that state. SQLite always reads, and has the fewer entries to read.
    """
    keys = (
        Communication.state, Communication.lane, Communication.channel, Communication.app_key,
    )  # fmt: skip
    chosen = select(*keys).group_by(*keys)
    if session.get_bind().dialect.name == "sqlite":
        chosen = chosen.where(Communication.state == CommunicationState.QUEUED)
    found: dict[Lane, list[Route]] = defaultdict(list)
    for state, lane, channel, app_key in session.execute(chosen):
        if state is CommunicationState.QUEUED and (channels is None or channel in channels):
            found[lane].append(Route(channel, app_key or ""))
    return found


def _waiting(lane: Lane, route: Route, now: datetime, limit: int) -> Select[int, str]:
    """Select what is due in one lane by one route and whose recipient is free, locked.

    A lane and route at a time reads the index in its order; sorting over all would lock every
    row that is due, and one recipient with a thousand messages would hide the others.
    """
    other = aliased(Communication)
    app_key = Communication.app_key
    return (
        select(Communication.id, Communication.recipient_key)
        .where(
            Communication.state == CommunicationState.QUEUED,
            Communication.lane == lane,
            Communication.channel == route.channel,
            app_key == route.app_key if route.app_key else app_key.is_(None),
            Communication.due_at <= now,
            Communication.expires_at > now,
            ~exists().where(other.in_flight == Communication.recipient_key),
        )
        .order_by(Communication.due_at, Communication.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def _take_turns(
    session: Session, first_of: dict[str, int], waiting: Select[int, str], share: int
) -> None:
    """Add up to `share` messages to `first_of`, one a recipient."""
    if share <= 0:
        return
    for id_, recipient in session.execute(waiting):
        if recipient not in first_of:
            first_of[recipient] = id_
            share -= 1
            if not share:
                return


def _take(session: Session, ids: list[int], token: str, lease_until: datetime) -> list[int]:
    """Mark `ids` claimed; where another worker took a recipient meanwhile, one by one."""
    take = (
        update(Communication)
        .values(
            state=CommunicationState.CLAIMED,
            claim_token=token,
            lease_until=lease_until,
            in_flight=Communication.recipient_key,
        )
        .execution_options(synchronize_session=False)
    )
    if not ids:
        return ids
    try:
        with session.begin_nested():
            session.execute(take.where(Communication.id.in_(ids)))
    except IntegrityError:
        taken = []
        for id_ in ids:
            try:
                with session.begin_nested():
                    session.execute(take.where(Communication.id == id_))
                taken.append(id_)
            except IntegrityError:
                continue
        return taken
    return ids


def release(session: Session, token: str, ids: Sequence[int]) -> None:
    """Put what a claim has not begun back into the queue: a worker that stops leaves nothing."""
    session.execute(
        update(Communication)
        .where(
            Communication.id.in_(ids),
            Communication.claim_token == token,
            Communication.state == CommunicationState.CLAIMED,
        )
        .values(state=CommunicationState.QUEUED, claim_token=None, lease_until=None, in_flight=None)
        .execution_options(synchronize_session=False)
    )
