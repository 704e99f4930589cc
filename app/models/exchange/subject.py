"""Whom a document is about, as the hospital knows them today."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.exchange.documents import Subject
from app.domain.intake.hospital_records import Identifier
from app.models.profile.patient import Patient, PatientIdentifier


def speaking_record(session: Session, patient_id: int) -> Patient:
    """Return the record that speaks for a patient: merges may follow one another."""
    patient = session.get_one(Patient, patient_id)
    seen = {patient.id}
    while patient.merged_into_id is not None and patient.merged_into_id not in seen:
        patient = session.get_one(Patient, patient.merged_into_id)
        seen.add(patient.id)
    return patient


def subject_of(session: Session, patient: Patient) -> Subject:
    """Return what another system needs to find the person; numbers in the order they came."""
    numbers = session.scalars(
        select(PatientIdentifier).filter_by(patient_id=patient.id).order_by(PatientIdentifier.id)
    )
    return Subject(
        identifiers=tuple(Identifier(n.issuer, n.type_code, n.value or "") for n in numbers),
        name=patient.name or "",
        gender=patient.gender,
        birth_date=patient.birth_date,
        phone=patient.phone or "",
    )
