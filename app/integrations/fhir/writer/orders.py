"""MedicationRequest, ServiceRequest, Immunization and AllergyIntolerance."""

from typing import Any, Final

from app.domain.intake.clinical_records import RequestStatus
from app.domain.intake.hospital_records import Coded
from app.integrations.fhir import naming
from app.integrations.fhir.reader.orders import DISPENSED_AT, STATUS
from app.integrations.fhir.writer.visits import practitioner
from app.integrations.fhir.writer.writing import (
    Resource,
    Writing,
    coded,
    concept,
    day,
    patient_reference,
    put,
    quantity,
)
from app.models import (
    AllergyIntolerance,
    Immunization,
    MedicationRequest,
    Patient,
    ServiceRequest,
)

_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
# R4 binds the two kinds of request to two lists; each lacks words that the other has.
_NOT_FOR_MEDICINES: Final = {RequestStatus.REVOKED: RequestStatus.CANCELLED}
_NOT_FOR_SERVICES: Final = {
    RequestStatus.CANCELLED: RequestStatus.REVOKED,
    RequestStatus.STOPPED: RequestStatus.REVOKED,
}


def _numbered(kind: str, row: Any, writing: Writing) -> Resource:
    found = writing.resource(kind, row, row.version)
    found["identifier"] = [{"system": naming.system_of(row.issuer), "value": row.number}]
    return found


def _stand(
    found: Resource, status: RequestStatus, narrowed: dict[RequestStatus, RequestStatus]
) -> None:
    """Write the status; where R4's list lacks it, the nearest and the exact one beside it."""
    found["status"] = narrowed.get(status, status).value
    if status in narrowed:
        found.setdefault("extension", []).append({"url": STATUS, "valueCode": status.value})


def write_medication(row: MedicationRequest, patient: Patient, writing: Writing) -> Resource:
    found = _numbered("MedicationRequest", row, writing)
    _stand(found, row.status, _NOT_FOR_MEDICINES)
    if row.dispensed_at is not None:
        at = {"url": DISPENSED_AT, "valueDateTime": writing.instant(row.dispensed_at)}
        found.setdefault("extension", []).append(at)
    dosage = _dosage(row, writing)
    amount = quantity(row.quantity, row.quantity_unit)
    return put(
        found,
        intent="order",
        medicationCodeableConcept=concept(row.code, row.code_system, row.local_code, row.display),
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        authoredOn=writing.instant(row.authored_at),
        dosageInstruction=[dosage] if dosage else None,
        dispenseRequest={"quantity": amount} if amount else None,
    )


def _dosage(row: MedicationRequest, writing: Writing) -> Resource:
    bounds = put({}, start=writing.instant(row.starts_at), end=writing.instant(row.ends_at))
    timing = put(
        {},
        repeat={"boundsPeriod": bounds} if bounds else None,
        code={"text": row.frequency} if row.frequency else None,
    )
    dose = quantity(row.dose, row.dose_unit)
    route = None
    if row.route_code:
        route = coded(Coded(row.route_code, row.route_name or ""))
    elif row.route_name:
        route = {"text": row.route_name}
    return put(
        {},
        text=row.dosage,
        timing=timing,
        route=route,
        doseAndRate=[{"doseQuantity": dose}] if dose else None,
    )


def write_service_request(row: ServiceRequest, patient: Patient, writing: Writing) -> Resource:
    found = _numbered("ServiceRequest", row, writing)
    _stand(found, row.status, _NOT_FOR_SERVICES)
    return put(
        found,
        intent="order",
        category=[coded(Coded(row.category, "", _SECTION))] if row.category else None,
        priority=row.priority,
        code=concept(row.code, row.code_system, row.local_code, row.display),
        subject=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        occurrenceDateTime=writing.instant(row.occurs_at),
        authoredOn=writing.instant(row.authored_at),
        requester=practitioner(row.requester_code, row.requester_name),
        note=[{"text": row.note}] if row.note and row.note.strip() else None,
    )


def write_immunization(row: Immunization, patient: Patient, writing: Writing) -> Resource:
    found = _numbered("Immunization", row, writing)
    found["status"] = row.status.value
    return put(
        found,
        vaccineCode=concept(row.code, row.code_system, row.local_code, row.display),
        patient=patient_reference(patient),
        encounter=writing.encounter(row.encounter_id),
        occurrenceDateTime=day(row.occurred_on),
        # R4 asks for a time; where none was stated, words say so.
        occurrenceString=None if row.occurred_on else "unknown",
        lotNumber=row.lot_number,
        protocolApplied=[{"doseNumberPositiveInt": row.dose_number}] if row.dose_number else None,
    )


def write_allergy(row: AllergyIntolerance, patient: Patient, writing: Writing) -> Resource:
    found = _numbered("AllergyIntolerance", row, writing)
    status = "active" if row.is_active else "inactive"
    reaction = row.reaction if row.reaction and row.reaction.strip() else None
    return put(
        found,
        clinicalStatus={"coding": [{"system": _CLINICAL, "code": status}]},
        criticality=row.criticality,
        code=concept(row.code, row.code_system, row.local_code, row.display),
        patient=patient_reference(patient),
        recordedDate=writing.instant(row.recorded_at),
        reaction=[{"manifestation": [{"text": reaction}]}] if reaction else None,
    )
