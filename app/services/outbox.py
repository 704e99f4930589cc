"""The outbox: claim, call, settle. The row is the truth; a call is made for a committed claim.

A worker claims a batch (lease and random token), commits `calling` before the first byte leaves,
makes the calls with no transaction open, and settles. Every write after the claim checks the
token, so a worker that slept past its lease changes nothing.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import database_time
from app.domain.messaging import (
    DELIVERY,
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    OnAmbiguity,
    Outcome,
    Outgoing,
)
from app.domain.plan_schedule import TaskStatus
from app.models import (
    Communication,
    CommunicationAttempt,
    Event,
    Patient,
    PatientLink,
    Task,
)
from app.models.receipt import apply_early_receipts
from app.models.subscription_ledger import give_back, spend, write_off

LEASE: Final = timedelta(seconds=60)
# A receipt for a call that broke off normally comes within minutes.
_RECEIPT_WAIT: Final = timedelta(minutes=15)
_BUSY_WAITS: Final = (5, 30, 120)  # seconds, each with jitter
_MAX_TRIES: Final = 8
# Waiting for a person's or a bucket's turn is no failed try.
_COUNTED: Final = (ErrorClass.BUSY, ErrorClass.NOT_SENT)
NO_RIGHT: Final = 43101
_CLOSED: Final = (TaskStatus.COMPLETED, TaskStatus.MISSED, TaskStatus.CANCELLED)
# A message at rest longer than this is found by the sweeper, whatever state it is in.
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
    waiting = (
        select(Communication.id, Communication.recipient_key)
        .where(
            Communication.state == CommunicationState.QUEUED,
            Communication.due_at <= now,
            Communication.expires_at > now,
        )
        .order_by(Communication.lane, Communication.due_at)
        .limit(limit * 2)
        .with_for_update(skip_locked=True)
    )
    if channels is not None:
        waiting = waiting.where(Communication.channel.in_(tuple(channels)))
    first_of: dict[str, int] = {}
    for row in session.execute(waiting):
        first_of.setdefault(row.recipient_key, row.id)
    busy = set(
        session.scalars(
            select(Communication.in_flight).where(Communication.in_flight.in_(first_of))
        )
    )
    free = [id_ for key, id_ in first_of.items() if key not in busy][:limit]
    return token, _take(session, free, token, lease_until)


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
    session: Session, token: str, ids: Sequence[int], now: datetime
) -> list[tuple[int, Outgoing]]:
    """Commit to calling: spend rights, write the attempts, return what the senders need.

    What lost its claim, its right, its time or its reason meanwhile is left out. The caller
    commits before it makes the first call.
    """
    rows = session.scalars(
        select(Communication)
        .where(
            Communication.id.in_(ids),
            Communication.claim_token == token,
            Communication.state == CommunicationState.CLAIMED,
        )
        .order_by(Communication.id)
        .with_for_update()
    ).all()
    pointless = _pointless(session, rows)
    calls = []
    for row in rows:
        if row.id in pointless:
            _rest(row, CommunicationState.CANCELLED, "pointless")
        elif row.expires_at <= now:
            _rest(row, CommunicationState.EXPIRED, "expired")
        elif row.needs_right and not spend(session, row, now):
            _fail(session, row, CommunicationState.REFUSED, "no-right-left", now)
        else:
            row.state = CommunicationState.CALLING
            row.tries += 1
            row.first_called_at = row.first_called_at or now
            calls.append((row.id, _outgoing(row)))
    if calls:
        attempt = {"claim_token": token, "calling_at": now}
        session.execute(
            insert(CommunicationAttempt),
            [{"communication_id": id_, **attempt} for id_, _ in calls],
        )
    return calls


def settle(session: Session, token: str, id_: int, outcome: Outcome, now: datetime) -> bool:
    """Write what came of a call; False when the claim was lost and nothing may be written."""
    row = session.scalar(
        select(Communication)
        .where(
            Communication.id == id_,
            Communication.claim_token == token,
            Communication.state == CommunicationState.CALLING,
        )
        .with_for_update()
    )
    if row is None:
        return False
    failure = outcome if isinstance(outcome, Failure) else None
    session.execute(
        update(CommunicationAttempt)
        .where(
            CommunicationAttempt.communication_id == id_,
            CommunicationAttempt.claim_token == token,
            CommunicationAttempt.finished_at.is_(None),
        )
        .values(
            finished_at=now,
            error_class=failure.error_class if failure else None,
            errcode=failure.errcode if failure else None,
        )
    )
    if isinstance(outcome, Accepted):
        _accepted(row, outcome, now)
        if row.platform_id is not None:
            apply_early_receipts(session, row)
    else:
        _failed(session, row, outcome, now)
    return True


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
            _requeue(row, now, timedelta(), counted=True)
            counts["requeued"] += 1
        else:
            _ambiguous(row, now)
            counts["unknown"] += 1
    counts["expired"] = _expire(session, now)
    counts["presumed"] = _end_unknown(session, now)
    return counts


def _outgoing(row: Communication) -> Outgoing:
    content: dict[str, Any] = json.loads(row.content or "{}")
    return Outgoing(row.public_id, row.channel, row.app_key or "", content)


def _accepted(row: Communication, outcome: Accepted, now: datetime) -> None:
    _rest(row, CommunicationState.SENT, None)
    row.sent_at = row.sent_at or now
    row.platform_id = outcome.platform_id
    row.error_class = row.errcode = None
    if outcome.response_code:
        row.response_code = outcome.response_code
    if outcome.refused:
        row.reason = f"{len(outcome.refused)} recipients left out"
    if row.channel in (Channel.WECOM_CARD, Channel.WECOM_TEXT, Channel.WECOM_CARD_UPDATE):
        # WeCom sends no receipt for these: taken is all we shall know.
        row.state = CommunicationState.DELIVERED
        row.delivered_at = now


def _failed(session: Session, row: Communication, failure: Failure, now: datetime) -> None:
    kind = failure.error_class
    row.error_class, row.errcode = kind, failure.errcode
    if kind is ErrorClass.AMBIGUOUS:
        _ambiguous(row, now)
        return
    if kind is ErrorClass.DUPLICATE:
        _accepted(row, Accepted(), now)
        return
    if row.needs_right and failure.errcode == NO_RIGHT:
        write_off(session, row, now)
    elif row.needs_right:
        give_back(session, row, now)
    if kind in (ErrorClass.RECIPIENT, ErrorClass.WINDOW):
        _fail(session, row, CommunicationState.REFUSED, kind, now)
    elif kind is ErrorClass.CONTENT:
        _fail(session, row, CommunicationState.DEAD, kind, now)
    elif kind in (ErrorClass.OURS, ErrorClass.OTHER, ErrorClass.TOKEN):
        _rest(row, CommunicationState.HELD, kind)
    elif row.tries >= _MAX_TRIES:
        _fail(session, row, CommunicationState.DEAD, "tries-used-up", now)
    else:
        _requeue(row, now, _wait(kind, row.tries, now), counted=kind in _COUNTED)


def _wait(kind: ErrorClass, tries: int, now: datetime) -> timedelta:
    jitter = secrets.randbelow(1000) / 1000
    if kind is ErrorClass.PERSON_BUSY:
        return timedelta(seconds=1 + 4 * jitter)
    if kind is ErrorClass.RATE:
        return timedelta(seconds=60 - now.second + 5 * jitter)
    if kind is ErrorClass.QUOTA:
        # The platform counts by its own day; a few minutes after its midnight.
        return timedelta(seconds=86_400 - (now.timestamp() + 8 * 3600) % 86_400 + 300)
    base = _BUSY_WAITS[min(tries - 1, len(_BUSY_WAITS) - 1)]
    return timedelta(seconds=base * (0.5 + jitter / 2))


def _ambiguous(row: Communication, now: datetime) -> None:
    """A call broke off after its first byte: resend only where the platform drops repeats."""
    rule = DELIVERY[row.channel]
    since = row.first_called_at or now
    if rule.on_ambiguity is OnAmbiguity.RESEND and now - since < rule.resend_for:
        _requeue(row, now, _wait(ErrorClass.BUSY, row.tries, now), counted=True)
    else:
        _rest(row, CommunicationState.UNKNOWN, "no-answer")
        row.due_at = now + _RECEIPT_WAIT


def _requeue(row: Communication, now: datetime, wait: timedelta, *, counted: bool) -> None:
    if row.state is CommunicationState.CALLING and not counted:
        row.tries -= 1
    _rest(row, CommunicationState.QUEUED, row.reason)
    row.due_at = max(now + wait, row.due_at)


def _rest(row: Communication, state: CommunicationState, reason: str | None) -> None:
    """Give up the claim and the recipient's turn."""
    row.state = state
    row.reason = reason
    row.claim_token = row.lease_until = row.in_flight = None


