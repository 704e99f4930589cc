"""Finding the person a message is about, and keeping their data current."""

from dataclasses import dataclass
from typing import Any

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import (
    WHEN_TOLD,
    Identifier,
    PatientRecord,
    Unchanged,
)
from app.domain.profile.places import region_of
from app.models import Gender, Patient, PatientIdentifier
from app.services.intake.columns import clipped, exact
from app.services.intake.held import Held
from app.services.intake.known import Known
from app.services.intake.word import Word, tell

# Numbers a hospital gives to one record; the citizen's number is often a parent's.
_RECORD_TYPES = ("MR", "PI")


@dataclass(frozen=True, slots=True)
class Match:
    """Whom the numbers name; `patient` is None for somebody we do not know yet."""

    patient: Patient | None
    notes: tuple[str, ...] = ()


def match(known: Known, record: PatientRecord) -> Match:
    """Return the person whom the numbers name, never the name.

    The record number decides. Only without a known one may other numbers speak: children come
    with a parent's citizen number, and one hospital gives a person one record number.

    :raises Held: there is no number, or they point to more than one person
    """
    if not record.person_identifiers:
        raise Held("no-identifier")
    found = patient_by(known, record.person_identifiers, record)
    others = (known.owner_of_number(i) for i in record.person_identifiers)
    head = known.head(found) if found else None
    is_taken = any(other is not None and known.head(other) is not head for other in others)
    return Match(found, ("identifier-of-another-patient",) if is_taken else ())


def patient_by(
    known: Known, identifiers: tuple[Identifier, ...], record: PatientRecord | None = None
) -> Patient | None:
    """Return the record that numbers name; `record` is who the sender says that it is.

    :raises Held: they point to more than one person
    """
    own = [i for i in identifiers if i.type_code in _RECORD_TYPES]
    owners = _owners(known, own)
    if not owners:
        owners = _owners(known, identifiers)
        is_other_record = bool(own) and not (
            len(owners) == 1 and record and _is_same_person(known, owners[0], own, record)
        )
        if is_other_record:
            return None
    if len({id(known.head(owner)) for owner in owners}) > 1:
        raise Held("identifiers-of-several-patients")
    return owners[0] if owners else None


def _owners(known: Known, identifiers: tuple[Identifier, ...] | list[Identifier]) -> list[Patient]:
    found = (known.owner_of_number(identifier) for identifier in identifiers)
    return list({id(owner): owner for owner in found if owner is not None}.values())


def _is_same_person(
    known: Known, patient: Patient, own: list[Identifier], record: PatientRecord
) -> bool:
    """Tell whether a new record number may be one more of a person known by another number."""
    issuers = {exact(i.issuer) for i in own}
    return (
        patient.name is not None
        and patient.name == record.name
        and patient.birth_date is not None
        and patient.birth_date == record.birth_date
        and not any(
            number.type_code in _RECORD_TYPES and number.issuer in issuers
            for number in patient.identifiers
        )
    )


def register(known: Known, source: str) -> Patient:
    """Return a new, empty patient record."""
    patient = Patient(source=source, stamps={}, created_at=known.now, updated_at=known.now)
    patient.gender = Gender.UNKNOWN
    known.add_patient(patient)
    return patient


def add_numbers(known: Known, patient: Patient, identifiers: tuple[Identifier, ...]) -> None:
    """Give a patient the numbers that are nobody's yet; one of another person stays theirs."""
    for identifier in identifiers:
        if known.owner_of_number(identifier) is None:
            number = PatientIdentifier(
                patient=patient,
                issuer=exact(identifier.issuer),
                type_code=exact(identifier.type_code),
                value=identifier.value,
                created_at=known.now,
            )
            known.add_number(identifier, number, patient)


def tell_of_person(
    known: Known, found: Match, message: HospitalMessage, word: Word, source: str
) -> tuple[Patient, tuple[str, ...]]:
    """Return the patient, up to date, with what staff should know of how they were taken."""
    is_new = found.patient is None
    patient = found.patient or register(known, source)
    add_numbers(known, patient, message.patient.person_identifiers)
    outcome = tell(patient, word, _said(message, word), is_again=known.is_rereading)
    if is_new:
        known.event("patient.registered", patient)
    elif outcome.changed:
        patient.updated_at = known.now
        known.event("patient.updated", patient)
        known.stir(patient)
    elif any(field in patient.stamps for field in patient.borrowed or ()):
        # It now says itself what it had from a merged record, if only the same.
        known.stir(patient)
    is_stale = outcome.is_overtaken and not word.is_copy
    return patient, (*found.notes, *(("stale",) if is_stale else ()))


def _said(message: HospitalMessage, word: Word) -> dict[str, dict[str, Any]]:
    record = message.patient
    died_at = word.at if record.deceased_at == WHEN_TOLD else record.deceased_at
    stated: dict[str, object] = {
        "name": record.name,
        "phone": record.phone,
        "birth_date": record.birth_date,
        "deceased_at": died_at,
    }
    said: dict[str, dict[str, Any]] = {
        field: {field: value} for field, value in stated.items() if not isinstance(value, Unchanged)
    }
    if not isinstance(record.address, Unchanged):
        region = record.region or region_of(record.address)
        said["address"] = {"address": record.address, "region": region if record.address else None}
    if not isinstance(record.gender, Unchanged):
        said["gender"] = {
            "gender": Gender(record.gender.value) if record.gender else Gender.UNKNOWN
        }
    department = message.encounter.department if message.encounter else None
    if department is not None and not isinstance(department, Unchanged):
        # The department last seen in; whoever leaves one stays its patient.
        said["department_code"] = {"department_code": clipped(department.code)}
    return said
