"""How the outcome of a call changes its message: the table of error classes, in one place."""

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import Session, object_session

from app.domain.outreach.channels import CONTRACTS, DELIVERY, OnAmbiguity, Receipt
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
)
from app.models.event import Event
from app.models.outreach.communication import Communication, CommunicationAttempt
from app.models.outreach.shared_message import split
from app.models.outreach.subscription_ledger import give_back, write_off

# A receipt for a call that broke off normally comes within minutes.
_RECEIPT_WAIT: Final = timedelta(minutes=15)
_BUSY_WAITS: Final = (5, 30, 120)  # seconds, each with jitter
_LONG_WAIT: Final = 300  # after MAX_TRIES
MAX_TRIES: Final = 8
# Waiting for a person's or a bucket's turn is no failed try.
_COUNTED: Final = (ErrorClass.BUSY, ErrorClass.NOT_SENT)
_NO_RIGHT: Final = 43101


def accept(row: Communication, outcome: Accepted, now: datetime) -> None:
    rest(row, CommunicationState.SENT, None)
    row.sent_at = row.sent_at or now
    # A repeat that the platform dropped has the id of the first, if any.
    row.platform_id = outcome.platform_id or row.platform_id
    row.error_class = row.errcode = None
    if outcome.response_code:
        row.response_code = outcome.response_code
    # Without receipts taken is all we shall know.
    if outcome.is_delivered or is_without_receipt(row.channel):
        row.state = CommunicationState.DELIVERED
        row.delivered_at = now
    session = object_session(row)
    if outcome.refused and session is not None:
        row.reason = f"{len(outcome.refused)} recipients left out"
        split(session, row, dict.fromkeys(outcome.refused, "left out"), (), now)


def is_without_receipt(channel: Channel) -> bool:
    """Tell whether a message taken by this channel is all we shall ever know of it."""
    return CONTRACTS[channel].receipt is Receipt.NONE


def take_failure(session: Session, row: Communication, failure: Failure, now: datetime) -> None:
    kind = failure.error_class
    row.error_class, row.errcode = kind, failure.errcode
    if kind is ErrorClass.AMBIGUOUS:
        take_silence(row, now)
        return
    if kind is ErrorClass.DUPLICATE:
        accept(row, Accepted(), now)
        return
    if row.needs_right and failure.errcode == _NO_RIGHT:
        write_off(session, row, now)
    elif row.needs_right:
        give_back(session, row, now)
    if kind in (ErrorClass.RECIPIENT, ErrorClass.WINDOW):
        end_in_failure(session, row, CommunicationState.REFUSED, kind, now)
    elif kind is ErrorClass.CONTENT:
        end_in_failure(session, row, CommunicationState.DEAD, kind, now)
    elif kind in (ErrorClass.OURS, ErrorClass.OTHER, ErrorClass.TOKEN):
        rest(row, CommunicationState.HELD, kind)
        row.due_at = now  # since when it is held
    elif kind is ErrorClass.BUSY and row.tries >= MAX_TRIES:
        # What did not even leave is tried until its time is over: nobody refused it.
        end_in_failure(session, row, CommunicationState.DEAD, "tries-used-up", now)
    else:
        requeue(row, now, _wait(kind, row.tries, now), counted=kind in _COUNTED)


def take_silence(row: Communication, now: datetime) -> None:
    """A call broke off after its first byte: resend only where the platform drops repeats."""
    row.error_class = ErrorClass.AMBIGUOUS
    wait = _wait(ErrorClass.BUSY, row.tries, now)
    if may_repeat(row.channel, row.first_called_at, now + wait) and row.tries < MAX_TRIES:
        requeue(row, now, wait, counted=True)
    else:
        leave_unknown(row, now)


def may_repeat(channel: Channel, first_called_at: datetime | None, at: datetime) -> bool:
    """Return whether the platform would still drop a repeat of a call that broke off."""
    rule = DELIVERY[channel]
    since = first_called_at or at
    return rule.on_ambiguity is OnAmbiguity.RESEND and at - since < rule.resend_for


def broke_off() -> ColumnElement[bool]:
    """Return whether an attempt may have reached the person although nobody said so."""
    return or_(
        CommunicationAttempt.finished_at.is_(None),
        CommunicationAttempt.error_class == ErrorClass.AMBIGUOUS,
    )


def leave_unknown(row: Communication, now: datetime) -> None:
    rest(row, CommunicationState.UNKNOWN, "no-answer")
    row.due_at = now + _RECEIPT_WAIT


def requeue(row: Communication, now: datetime, wait: timedelta, *, counted: bool) -> None:
    if row.state is CommunicationState.CALLING and not counted:
        row.tries -= 1
    rest(row, CommunicationState.QUEUED, row.reason)
    row.due_at = max(now + wait, row.due_at)


def send_again(row: Communication, now: datetime) -> None:
    """Queue a message that rests as if it were new: a person mended what stood in its way."""
    rest(row, CommunicationState.QUEUED, None)
    row.error_class = row.errcode = row.first_called_at = None
    row.tries = 0
    row.due_at = now


def rest(row: Communication, state: CommunicationState, reason: str | None) -> None:
    """Give up the claim and the recipient's turn."""
    row.state = state
    row.reason = reason
    row.claim_token = row.lease_until = row.in_flight = None


def end_in_failure(
    session: Session, row: Communication, state: CommunicationState, reason: str, now: datetime
) -> None:
    """End a message that did not arrive; the event lets another channel take it up."""
    rest(row, state, reason)
    session.add(
        Event.of("communication.failed", now, patient_id=row.patient_id, communication_id=row.id)
    )


def _wait(kind: ErrorClass, tries: int, now: datetime) -> timedelta:
    jitter = secrets.randbelow(1000) / 1000
    if kind is ErrorClass.PERSON_BUSY:
        return timedelta(seconds=1 + 4 * jitter)
    if kind is ErrorClass.RATE:
        return timedelta(seconds=60 - now.second + 5 * jitter)
    if kind is ErrorClass.QUOTA:
        # The platform counts by its own day; a few minutes after its midnight.
        return timedelta(seconds=86_400 - (now.timestamp() + 8 * 3600) % 86_400 + 300)
    base = _BUSY_WAITS[min(tries - 1, len(_BUSY_WAITS) - 1)] if tries < MAX_TRIES else _LONG_WAIT
    return timedelta(seconds=base * (0.5 + jitter / 2))