def _fail(
    session: Session, row: Communication, state: CommunicationState, reason: str, now: datetime
) -> None:
    """End a message that did not arrive; the event lets another channel take it up."""
    _rest(row, state, reason)
    session.add(
        Event.of("communication.failed", now, patient_id=row.patient_id, communication_id=row.id)
    )


def _pointless(session: Session, rows: Sequence[Communication]) -> set[int]:
    """Return messages whose reason went away between queueing and sending."""
    ids = [row.id for row in rows]
    closed = (
        select(Communication.id)
        .join(Task, Task.id == Communication.task_id)
        .where(Communication.id.in_(ids), Task.status.in_(_CLOSED))
    )
    ended = (
        select(Communication.id)
        .join(PatientLink, PatientLink.id == Communication.link_id)
        .where(Communication.id.in_(ids), PatientLink.is_live.is_(None))
    )
    deceased = (
        select(Communication.id)
        .join(Patient, Patient.id == Communication.patient_id)
        .where(
            Communication.id.in_(ids),
            Communication.link_id.is_not(None),
            Patient.deceased_at.is_not(None),
        )
    )
    return set(session.scalars(closed.union(ended, deceased)))


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
        _rest(row, CommunicationState.EXPIRED, row.reason or "expired")
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
        _fail(session, row, CommunicationState.DEAD, "no-receipt", now)
    return len(due)
