"""Whom a document is about, as the hospital knows them today."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.exchange.documents import Subject
from app.domain.intake.hospital_records import Identifier
from app.models.profile.patient import Patient, PatientIdentifier
from app.models.profile.patient_index import cluster_of, head_of


def speaking_record(session: Session, patient_id: int) -> Patient:
    """Return the record that speaks for a patient: merges may follow one another."""
    return head_of(session, session.get_one(Patient, patient_id))


def subject_of(session: Session, patient: Patient) -> Subject:
    """Return what another system needs to find the person; numbers in the order they came.

    A merge leaves every number with the record it was given to. The survivor's are sent; those of
    retired records only where it has none.
    """
    numbers = session.scalars(
        select(PatientIdentifier)
        .where(PatientIdentifier.patient_id.in_(cluster_of(session, patient.id)))
        .order_by(PatientIdentifier.id)
    ).all()
    numbers = [one for one in numbers if one.patient_id == patient.id] or numbers
    return Subject(
        identifiers=tuple(Identifier(n.issuer, n.type_code, n.value or "") for n in numbers),
        name=patient.name or "",
        gender=patient.gender,
        birth_date=patient.birth_date,
        phone=patient.phone or "",
    )
