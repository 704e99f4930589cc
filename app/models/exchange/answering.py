"""How an answer changes the document it answers; intake and deliveries both bring answers."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.exchange.answers import Answer
from app.domain.exchange.documents import DocumentStatus
from app.models.event import Event
from app.models.exchange.outbound import OutboundDocument
from app.models.exchange.subject import speaking_record

_CANNOT_BE_ANSWERED = (DocumentStatus.DRAFT, DocumentStatus.APPROVED)


def take_answers(
    session: Session, answers: Iterable[Answer], now: datetime, *, patient_id: int | None = None
) -> tuple[str, ...]:
    """Write the hospital's answers to our documents; return what staff should know.

    The newest answer stands, whatever the order of arrival. `patient_id` is whom the message is
    about (the head of merged records): an answer that names another patient's document is left
    out and reported. A number that is not ours is nobody's business here.
    """
    notes = []
    for answer in answers:
        document = session.scalar(
            select(OutboundDocument).filter_by(number=answer.number).with_for_update()
        )
        if document is None:
            continue
        about = speaking_record(session, document.patient_id).id
        if patient_id is not None and about != patient_id:
            notes.append("answer-to-another-patients-request")
        elif document.status in _CANNOT_BE_ANSWERED:
            notes.append("answer-before-request")
        else:
            answer_document(session, document, answer, now)
    return tuple(notes)


def answer_document(
    session: Session, document: OutboundDocument, answer: Answer, now: datetime
) -> None:
    """Write one answer to a document, unless a newer one stands."""
    said = (document.status, document.filler_number or "", document.answer or "")
    if answer.version <= document.answer_version or said == (
        answer.verdict.status, answer.filler, answer.reason,
    ):  # fmt: skip
        return
    is_news = document.status is not answer.verdict.status
    document.answer_version = answer.version
    document.status = answer.verdict.status
    document.answered_at = now
    document.filler_number = answer.filler[:255] or document.filler_number
    document.answer = answer.reason or None
    if is_news:
        tell(session, document, answer.verdict.value, now)


def tell(session: Session, document: OutboundDocument, deed: str, now: datetime) -> None:
    """Write the event `outbound.<deed>` of a document."""
    session.add(
        Event.of(f"outbound.{deed}", now, patient_id=document.patient_id, document_id=document.id)
    )
