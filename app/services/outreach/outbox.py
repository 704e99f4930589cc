"""The outbox: claim, call, settle. The row is the truth; a call is made for a committed claim.

A worker claims a batch (lease and random token), commits `calling` before the first byte leaves,
makes the calls with no transaction open, and settles. Every write after the claim checks the
token, so a worker that slept past its lease changes nothing.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Select, and_, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.database import database_time
from app.domain.outreach.decency import Cancel, Postpone, Rules
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Lane,
    Outcome,
    Outgoing,
)
from app.encryption import SealBroken
from app.models import (
    Communication,
    CommunicationAttempt,
    EarlyReceipt,
)
from app.models.outreach.delivery import (
    accept,
    end_in_failure,
    leave_unknown,
    may_repeat,
    requeue,
    rest,
    take_failure,
    take_silence,
)
from app.models.outreach.receipt import apply_early_receipts
from app.models.outreach.still_true import postpone, still_true
from app.models.outreach.subscription_ledger import spend

log = structlog.get_logger()

LEASE: Final = timedelta(seconds=60)
_USUAL: Final = Rules()
# A message at rest longer than this is found by the sweeper, whatever state it is in.
_TOKEN_PAUSE: Final = timedelta(minutes=5)
AGE_LIMIT: Final = timedelta(hours=1)


def claim(
    session: Session, now: datetime, limit: int = 64, channels: Iterable[Channel] | None = None
) -> tuple[str, list[int]]:
    """Claim what is due, clinical first; return the token and the ids claimed.

    One message a recipient: the platform refuses a second call in flight (43108), and the unique
    column `in_flight` holds that over all workers.
    """
    token = secrets.token_urlsafe(16)
    lease_until = database_time(session) + LEASE
    first_of: dict[str, int] = {}
    for lane in Lane:
        for row in session.execute(_waiting(lane, now, limit * 2, channels)):
            first_of.setdefault(row.recipient_key, row.id)
        if len(first_of) >= limit:
            break
    return token, _take(session, list(first_of.values())[:limit], token, lease_until)


def _waiting(
    lane: Lane, now: datetime, limit: int, channels: Iterable[Channel] | None
) -> Select[int, str]:
    """Select what is due in one lane and whose recipient is free, locked.

    A lane at a time reads the index in its order; sorting over all lanes would lock every row
    that is due, and one recipient with a thousand messages would hide the others.
    """
    other = aliased(Communication)
    waiting = (
        select(Communication.id, Communication.recipient_key)
        .where(
            Communication.state == CommunicationState.QUEUED,
            Communication.lane == lane,
            Communication.due_at <= now,
            Communication.expires_at > now,
            ~exists().where(other.in_flight == Communication.recipient_key),
        )
        .order_by(Communication.due_at, Communication.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if channels is not None:
        waiting = waiting.where(Communication.channel.in_(tuple(channels)))
    return waiting


def _take(session: Session, ids: list[int], token: str, lease_until: datetime) -> list[int]:
    """Mark `ids` claimed; where another worker took a recipient meanwhile, one by one."""
    take = update(Communication).values(
        state=CommunicationState.CLAIMED,
        claim_token=token,
        lease_until=lease_until,
        in_flight=Communication.recipient_key,
    )
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


def begin_calling(
    session: Session, token: str, ids: Sequence[int], now: datetime, rules: Rules = _USUAL
) -> list[tuple[int, Outgoing]]:
    """Commit to calling: spend rights, write the attempts, return what the senders need.

    What lost its claim, its right, its time or its reason meanwhile is left out, and so is what
    may no longer be repeated. The lease begins anew: a batch waits for the calls before it.
    The caller commits before it makes the first call.
    """
    at = database_time(session)
    rows = session.scalars(
        select(Communication)
        .where(
            Communication.id.in_(ids),
            Communication.claim_token == token,
            Communication.state == CommunicationState.CLAIMED,
            Communication.lease_until > at,
        )
        .order_by(Communication.id)
        .with_for_update()
    ).all()
    verdicts = still_true(session, [row.id for row in rows], now, rules)
    doubtful = _doubtful(session, rows, now)
    ready: list[tuple[Communication, Outgoing]] = []
    for row in rows:
        verdict = verdicts[row.id]
        if row.expires_at <= now:
            rest(row, CommunicationState.EXPIRED, "expired")
        elif isinstance(verdict, Cancel):
            rest(row, CommunicationState.CANCELLED, verdict.reason)
        elif isinstance(verdict, Postpone):
            continue
        elif row.id in doubtful:
            leave_unknown(row, now)
        elif (outgoing := _outgoing(row)) is None:
            rest(row, CommunicationState.HELD, "unreadable")
        else:
            ready.append((row, outgoing))
    postpone(session, verdicts)
    had_right = spend(session, [row for row, _ in ready if row.needs_right], now)
    calls = []
    for row, outgoing in ready:
        if row.needs_right and row.id not in had_right:
            end_in_failure(session, row, CommunicationState.REFUSED, "no-right-left", now)
            continue
        row.state = CommunicationState.CALLING
        row.lease_until = at + LEASE
        row.tries += 1
        row.first_called_at = row.first_called_at or now
        calls.append((row.id, outgoing))
    if calls:
        attempt = {"claim_token": token, "calling_at": now}
        session.execute(
            insert(CommunicationAttempt),
            [{"communication_id": id_, **attempt} for id_, _ in calls],
        )
    return calls


def settle(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> list[int]:
    """Write what came of calls, by message id; return the ids whose claim was lost.

    Nothing may be written for those: another worker has taken them up.
    """
    rows = session.scalars(
        select(Communication)
        .where(
            Communication.id.in_(outcomes),
            Communication.claim_token == token,
            Communication.state == CommunicationState.CALLING,
        )
        .order_by(Communication.id)
        .with_for_update()
    ).all()
    ours = {row.id: outcomes[row.id] for row in rows}
    _finish_attempts(session, token, ours, now)
    for row in rows:
        outcome = ours[row.id]
        if isinstance(outcome, Accepted):
            accept(row, outcome, now)
        else:
            take_failure(session, row, outcome, now)
    _meet_early_receipts(session, rows)
    return [id_ for id_ in outcomes if id_ not in ours]


def _finish_attempts(
    session: Session, token: str, outcomes: Mapping[int, Outcome], now: datetime
) -> None:
    """Close the attempts of these calls, with one statement for each way they ended."""
    alike: dict[Failure | None, list[int]] = {}
    for id_, outcome in outcomes.items():
        alike.setdefault(outcome if isinstance(outcome, Failure) else None, []).append(id_)
    for failure, ids in alike.items():
        session.execute(
            update(CommunicationAttempt)
            .where(
                CommunicationAttempt.communication_id.in_(ids),
                CommunicationAttempt.claim_token == token,
                CommunicationAttempt.finished_at.is_(None),
            )
            .values(
                finished_at=now,
                error_class=failure.error_class if failure else None,
                errcode=failure.errcode if failure else None,
            ),
            execution_options={"synchronize_session": False},
        )


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
        .limit(500)
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
    """Queue messages again that a refused token held back: tokens come and go by themselves."""
    due = session.scalars(
        select(Communication)
        .where(
            Communication.state == CommunicationState.HELD,
            Communication.error_class == ErrorClass.TOKEN,
            Communication.due_at <= now - _TOKEN_PAUSE,
        )
        .limit(500)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        requeue(row, now, timedelta(), counted=True)
        row.due_at = now
    return len(due)


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


def _outgoing(row: Communication) -> Outgoing | None:
    """Return what the sender needs; None for what nobody can read, so that others go on."""
    try:
        content: dict[str, Any] = json.loads(row.content or "{}")
    except (SealBroken, ValueError):
        log.error("message_unreadable", communication_id=row.id)
        return None
    return Outgoing(row.public_id, row.channel, row.app_key or "", content)


def _meet_early_receipts(session: Session, rows: Sequence[Communication]) -> None:
    """Apply receipts that overtook the answer which told us the message's id."""
    ids = [row.platform_id for row in rows if row.platform_id]
    if ids:
        early = select(EarlyReceipt.platform_id).where(EarlyReceipt.platform_id.in_(ids))
        came = set(session.scalars(early))
        for row in rows:
            if row.platform_id in came:
                apply_early_receipts(session, row)


def _doubtful(session: Session, rows: Sequence[Communication], now: datetime) -> set[int]:
    """Return messages that may have arrived already and are too old to be repeated safely.

    The queue may have been long: what was in time when it was queued again need not be now.
    """
    late = [row.id for row in rows if row.tries and not may_repeat(row, now)]
    if not late:
        return set()
    broke_off = select(CommunicationAttempt.communication_id).where(
        CommunicationAttempt.communication_id.in_(late),
        or_(
            CommunicationAttempt.finished_at.is_(None),
            CommunicationAttempt.error_class == ErrorClass.AMBIGUOUS,
        ),
    )
    return set(session.scalars(broke_off))


def _expire(session: Session, now: datetime) -> int:
    due = session.scalars(
        select(Communication)
        .where(
            Communication.state.in_((CommunicationState.QUEUED, CommunicationState.HELD)),
            Communication.expires_at <= now,
        )
        .limit(500)
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
        .limit(500)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        end_in_failure(session, row, CommunicationState.DEAD, "no-receipt", now)
    return len(due)
