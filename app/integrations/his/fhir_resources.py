"""A document as a FHIR R4 (4.0.1) resource; people and visits by identifier, never by our ids.

Each carries our number as an identifier, so that `If-None-Exist` makes a repeat harmless.
"""

from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import quote

from app.domain.exchange.documents import (
    AdmissionCertificate,
    AppointmentCancellation,
    AppointmentRequest,
    ExamRequest,
    OutgoingDocument,
    PrevisitRecord,
)
from app.domain.exchange.medicine_documents import (
    MedicineCancellation,
    MedicineDelivery,
    MedicinePickup,
    RefillRequest,
)
from app.domain.exchange.previsit import PATIENT_STATED
from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.his.fhir_tasks import inputs_of, task_code_of

# Whose numbers ours are, and which form the pre-visit record answers.
NUMBER_SYSTEM: Final = "urn:careloop:outbound"
PREVISIT_FORM: Final = "urn:careloop:questionnaire:previsit"
_V2_0203: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
# SNOMED CT: hospital admission.
_ADMISSION: Final = Coded("32485007", "住院", "http://snomed.info/sct")
_LOINC: Final = "http://loinc.org"

Resource = dict[str, Any]


def resource_of(document: OutgoingDocument, zone: tzinfo) -> Resource:
    """Return the resource for a document."""
    content = document.content
    match content:
        case ExamRequest():
            wanted = content.occurs_at
            return _request(document, content, content.code, zone) | _some(
                occurrenceDateTime=_instant(wanted, zone) if wanted else None
            )
        case AdmissionCertificate():
            return _admission(document, content, zone)
        case AppointmentRequest():
            return _booking(document, content, zone)
        case AppointmentCancellation():
            return _giving_back(document, content)
        case PrevisitRecord():
            return _previsit(document, content, zone)
        case RefillRequest() | MedicineDelivery() | MedicinePickup():
            return _task(document, zone) | {
                "input": inputs_of(content, zone),
                "focus": _reference("MedicationRequest", content.medicines[0].prescription),
            }
        case MedicineCancellation():
            reason = {"text": content.reason} if content.reason else None
            return _task(document, zone) | {
                "identifier": [_ours(content.placer)], "status": "cancelled",
            } | _some(statusReason=reason)  # fmt: skip


def search_of(document: OutgoingDocument) -> str:
    """Return the search that finds the resource if it is there already."""
    content = document.content
    if isinstance(content, AppointmentCancellation):
        # The booking itself is what changes: by our number, else by theirs.
        number = content.filler
        if content.placer or number is None:
            return _search(NUMBER_SYSTEM, content.placer)
        return _search(number.issuer, number.value)
    if isinstance(content, MedicineCancellation):
        return _search(NUMBER_SYSTEM, content.placer)
    return _search(NUMBER_SYSTEM, document.number)


def _search(system: str, value: str) -> str:
    return f"identifier={quote(f'{system}|{value}', safe='')}"


def _request(
    document: OutgoingDocument,
    content: ExamRequest | AdmissionCertificate,
    code: Coded,
    zone: tzinfo,
) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "identifier": [_ours(document.number)],
        "status": "active",
        "intent": "order",
        "priority": content.priority.value,
        "code": _concept(code),
        "subject": _subject(document),
        "authoredOn": _instant(document.authored_at, zone),
    } | _some(
        encounter=_reference("Encounter", content.visit),
        requester=_by_name("Practitioner", document.approver),
        reasonCode=[{"text": content.reason}] if content.reason else None,
    )


def _admission(document: OutgoingDocument, content: AdmissionCertificate, zone: tzinfo) -> Resource:
    reasons = [_concept(content.diagnosis)]
    if content.reason:
        reasons.append({"text": content.reason})
    wanted = content.admit_on
    return _request(document, content, _ADMISSION, zone) | _some(
        reasonCode=reasons,
        locationCode=[_concept(content.department)],
        occurrenceDateTime=wanted.isoformat() if wanted else None,
    )


