"""Finding the person a message is about, and keeping their data current."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import (
    Identifier,
    PatientRecord,
    Unchanged,
    apply_stated,
)
from app.models import Event, Gender, Patient, PatientIdentifier
from app.services.intake.columns import clipped, exact
from app.services.intake.held import Held

# Numbers a hospital gives to one record; the citizen's number is often a parent's.
_RECORD_TYPES = ("MR", "PI")
# Laboratories and booking desks send copies of the person's data, some of them years old.
_COPIES = (EventKind.RESULT, EventKind.APPOINTMENT)


def record_patient(
    session: Session, message: HospitalMessage, recorded_at: datetime, now: datetime
) -> tuple[Patient, tuple[str, ...]]:
    """Return the patient, locked and up to date, with what staff should know of the match.

    :raises Held: there is no number, or they point to more than one person
    """
    record = message.patient
    if not record.person_identifiers:
        raise Held("no-identifier")
    known = _known(session, record.person_identifiers)
    patient = _match(session, record, known)
    is_new = patient is None
    if patient is None:
        patient = Patient(source=message.source, created_at=now, updated_at=now)
        session.add(patient)
    notes = _add_identifiers(session, patient, record, known, now)
    is_stale = patient.recorded_at is not None and recorded_at < patient.recorded_at
    is_copy = message.event in _COPIES
    is_changed = (is_new or not (is_stale or is_copy)) and _apply(patient, message)
    if is_changed:
        patient.updated_at = now
    if not is_copy and not is_stale:
        patient.recorded_at = recorded_at
    session.flush()
    if is_new or is_changed:
        kind = "patient.registered" if is_new else "patient.updated"
        session.add(Event.of(kind, now, patient_id=patient.id))
    return patient, (*notes, *(("stale",) if is_stale and not is_copy else ()))


def _known(
    session: Session, identifiers: Iterable[Identifier]
) -> dict[Identifier, PatientIdentifier]:
    """Return which of the numbers we know, and whose they are."""
    by_key = {_key(identifier): identifier for identifier in identifiers}
    found = session.scalars(
        select(PatientIdentifier).where(
            or_(
                *(
                    and_(
                        PatientIdentifier.issuer == issuer,
                        PatientIdentifier.type_code == type_code,
                        PatientIdentifier.value_index == index,
                    )
                    for issuer, type_code, index in by_key
                )
            )
        )
    )
    return {by_key[row.issuer, row.type_code, row.value_index]: row for row in found}


def _key(identifier: Identifier) -> tuple[str, str, bytes]:
    index = PatientIdentifier.value.index(PatientIdentifier.__tablename__, identifier.value)
    return exact(identifier.issuer), exact(identifier.type_code), index


def _match(
    session: Session, record: PatientRecord, known: dict[Identifier, PatientIdentifier]
) -> Patient | None:
    """Return the person whom the numbers name, locked; None for one we do not know.

    The record number decides. Only without a known one may other numbers speak, and then name and
    birthday must agree: children come with a parent's citizen number.
    """
    own = [i for i in record.person_identifiers if i.type_code in _RECORD_TYPES]
    owners = {known[i].patient_id for i in own if i in known}
    if not owners:
        owners = {row.patient_id for row in known.values()}
        if own and (len(owners) > 1 or not _agree(session, owners, record)):
            return None
    if len(owners) > 1:
        raise Held("identifiers-of-several-patients")
    return session.get_one(Patient, *owners, with_for_update=True) if owners else None


def _agree(session: Session, owners: Iterable[int], record: PatientRecord) -> bool:
    patients = [session.get_one(Patient, owner) for owner in owners]
    return all(
        patient.name is not None
        and patient.name == record.name
        and patient.birth_date is not None
        and patient.birth_date == record.birth_date
        for patient in patients
    )


def _add_identifiers(
    session: Session,
    patient: Patient,
    record: PatientRecord,
    known: dict[Identifier, PatientIdentifier],
    now: datetime,
) -> tuple[str, ...]:
    """Add the numbers that are new; one that is another person's stays theirs and is reported."""
    added = set()
    for identifier in record.person_identifiers:
        if identifier in known or _key(identifier) in added:
            continue
        added.add(_key(identifier))
        session.add(
            PatientIdentifier(
                patient=patient,
                issuer=exact(identifier.issuer),
                type_code=exact(identifier.type_code),
                value=identifier.value,
                created_at=now,
            )
        )
    is_taken = any(row.patient_id != patient.id for row in known.values())
    return ("identifier-of-another-patient",) if is_taken else ()


def _apply(patient: Patient, message: HospitalMessage) -> bool:
    """Write what the message states; return whether anything was news."""
    record = message.patient
    stated = {
        "name": apply_stated(record.name, patient.name),
        "phone": apply_stated(record.phone, patient.phone),
        "address": apply_stated(record.address, patient.address),
        "birth_date": apply_stated(record.birth_date, patient.birth_date),
        "deceased_at": apply_stated(record.deceased_at, patient.deceased_at),
        "gender": _gender(patient, record),
        "department_code": _department(patient, message),
    }
    news = {name: value for name, value in stated.items() if getattr(patient, name) != value}
    for name, value in news.items():
        setattr(patient, name, value)
    return bool(news)


def _gender(patient: Patient, record: PatientRecord) -> Gender:
    if isinstance(record.gender, Unchanged):
        return patient.gender or Gender.UNKNOWN
    return Gender(record.gender.value) if record.gender else Gender.UNKNOWN


def _department(patient: Patient, message: HospitalMessage) -> str | None:
    """Return the department last seen in; whoever leaves one stays its patient."""
    department = message.encounter.department if message.encounter else None
    if department is None or isinstance(department, Unchanged):
        return patient.department_code
    return clipped(department.code)
