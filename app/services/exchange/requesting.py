"""Asking a hospital system for something, and handing it what a patient told us beforehand.

Each verb writes one document and returns it; the same `subject` and revision again returns the
first, whatever it says now: a change is a new revision. A document that a clinician must sign
(`needs_approval`) stays a draft until `approve`; the others go on their way at once. The clock
process sends what is approved.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import ApprovalRefused, DocumentUnderWay, NotFound
from app.domain.exchange.delivering import DeliveryState
from app.domain.exchange.documents import (
    OF_MEDICINES,
    AdmissionCertificate,
    AppointmentCancellation,
    AppointmentRequest,
    Content,
    DocumentKind,
    DocumentStatus,
    ExamRequest,
    PrevisitRecord,
    kind_of,
    latest,
    may_approve,
    needs_approval,
    write_content,
)
from app.domain.exchange.medicine_documents import MedicineCancellation, MedicineRequest
from app.domain.outreach.messaging import dedupe_key
from app.domain.trust.access import Actor
from app.models import OutboundDelivery, OutboundDocument, Patient, Practitioner
from app.models.exchange.answering import tell
from app.models.exchange.claims import rest
from app.models.exchange.subject import speaking_record
from app.models.trust.audit import record


def request_exam(
    session: Session,
    patient_id: int,
    exam: ExamRequest,
    subject: str,
    requested_by: Actor,
    now: datetime,
    *,
    revision: int = 1,
) -> OutboundDocument:
    """Ask for a test or examination; a draft until a clinician signs.

    `subject` says what set it off (`alert:17`, `task:204`), in at most 96 plain characters.
    """
    return _write(session, patient_id, exam, subject, requested_by, now, revision)


def request_admission(
    session: Session,
    patient_id: int,
    certificate: AdmissionCertificate,
    subject: str,
    requested_by: Actor,
    now: datetime,
    *,
    revision: int = 1,
) -> OutboundDocument:
    """Ask for an admission (住院证); a draft until a doctor signs."""
    return _write(session, patient_id, certificate, subject, requested_by, now, revision)


def request_appointment(
    session: Session,
    patient_id: int,
    wish: AppointmentRequest,
    subject: str,
    requested_by: Actor,
    now: datetime,
    *,
    revision: int = 1,
) -> OutboundDocument:
    """Ask for a booking; nobody need sign."""
    return _write(session, patient_id, wish, subject, requested_by, now, revision)


def hand_over_previsit(
    session: Session,
    patient_id: int,
    told: PrevisitRecord,
    subject: str,
    requested_by: Actor,
    now: datetime,
    *,
    revision: int = 1,
) -> OutboundDocument:
    """Hand over what the patient answered before a visit, marked as their own words."""
    return _write(session, patient_id, told, subject, requested_by, now, revision)


def request_medicines(
    session: Session,
    patient_id: int,
    wish: MedicineRequest,
    subject: str,
    requested_by: Actor,
    now: datetime,
) -> OutboundDocument:
    """Ask the pharmacy for a refill, a delivery or a pick-up; a refill is a draft until signed."""
    return _write(session, patient_id, wish, subject, requested_by, now, 1)


def cancel_medicines(
    session: Session,
    patient_id: int,
    cancellation: MedicineCancellation,
    subject: str,
    requested_by: Actor,
    now: datetime,
) -> OutboundDocument:
    """Give back what was asked of the pharmacy; what has not left is withdrawn, and returned.

    :raises NotFound: `placer` is no such request of this patient's
    """
    asked = _asked(session, patient_id, cancellation.placer, OF_MEDICINES)
    return _give_back(session, asked, cancellation, subject, requested_by, now, 1)


def cancel_appointment(
    session: Session,
    patient_id: int,
    cancellation: AppointmentCancellation,
    subject: str,
    requested_by: Actor,
    now: datetime,
    *,
    revision: int = 1,
) -> OutboundDocument:
    """Give back a booking of ours (`placer`) or of theirs (`filler`).

    A booking of ours that has not left is withdrawn here, and returned: the hospital never hears
    of it. One under way is given back after it has arrived.

    :raises NotFound: `placer` is no booking of this patient's
    """
    if not cancellation.placer:
        return _write(session, patient_id, cancellation, subject, requested_by, now, revision)
    bookings = (DocumentKind.APPOINTMENT_REQUEST,)
    booking = _asked(session, patient_id, cancellation.placer, bookings)
    return _give_back(session, booking, cancellation, subject, requested_by, now, revision)


def approve(
    session: Session, document_id: int, practitioner_id: int, now: datetime, *, origin: str = ""
) -> OutboundDocument:
    """Sign a draft, so that it is sent; a second signature changes nothing.

    The caller made sure that the signer may see the patient.

    :raises ApprovalRefused: the signer is inactive or of a role that may not sign this kind
    :raises DocumentUnderWay: it was withdrawn or its time is over
    """
    document = session.get_one(OutboundDocument, document_id, with_for_update=True)
    signer = session.get(Practitioner, practitioner_id)
    if signer is None or not signer.is_active or not may_approve(signer.role, document.kind):
        raise ApprovalRefused
    if document.approver_id is not None:
        return document
    if document.status is not DocumentStatus.DRAFT or document.expires_at <= now:
        raise DocumentUnderWay
    document.approver_id = signer.id
    _send_off(session, document, now)
    _note(session, Actor("practitioner", signer.id, origin), "approve", document, now)
    return document


def withdraw(session: Session, document_id: int, by: Actor, now: datetime) -> OutboundDocument:
    """Take back a document that has not left; a second time changes nothing.

    :raises DocumentUnderWay: it may have reached the other system
    """
    document = session.get_one(OutboundDocument, document_id, with_for_update=True)
    if document.status is DocumentStatus.CANCELLED:
        return document
    if not _take_back(session, document, now):
        raise DocumentUnderWay
    _note(session, by, "cancel", document, now)
    return document


def _write(
    session: Session,
    patient_id: int,
    content: Content,
    subject: str,
    requested_by: Actor,
    now: datetime,
    revision: int,
    revokes_id: int | None = None,
) -> OutboundDocument:
    patient, kind = speaking_record(session, patient_id), kind_of(content)

    def kept() -> OutboundDocument | None:
        return session.scalar(
            select(OutboundDocument).filter_by(
                patient_id=patient.id, kind=kind, subject=subject, revision=revision
            )
        )

    there = kept()
    if there is not None:
        return there
    document = OutboundDocument(
        kind=kind, patient_id=patient.id, subject=subject, revision=revision,
        identity=_identity(patient, kind, subject, revision), status=DocumentStatus.DRAFT,
        content=write_content(content), requester_kind=requested_by.kind,
        requester_id=requested_by.id, revokes_id=revokes_id, created_at=now,
        expires_at=latest(content, now),
    )  # fmt: skip
    there = _insert(session, document, kept)
    if there is not None:
        return there
    if needs_approval(kind):
        tell(session, document, "drafted", now)
    else:
        _send_off(session, document, now)
    _note(session, requested_by, "create", document, now)
    return document


def _insert(
    session: Session, document: OutboundDocument, kept: Callable[[], OutboundDocument | None]
) -> OutboundDocument | None:
    """Add the document; return another one that came first."""
    try:
        with session.begin_nested():
            session.add(document)
    except IntegrityError:
        there = kept()
        if there is None:
            raise
        return there
    return None


def _identity(patient: Patient, kind: DocumentKind, subject: str, revision: int) -> bytes:
    return dedupe_key("outbound", patient.public_id, kind, subject, revision)


def _send_off(session: Session, document: OutboundDocument, now: datetime) -> None:
    document.status, document.approved_at = DocumentStatus.APPROVED, now
    tell(session, document, "approved", now)


def _asked(
    session: Session, patient_id: int, number: str, kinds: Collection[DocumentKind]
) -> OutboundDocument:
    found = session.scalar(
        select(OutboundDocument)
        .filter_by(number=number, patient_id=speaking_record(session, patient_id).id)
        .where(OutboundDocument.kind.in_(kinds))
        .with_for_update()
    )
    if found is None:
        raise NotFound
    return found


def _give_back(
    session: Session,
    asked: OutboundDocument,
    cancellation: Content,
    subject: str,
    by: Actor,
    now: datetime,
    revision: int,
) -> OutboundDocument:
    if _take_back(session, asked, now):
        _note(session, by, "cancel", asked, now)
        return asked
    return _write(
        session, asked.patient_id, cancellation, subject, by, now, revision, revokes_id=asked.id
    )


def _take_back(session: Session, document: OutboundDocument, now: datetime) -> bool:
    """Cancel a document of which nothing can have left; False where something may have."""
    delivery = session.scalar(
        select(OutboundDelivery).filter_by(document_id=document.id).with_for_update()
    )
    if document.status is DocumentStatus.QUEUED:
        if delivery is None or delivery.state is not DeliveryState.QUEUED or delivery.tries:
            return False
        rest(delivery, DeliveryState.CANCELLED, now)
    elif document.status not in (DocumentStatus.DRAFT, DocumentStatus.APPROVED):
        return False
    document.status = DocumentStatus.CANCELLED
    tell(session, document, "cancelled", now)
    return True


def _note(
    session: Session, by: Actor, action: str, document: OutboundDocument, now: datetime
) -> None:
    detail = {"document_id": document.id, "kind": document.kind.value}
    record(
        session, by, action, "outbound-document", now, patient_id=document.patient_id, detail=detail
    )
