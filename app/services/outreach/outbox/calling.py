"""Beginning the calls of a claim: what may still go out is `calling` before its first byte."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import BindParameter, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from app.database import database_time
from app.domain.outreach.decency import Cancel, Postpone, Rules
from app.domain.outreach.messaging import Channel, CommunicationState, Outgoing, Route
from app.encryption import SealBroken
from app.models import Communication, CommunicationAttempt
from app.models.outreach.delivery import (
    broke_off,
    end_in_failure,
    leave_unknown,
    may_repeat,
    requeue,
    rest,
)
from app.models.outreach.still_true import postpone, still_true
from app.models.outreach.subscription_ledger import spend
from app.services.outreach.outbox.claiming import LEASE, release
from app.services.outreach.outbox.members import crowded_out
from app.services.outreach.outbox.routes import allowances

log = structlog.get_logger()

_A_WHILE: Final = timedelta(minutes=1)
_USUAL: Final = Rules()


class _Claimed(NamedTuple):
    """The columns of a claimed message that a call needs."""

    id: int
    public_id: str
    channel: Channel
    app_key: str | None
    content_sealed: bytes
    needs_right: bool
    account_id: int | None
    template_id: str | None
    claim_token: str
    tries: int
    first_called_at: datetime | None
    expires_at: datetime


# Written once, not for every group: SQLAlchemy's part of a statement costs as much as MariaDB's.
_IDS: Final[BindParameter[int]] = bindparam("ids", expanding=True)
_BEGIN: Final = (
    select(*(getattr(Communication, name) for name in _Claimed._fields))
    .where(
        Communication.id.in_(_IDS),
        Communication.claim_token == bindparam("token"),
        Communication.state == CommunicationState.CLAIMED,
        Communication.lease_until > bindparam("at"),
    )
    .order_by(Communication.id)
    .with_for_update()
)
_MARK: Final = (
    update(Communication)
    .where(Communication.id.in_(_IDS))
    .values(
        state=CommunicationState.CALLING,
        lease_until=bindparam("until"),
        tries=Communication.tries + 1,
        first_called_at=func.coalesce(Communication.first_called_at, bindparam("now")),
    )
    .execution_options(synchronize_session=False)
)
_ATTEMPTS: Final = CommunicationAttempt.metadata.tables[CommunicationAttempt.__tablename__]
_ATTEMPT: Final = insert(_ATTEMPTS).from_select(
    ["communication_id", "claim_token", "calling_at"],
    select(
        Communication.id,
        Communication.claim_token,
        bindparam("now", type_=_ATTEMPTS.c.calling_at.type),
    ).where(Communication.id.in_(_IDS)),
)


def begin_calling(
    session: Session, token: str, ids: Sequence[int], now: datetime, rules: Rules = _USUAL
) -> list[tuple[int, Outgoing]]:
    """Commit to calling: spend rights, write the attempts, return what the senders need.

    What lost its claim, its right, its route, its time or its reason meanwhile is left out, and so
    is what may no longer be repeated. The lease begins anew: a chunk waits for the calls before it.
    The caller commits before it makes the first call.
    """
    at = database_time(session)
    found = session.execute(_BEGIN, {"ids": ids, "token": token, "at": at})
    rows = _without_closed(session, token, [_Claimed(*row) for row in found], now)
    verdicts = still_true(session, [row.id for row in rows], now, rules)
    doubtful = _doubtful(session, rows, now)
    ready: list[tuple[_Claimed, Outgoing]] = []
    left_out: dict[int, tuple[CommunicationState, str]] = {}
    for row in rows:
        verdict = verdicts[row.id]
        if row.expires_at <= now:
            left_out[row.id] = (CommunicationState.EXPIRED, "expired")
        elif isinstance(verdict, Cancel):
            left_out[row.id] = (CommunicationState.CANCELLED, verdict.reason)
        elif isinstance(verdict, Postpone):
            continue
        elif row.id in doubtful:
            left_out[row.id] = (CommunicationState.UNKNOWN, "no-answer")
        elif (outgoing := _outgoing(row)) is None:
            left_out[row.id] = (CommunicationState.HELD, "unreadable")
        else:
            ready.append((row, outgoing))
    postpone(session, verdicts)
    waiting = crowded_out(session, [(row.id, outgoing) for row, outgoing in ready], now)
    had_right = spend(session, [row for row, _ in ready if row.needs_right], now)
    calls = []
    for row, outgoing in ready:
        if row.id in waiting:
            left_out[row.id] = (CommunicationState.QUEUED, "many-at-once")
        elif row.needs_right and row.id not in had_right:
            left_out[row.id] = (CommunicationState.REFUSED, "no-right-left")
        else:
            calls.append((row.id, outgoing))
    _leave_out(session, left_out, now)
    if calls:
        called = {"ids": [id_ for id_, _ in calls], "now": now}
        session.execute(_MARK, {**called, "until": at + LEASE})
        session.execute(_ATTEMPT, called)
    return calls


def _without_closed(
    session: Session, token: str, rows: Sequence[_Claimed], now: datetime
) -> list[_Claimed]:
    """Put back what goes by a route that was closed since the claim, and return the others.

    A claim holds hundreds; begun all the same, each would fail, and those that go at most once
    would be `unknown`. One alone is the probe, or does no more harm than one.
    """
    closed = allowances(session, now)
    by_route: dict[Route, list[int]] = {}
    for row in rows if closed else ():
        by_route.setdefault(Route(row.channel, row.app_key or ""), []).append(row.id)
    back = {
        id_ for route, ids in by_route.items() if route in closed and len(ids) > 1 for id_ in ids
    }
    if back:
        release(session, token, sorted(back))
    return [row for row in rows if row.id not in back]


def _leave_out(
    session: Session, left_out: Mapping[int, tuple[CommunicationState, str]], now: datetime
) -> None:
    """Write, message by message, why some are not called."""
    if not left_out:
        return
    rows = select(Communication).where(Communication.id.in_(left_out))
    for row in session.scalars(rows.execution_options(populate_existing=True)):
        state, reason = left_out[row.id]
        if state is CommunicationState.REFUSED:
            end_in_failure(session, row, state, reason, now)
        elif state is CommunicationState.UNKNOWN:
            leave_unknown(row, now)
        elif state is CommunicationState.QUEUED:
            requeue(row, now, _A_WHILE, counted=False)
        else:
            rest(row, state, reason)


def _outgoing(row: _Claimed) -> Outgoing | None:
    """Return what the sender needs; None for what nobody can read, so that others go on."""
    try:
        opened = Communication.content.open(
            Communication.__tablename__, row.public_id, row.content_sealed
        )
        content: dict[str, Any] = json.loads(opened or "{}")
    except (SealBroken, ValueError):
        log.error("message_unreadable", communication_id=row.id)
        return None
    return Outgoing(row.public_id, row.channel, row.app_key or "", content)


def _doubtful(session: Session, rows: Sequence[_Claimed], now: datetime) -> set[int]:
    """Return messages that may have arrived already and are too old to be repeated safely.

    The queue may have been long: what was in time when it was queued again need not be now.
    """
    late = [
        row.id
        for row in rows
        if row.tries and not may_repeat(row.channel, row.first_called_at, now)
    ]
    if not late:
        return set()
    doubtful = select(CommunicationAttempt.communication_id).where(
        CommunicationAttempt.communication_id.in_(late),
        broke_off(),
    )
    return set(session.scalars(doubtful))
