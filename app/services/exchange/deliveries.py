"""The outbox of what goes to other systems: claim, settle, sweep. The row is the truth.

Its own table beside the outbox of messages to people: no rights are spent here, no receipts come,
and a receiver drops repeats by our number, so silence is followed by another call.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.database import database_time
from app.domain.errors import DocumentUnderWay
from app.domain.exchange.delivering import (
    FINAL_ERRORS,
    WAITING,
    Broken,
    CallError,
    CallOutcome,
    DeliveryState,
    Taken,
    wait_before,
)
from app.domain.exchange.documents import HORIZON, DocumentStatus
from app.domain.exchange.webhooks import DISABLE_AFTER, LIFE
from app.models import OutboundDelivery, OutboundDocument, Webhook
from app.models.exchange.answering import answer_document, tell
from app.models.exchange.claims import LEASE, disable, end_document, rest

log = structlog.get_logger()

AGE_LIMIT: Final = timedelta(hours=1)
_SWEPT: Final = 500


def due_webhooks(session: Session, now: datetime) -> list[str]:
    """Return the webhook targets that something is due for."""
    return list(
        session.scalars(
            select(OutboundDelivery.target)
            .where(
                OutboundDelivery.state == DeliveryState.QUEUED,
                OutboundDelivery.target.startswith("webhook:"),
                OutboundDelivery.due_at <= now,
            )
            .distinct()
        )
    )


def claim(
    session: Session, targets: Sequence[str], now: datetime, limit: int
) -> tuple[str, list[int]]:
    """Claim what is due, at most `limit` for each target; return the token and the ids claimed.

    A target at a time: one that has been down for a day must not hide the others.
    """
    token = secrets.token_urlsafe(16)
    lease_until = database_time(session) + LEASE
    ids: list[int] = []
    for target in targets:
        ids += session.scalars(
            select(OutboundDelivery.id)
            .where(
                OutboundDelivery.state == DeliveryState.QUEUED,
                OutboundDelivery.target == target,
                OutboundDelivery.due_at <= now,
            )
            .order_by(OutboundDelivery.due_at, OutboundDelivery.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    if ids:
        session.execute(
            update(OutboundDelivery)
            .where(OutboundDelivery.id.in_(ids))
            .values(state=DeliveryState.CLAIMED, claim_token=token, lease_until=lease_until)
        )
    return token, ids


def settle(
    session: Session, token: str, outcomes: Mapping[int, CallOutcome], now: datetime
) -> list[int]:
    """Write what came of calls, by delivery id; return the ids whose claim was lost.

    Nothing may be written for those: another worker has taken them up.
    """
    rows = session.scalars(
        select(OutboundDelivery)
        .where(
            OutboundDelivery.id.in_(outcomes),
            OutboundDelivery.claim_token == token,
            OutboundDelivery.state == DeliveryState.CALLING,
        )
        .order_by(OutboundDelivery.id)
        .with_for_update()
    ).all()
    for row in rows:
        outcome = outcomes[row.id]
        if isinstance(outcome, Taken):
            _take(session, row, outcome, now)
        else:
            _break_off(session, row, outcome, now)
    settled = {row.id for row in rows}
    return [id_ for id_ in outcomes if id_ not in settled]


def _take(session: Session, row: OutboundDelivery, outcome: Taken, now: datetime) -> None:
    rest(row, DeliveryState.DONE, now)
    row.error = row.error_code = None
    if row.document_id is not None:
        document = session.get_one(OutboundDocument, row.document_id, with_for_update=True)
        document.sent_at = document.sent_at or now
        if document.status is DocumentStatus.QUEUED:
            document.status = DocumentStatus.SENT
            tell(session, document, "sent", now)
        if outcome.answer is not None:
            answer_document(session, document, outcome.answer, now)
    else:
        webhook = session.get_one(Webhook, row.webhook_id)
        if webhook.failing_since is not None:
            webhook.failing_since = None


def _break_off(session: Session, row: OutboundDelivery, outcome: Broken, now: datetime) -> None:
    is_final = outcome.error in FINAL_ERRORS and (
        row.document_id is not None or outcome.error is not CallError.CONTENT
    )
    if is_final:
        rest(row, DeliveryState.DEAD, now, outcome.error, outcome.code)
        if row.document_id is not None:
            end_document(session, row.document_id, DocumentStatus.FAILED, now)
    else:
        _requeue(row, now, outcome.error, outcome.code)
    if row.webhook_id is not None and not _count_failure(session, row.webhook_id, now):
        rest(row, DeliveryState.CANCELLED, now)


def _requeue(
    row: OutboundDelivery, now: datetime, error: CallError, code: int | None = None
) -> None:
    rest(row, DeliveryState.QUEUED, now, error, code)
    row.due_at = now + wait_before(row.tries)


def _count_failure(session: Session, webhook_id: int, now: datetime) -> bool:
    """Note since when a subscriber fails; return whether it is still to be told.

    After three days of nothing but failures it is disabled.
    """
    webhook = session.get_one(Webhook, webhook_id, with_for_update=True)
    if webhook.failing_since is None:
        webhook.failing_since = now
    elif webhook.is_active and now - webhook.failing_since >= DISABLE_AFTER:
        disable(session, webhook, "failing", now)
        log.error("webhook_disabled", reason="failing", rid=webhook.public_id)
    return webhook.is_active


def sweep(session: Session, now: datetime) -> dict[str, int]:
    """Return lapsed claims to the queue, take lapsed calls for silence, end what is too late.

    Leases run by the database's clock.
    """
    at = database_time(session)
    lapsed = session.scalars(
        select(OutboundDelivery)
        .where(
            OutboundDelivery.state.in_((DeliveryState.CLAIMED, DeliveryState.CALLING)),
            OutboundDelivery.lease_until < at,
        )
        .limit(_SWEPT)
        .with_for_update(skip_locked=True)
    ).all()
    for row in lapsed:
        if row.state is DeliveryState.CLAIMED:
            rest(row, DeliveryState.QUEUED, now)
        else:
            _requeue(row, now, CallError.AMBIGUOUS)
    return {"requeued": len(lapsed), "expired": _expire(session, now)}


def _expire(session: Session, now: datetime) -> int:
    late = session.scalars(
        select(OutboundDelivery)
        .where(OutboundDelivery.state == DeliveryState.QUEUED, OutboundDelivery.expires_at <= now)
        .limit(_SWEPT)
        .with_for_update(skip_locked=True)
    ).all()
    for row in late:
        rest(row, DeliveryState.EXPIRED, now)
        if row.document_id is not None:
            end_document(session, row.document_id, DocumentStatus.FAILED, now)
    # No target was ever configured, or nobody signed in time.
    unsent = session.scalars(
        select(OutboundDocument)
        .where(
            OutboundDocument.status.in_((DocumentStatus.DRAFT, DocumentStatus.APPROVED)),
            OutboundDocument.expires_at <= now,
        )
        .limit(_SWEPT)
        .with_for_update(skip_locked=True)
    ).all()
    for document in unsent:
        document.status = DocumentStatus.FAILED
        tell(session, document, "failed", now)
    return len(late) + len(unsent)


def overdue(session: Session, now: datetime) -> dict[DeliveryState, int]:
    """Count, by state, what should have moved on an hour ago: nothing is ever invisible."""
    since = func.coalesce(OutboundDelivery.lease_until, OutboundDelivery.due_at)
    found = session.execute(
        select(OutboundDelivery.state, func.count())
        .where(OutboundDelivery.state.in_(WAITING), since < now - AGE_LIMIT)
        .group_by(OutboundDelivery.state)
    )
    return dict(found.all())


def retry(session: Session, delivery: OutboundDelivery, now: datetime) -> None:
    """Queue a dead or expired delivery again, with its whole time before it.

    :raises DocumentUnderWay: it is not dead or expired, or its document was answered
    """
    session.refresh(delivery, with_for_update=True)
    if delivery.state not in (DeliveryState.DEAD, DeliveryState.EXPIRED):
        raise DocumentUnderWay
    life = LIFE
    if delivery.document_id is not None:
        document = session.get_one(OutboundDocument, delivery.document_id, with_for_update=True)
        if document.status is not DocumentStatus.FAILED:
            raise DocumentUnderWay
        document.status, life = DocumentStatus.QUEUED, HORIZON[document.kind]
        document.expires_at = now + life
    rest(delivery, DeliveryState.QUEUED, now)
    delivery.due_at, delivery.expires_at = now, now + life
