"""What every step of a delivery does alike: hold what was claimed, begin, rest, end a document."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.exchange.delivering import WAITING, CallError, DeliveryState
from app.domain.exchange.documents import DocumentStatus
from app.models.event import Event
from app.models.exchange.answering import tell
from app.models.exchange.outbound import OutboundDelivery, OutboundDocument, Webhook

LEASE: Final = timedelta(seconds=60)


def held(session: Session, token: str, ids: Sequence[int], at: datetime) -> list[OutboundDelivery]:
    """Return the deliveries still claimed under `token`, locked; `at` is the database's clock."""
    return list(
        session.scalars(
            select(OutboundDelivery)
            .where(
                OutboundDelivery.id.in_(ids),
                OutboundDelivery.claim_token == token,
                OutboundDelivery.state == DeliveryState.CLAIMED,
                OutboundDelivery.lease_until > at,
            )
            .order_by(OutboundDelivery.id)
            .with_for_update()
        )
    )


def begin(row: OutboundDelivery, at: datetime, now: datetime) -> None:
    """Note that a call begins; the caller commits before the first byte leaves."""
    row.state = DeliveryState.CALLING
    row.lease_until = at + LEASE
    row.tries += 1
    row.first_called_at = row.first_called_at or now


def rest(
    row: OutboundDelivery,
    state: DeliveryState,
    now: datetime,
    error: CallError | None = None,
    code: int | None = None,
) -> None:
    """Give up the claim; an end is dated."""
    row.state = state
    row.claim_token = row.lease_until = None
    if error is not None:
        row.error, row.error_code = error.value, code
    row.ended_at = None if state in WAITING else now


def end_document(session: Session, document_id: int, status: DocumentStatus, now: datetime) -> None:
    """End a document that will not arrive, unless the hospital has answered it meanwhile."""
    document = session.get_one(OutboundDocument, document_id, with_for_update=True)
    if document.status in (DocumentStatus.APPROVED, DocumentStatus.QUEUED):
        document.status = status
        tell(session, document, status.value, now)


def disable(session: Session, webhook: Webhook, reason: str, now: datetime) -> None:
    """Stop telling a subscriber; what waits for it is cancelled, and an operator is told."""
    webhook.is_active, webhook.disabled_at, webhook.reason = False, now, reason
    waiting = session.scalars(
        select(OutboundDelivery)
        .where(
            OutboundDelivery.target == webhook.target,
            OutboundDelivery.state == DeliveryState.QUEUED,
        )
        .with_for_update()
    )
    for row in waiting:
        rest(row, DeliveryState.CANCELLED, now)
    session.add(Event.of("webhook.disabled", now, webhook_id=webhook.id, reason=reason))
