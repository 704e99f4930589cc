"""Sweeping: what lies where it should not is moved on; nothing is ever invisible."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.database import database_time
from app.domain.outreach.messaging import CommunicationState, ErrorClass, Route
from app.models import Communication
from app.models.outreach.delivery import MAX_TRIES, end_in_failure, requeue, rest, take_silence
from app.services.outreach.outbox.routes import allowances

_HELD_PAUSE: Final = timedelta(minutes=5)
# A message at rest longer than this is found by the sweeper, whatever state it is in.
AGE_LIMIT: Final = timedelta(hours=1)
_AT_ONCE: Final = 500


def sweep(session: Session, now: datetime) -> dict[str, int]:
    """Return expired claims to the queue, make lost calls `unknown`, end what is too old.

    Leases run by the database's clock.
    """
    at = database_time(session)
    lost = session.scalars(
        select(Communication)
        .where(
            Communication.state.in_((CommunicationState.CLAIMED, CommunicationState.CALLING)),
            Communication.lease_until < at,
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    counts = {"requeued": 0, "unknown": 0, "expired": 0, "presumed": 0}
    for row in lost:
        if row.state is CommunicationState.CLAIMED:
            requeue(row, now, timedelta(), counted=True)
            counts["requeued"] += 1
        else:
            take_silence(row, now)
            counts["unknown"] += 1
    counts["requeued"] += _try_held_again(session, now)
    counts["expired"] = _expire(session, now)
    counts["presumed"] = _end_unknown(session, now)
    return counts


def _try_held_again(session: Session, now: datetime) -> int:
    """Queue again what was held for its route's sake: all where it is open, else one as a probe.

    Tokens come and go by themselves, and a fault of ours is mended by somebody; what is refused
    again and again for the same reason waits for a person.
    """
    held = session.scalars(
        select(Communication)
        .where(
            Communication.state == CommunicationState.HELD,
            Communication.error_class.in_((ErrorClass.TOKEN, ErrorClass.OURS)),
            Communication.due_at <= now - _HELD_PAUSE,
            Communication.tries < MAX_TRIES,
        )
        .order_by(Communication.lane, Communication.due_at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    allowed = allowances(session, now)
    queued = 0
    for row in held:
        route = Route(row.channel, row.app_key or "")
        if route in allowed:
            if not allowed[route]:
                continue
            allowed[route] -= 1
        requeue(row, now, timedelta(), counted=True)
        row.due_at = now
        queued += 1
    return queued


def overdue(session: Session, now: datetime) -> dict[CommunicationState, int]:
    """Count, by state, the messages that rest longer than any should: none is ever invisible.

    Each state has the moment from which it should have moved on.
    """
    found = session.execute(
        select(Communication.state, func.count())
        .where(or_(*_too_old(now - AGE_LIMIT)))
        .group_by(Communication.state)
    )
    return dict(found.all())


def _too_old(limit: datetime) -> Iterable[ColumnElement[bool]]:
    since = {
        CommunicationState.QUEUED: Communication.due_at,
        CommunicationState.CLAIMED: Communication.lease_until,
        CommunicationState.CALLING: Communication.lease_until,
        CommunicationState.HELD: Communication.due_at,
        CommunicationState.UNKNOWN: Communication.due_at,
        CommunicationState.SENT: Communication.sent_at,
    }
    for state, column in since.items():
        # A missing moment is as bad as an old one.
        yield and_(Communication.state == state, or_(column.is_(None), column < limit))


def _expire(session: Session, now: datetime) -> int:
    due = session.scalars(
        select(Communication)
        .where(
            Communication.state.in_((CommunicationState.QUEUED, CommunicationState.HELD)),
            Communication.expires_at <= now,
        )
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        rest(row, CommunicationState.EXPIRED, row.reason or "expired")
    return len(due)


def _end_unknown(session: Session, now: datetime) -> int:
    """No receipt came: presume it lost, so that another channel may take it up."""
    due = session.scalars(
        select(Communication)
        .where(Communication.state == CommunicationState.UNKNOWN, Communication.due_at <= now)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        end_in_failure(session, row, CommunicationState.DEAD, "no-receipt", now)
    return len(due)
