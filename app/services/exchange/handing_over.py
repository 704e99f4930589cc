"""From an approved document to a call that is about to be made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from app.database import database_time
from app.domain.exchange.delivering import CallError, DeliveryState
from app.domain.exchange.documents import (
    DocumentKind,
    DocumentStatus,
    OutgoingDocument,
    read_content,
)
from app.domain.intake.hospital_records import Coded
from app.domain.outreach.messaging import dedupe_key
from app.encryption import SealBroken
from app.models import OutboundDelivery, OutboundDocument, Practitioner
from app.models.exchange.claims import begin, end_document, held, rest
from app.models.exchange.subject import speaking_record, subject_of

log = structlog.get_logger()

_BATCH: Final = 100
# Of no use to somebody who died; what was asked is still given back.
_FOR_THE_LIVING: Final = frozenset(
    {
        DocumentKind.EXAM_REQUEST,
        DocumentKind.ADMISSION_CERTIFICATE,
        DocumentKind.APPOINTMENT_REQUEST,
        DocumentKind.PREVISIT_RECORD,
        DocumentKind.REFILL_REQUEST,
        DocumentKind.MEDICINE_DELIVERY,
        DocumentKind.MEDICINE_PICKUP,
    }
)


def queue_approved(session: Session, targets: Mapping[DocumentKind, str], now: datetime) -> int:
    """Queue a delivery for each approved document whose kind has a target; return how many.

    A document without a target stays approved, visible, until its time is over. One that gives
    back another waits until that one has arrived or failed.
    """
    given_back = aliased(OutboundDocument)
    approved = session.scalars(
        select(OutboundDocument)
        .where(
            OutboundDocument.status == DocumentStatus.APPROVED,
            OutboundDocument.kind.in_(tuple(targets)),
            OutboundDocument.expires_at > now,
            ~exists().where(
                given_back.id == OutboundDocument.revokes_id,
                given_back.status.in_((DocumentStatus.APPROVED, DocumentStatus.QUEUED)),
            ),
        )
        .order_by(OutboundDocument.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for document in approved:
        target = f"his:{targets[document.kind]}"
        document.status, document.target = DocumentStatus.QUEUED, target
        session.add(
            OutboundDelivery(
                dedupe_key=dedupe_key("document", document.number),
                target=target,
                document_id=document.id,
                kind=document.kind.value,
                state=DeliveryState.QUEUED,
                due_at=now,
                expires_at=document.expires_at,
                created_at=now,
            )
        )
    return len(approved)


def begin_handing_over(
    session: Session, token: str, ids: Sequence[int], now: datetime
) -> list[tuple[int, OutgoingDocument]]:
    """Commit to calling; return what the senders need. The caller commits before it calls.

    What lost its claim, its time or its reason is left out.
    """
    at = database_time(session)
    calls = []
    for row in held(session, token, ids, at):
        assert row.document_id is not None
        document = session.get_one(OutboundDocument, row.document_id)
        patient = speaking_record(session, document.patient_id)
        if row.expires_at <= now:
            rest(row, DeliveryState.EXPIRED, now)
            end_document(session, document.id, DocumentStatus.FAILED, now)
        elif patient.deceased_at is not None and document.kind in _FOR_THE_LIVING:
            rest(row, DeliveryState.CANCELLED, now)
            end_document(session, document.id, DocumentStatus.CANCELLED, now)
        elif (outgoing := _outgoing(session, document)) is None:
            rest(row, DeliveryState.DEAD, now, CallError.UNREADABLE)
            end_document(session, document.id, DocumentStatus.FAILED, now)
        else:
            begin(row, at, now)
            calls.append((row.id, outgoing))
    return calls


def _outgoing(session: Session, document: OutboundDocument) -> OutgoingDocument | None:
    """Return what is sent; None for what nobody can read, so that others go on."""
    try:
        return OutgoingDocument(
            number=document.number,
            content=read_content(document.kind, document.content or ""),
            subject=subject_of(session, speaking_record(session, document.patient_id)),
            authored_at=document.approved_at or document.created_at,
            approver=_approver(session, document),
        )
    except (SealBroken, ValueError):
        log.error("document_unreadable", message_id=document.id)
        return None


def _approver(session: Session, document: OutboundDocument) -> Coded | None:
    if document.approver_id is None:
        return None
    who = session.get_one(Practitioner, document.approver_id)
    return Coded(who.wecom_userid or who.public_id, who.name or "")
