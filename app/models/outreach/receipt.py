"""How a platform's receipt changes a message: whenever it comes, however often."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import CommunicationState, ErrorClass, may_become
from app.domain.outreach.platform_events import Receipt
from app.models.event import Event
from app.models.outreach.communication import Communication, EarlyReceipt


def apply_receipt(
    session: Session, communication: Communication, receipt: Receipt, at: datetime
) -> bool:
    """Settle a message as its receipt says; False when it may not move any more.

    A message that did not arrive leaves the event that lets another channel take it up.
    """
    after = CommunicationState.DELIVERED if receipt.is_delivered else CommunicationState.REFUSED
    if not may_become(communication.state, after):
        return False
    communication.state = after
    communication.platform_id = communication.platform_id or receipt.platform_id
    communication.sent_at = communication.sent_at or at
    communication.claim_token = communication.lease_until = communication.in_flight = None
    if receipt.is_delivered:
        communication.delivered_at = at
        communication.reason = communication.error_class = communication.errcode = None
        return True
    communication.error_class = ErrorClass.RECIPIENT
    communication.reason = receipt.outcome[:64]
    session.add(
        Event.of(
            "communication.failed",
            at,
            patient_id=communication.patient_id,
            communication_id=communication.id,
        )
    )
    return True


def apply_early_receipts(session: Session, communication: Communication) -> bool:
    """Apply a receipt that came before its message's id was known; True when there was one.

    Whoever sets `platform_id` calls this next, in the same transaction.
    """
    kept = session.scalars(
        select(EarlyReceipt)
        .filter_by(app_key=communication.app_key, platform_id=communication.platform_id)
        .order_by(EarlyReceipt.id)
    ).all()
    for early in kept:
        apply_receipt(session, communication, receipt_of(early), early.at)
        session.delete(early)
    return bool(kept)


def receipt_of(early: EarlyReceipt) -> Receipt:
    """Return the receipt kept in a row."""
    return Receipt(
        early.platform_id,
        is_delivered=early.outcome["is_delivered"],
        outcome=early.outcome["outcome"],
        template_id=early.outcome["template_id"],
    )
