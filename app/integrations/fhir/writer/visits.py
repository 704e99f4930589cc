"""Encounter, Condition and Appointment."""

from typing import Any, Final

from app.domain.intake.digests import digest
from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.fhir import naming
from app.integrations.fhir.writer.writing import (
    Resource,
    Writing,
    coded,
    concept,
    patient_reference,
    put,
    stamps_text,
)
from app.models import Appointment, Condition, Encounter, Patient

_ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def write_encounter(row: Encounter, patient: Patient, writing: Writing) -> Resource:
    number = Identifier(row.issuer, "VN", row.visit_number)
    attending = practitioner(row.attending_code, row.attending_name)
    return put(
        writing.resource("Encounter", row, stamps_text(row.stamps)),
        identifier=[naming.identifier(number)],
        status=row.status.value,
        class_={"system": _ACT, "code": row.encounter_class.value},
        subject=patient_reference(patient),
        serviceType=department(row),
        participant=[{"type": [coded(Coded("ATND", "", _PARTICIPATION))], "individual": attending}]
        if attending
        else None,
        period=put({}, start=writing.instant(row.started_at), end=writing.instant(row.ended_at)),
        location=[{"location": {"display": row.location}, "status": "active"}]
        if row.location
        else None,
    )


def department(row: Encounter | Appointment) -> Resource | None:
    """Return the department as the hospital codes it."""
    if not row.department_code:
        return None
    return coded(Coded(row.department_code, row.department_name or "", ""))


def practitioner(code: str | None, name: str | None) -> Resource | None:
    """Return a reference to somebody of whom we know a number, a name, or both."""
    if not code and not name:
        return None
    found: Resource = {"type": "Practitioner"}
    return put(found, identifier={"value": code} if code else None, display=name)


def write_condition(row: Condition, patient: Patient, writing: Writing) -> Resource:
    verification = "provisional" if row.is_provisional else "confirmed"
    return put(
        writing.resource("Condition", row, row.version),
        clinicalStatus=_status(_CLINICAL, "active" if row.is_active else "inactive"),
        verificationStatus=_status(_VERIFICATION, verification),
        code=concept(row.code, row.code_system, row.local_code, row.display),
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        recordedDate=writing.instant(row.recorded_at),
    )


def _status(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def write_appointment(row: Appointment, patient: Patient, writing: Writing) -> Resource:
    participants: list[dict[str, Any]] = [
        {"actor": patient_reference(patient), "status": "accepted"}
    ]
    if row.practitioner_name:
        actor = {"type": "Practitioner", "display": row.practitioner_name}
        participants.append({"actor": actor, "status": "accepted"})
    return put(
        writing.resource("Appointment", row, stamps_text(row.stamps)),
        identifier=[naming.identifier(number) for number in _booking_numbers(row)],
        status=row.status.value,
        serviceType=[department(row)] if row.department_code else None,
        start=writing.instant(row.starts_at),
        end=writing.instant(row.ends_at),
        participant=participants,
    )


def _booking_numbers(row: Appointment) -> list[Identifier]:
    """Return the numbers of who gives and of who asked for the booking, as far as known."""
    kinds = ("FILL", "PLAC", "", "VN")
    kind = next((one for one in kinds if digest(one, row.number) == row.number_hash), "FILL")
    found = [Identifier(row.issuer, kind, row.number)]
    if row.placer_number and (kind, row.number) != ("PLAC", row.placer_number):
        found.append(Identifier(row.issuer, "PLAC", row.placer_number))
    return found