def _booking(document: OutgoingDocument, wish: AppointmentRequest, zone: tzinfo) -> Resource:
    participants = [
        {"actor": _subject(document), "required": "required", "status": "accepted"},
        {"actor": _by_name("HealthcareService", wish.department), "status": "needs-action"},
    ]
    if wish.practitioner is not None:
        doctor = _by_name("Practitioner", wish.practitioner)
        participants.append({"actor": doctor, "status": "needs-action"})
    return {
        "resourceType": "Appointment",
        "identifier": [_ours(document.number)],
        "status": "proposed",
        "requestedPeriod": [
            {"start": _instant(wish.starts_at, zone), "end": _instant(wish.ends_at, zone)}
        ],
        "created": _instant(document.authored_at, zone),
        "participant": participants,
    } | _some(
        serviceType=[_concept(wish.department)],
        description=wish.reason or None,
    )


def _giving_back(document: OutgoingDocument, given: AppointmentCancellation) -> Resource:
    numbers = [_ours(given.placer)] if given.placer else []
    if given.filler is not None:
        numbers.append(_identifier(given.filler))
    return {
        "resourceType": "Appointment",
        "identifier": numbers,
        "status": "cancelled",
        "participant": [{"actor": _subject(document), "status": "declined"}],
    } | _some(cancelationReason={"text": given.reason} if given.reason else None)


def _task(document: OutgoingDocument, zone: tzinfo) -> Resource:
    """Return a Task: the pharmacy is asked to do something with what is prescribed already."""
    return {
        "resourceType": "Task",
        "identifier": [_ours(document.number)],
        "status": "requested",
        "intent": "order" if document.approver else "proposal",
        "code": _concept(task_code_of(document.kind)),
        "for": _subject(document),
        "authoredOn": _instant(document.authored_at, zone),
    } | _some(requester=_by_name("Practitioner", document.approver))


def _previsit(document: OutgoingDocument, told: PrevisitRecord, zone: tzinfo) -> Resource:
    items: list[Resource] = [
        {
            "linkId": one.section.value,
            "definition": f"{_LOINC}#{one.section.loinc}",
            "text": f"{one.section.heading}（{PATIENT_STATED}）",
            "answer": [{"valueString": one.text}],
        }
        for one in told.sections
    ]
    if told.appointment is not None:
        items.append(
            {
                "linkId": "appointment",
                "text": "预约号",
                "answer": [{"valueReference": _reference("Appointment", told.appointment)}],
            }
        )
    source = {"type": "RelatedPerson", "display": "家属代述"} if told.is_proxy else None
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": _ours(document.number),
        "questionnaire": PREVISIT_FORM,
        "status": "completed",
        "subject": _subject(document),
        "authored": _instant(told.authored_at, zone),
        "source": source or _subject(document),
        "item": items,
    } | _some(encounter=_reference("Encounter", told.visit))


def _subject(document: OutgoingDocument) -> Resource:
    """Return the patient by the first record number, else by the first number there is."""
    numbers = document.subject.identifiers
    records = [number for number in numbers if number.type_code in ("MR", "PI")]
    known = (records or list(numbers))[:1]
    return {"type": "Patient"} | _some(
        identifier=_identifier(known[0]) if known else None,
        display=document.subject.name or None,
    )


def _reference(kind: str, number: Identifier | None) -> Resource | None:
    return None if number is None else {"type": kind, "identifier": _identifier(number)}


def _by_name(kind: str, who: Coded | None) -> Resource | None:
    if who is None:
        return None
    return {"type": kind, "identifier": {"value": who.code}} | _some(display=who.display or None)


def _identifier(number: Identifier) -> Resource:
    kind = {"coding": [{"system": _V2_0203, "code": number.type_code}]}
    return {"value": number.value} | _some(
        system=number.issuer or None, type=kind if number.type_code else None
    )


def _ours(number: str) -> Resource:
    return {"system": NUMBER_SYSTEM, "value": number}


def _concept(code: Coded) -> Resource:
    coding = {"code": code.code} | _some(system=code.system or None, display=code.display or None)
    return {"coding": [coding]} | _some(text=code.display or None)


def _instant(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")


def _some(**fields: object) -> Resource:
    """Return the fields that say something: FHIR has no empty ones."""
    return {name: value for name, value in fields.items() if value is not None}
