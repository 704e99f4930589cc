"""How each kind of numbered record of a message becomes a `Thing`."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from app.domain.intake.clinical_records import (
    AllergyRecord,
    DiagnosticReportRecord,
    FormRecord,
    ImmunizationRecord,
    MedicationRecord,
    RelatedPersonRecord,
    ReportStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import Coded, Identifier, ObservationStatus
from app.domain.intake.versions import result_version
from app.encryption import keyring
from app.models import (
    AllergyIntolerance,
    DiagnosticReport,
    Immunization,
    MedicationRequest,
    QuestionnaireResponse,
    RelatedPerson,
    ServiceRequest,
)
from app.services.intake.columns import clipped, code, digest, exact
from app.services.intake.numbered import Thing
from app.services.intake.word import Word, fingerprint, text_of

_MOTHER: Final = "MTH"  # HL7 table 0063
_RANKS: Final = {
    ReportStatus.REGISTERED: ObservationStatus.REGISTERED,
    ReportStatus.PARTIAL: ObservationStatus.PRELIMINARY,
    ReportStatus.PRELIMINARY: ObservationStatus.PRELIMINARY,
    ReportStatus.UNKNOWN: ObservationStatus.PRELIMINARY,
    ReportStatus.FINAL: ObservationStatus.FINAL,
    ReportStatus.APPENDED: ObservationStatus.AMENDED,
    ReportStatus.AMENDED: ObservationStatus.AMENDED,
    ReportStatus.CORRECTED: ObservationStatus.CORRECTED,
    ReportStatus.CANCELLED: ObservationStatus.CANCELLED,
    ReportStatus.ENTERED_IN_ERROR: ObservationStatus.ENTERED_IN_ERROR,
}


def issuer_of(message: HospitalMessage) -> str:
    """Return whose numbers a message's orders, reports and prescriptions carry."""
    return exact(message.sending_facility or message.sending_application or message.source)


def things_of(
    message: HospitalMessage,
    word: Word,
    source: str,
    questionnaire: Callable[[str], int | None],
) -> Iterator[Thing]:
    """Yield the numbered things of a message; `questionnaire` finds our form of an address."""
    issuer = issuer_of(message)
    for report in message.reports:
        yield _report(report, word, source, issuer)
    for medication in message.medications:
        yield _medication(medication, word, source, issuer)
    for request in message.service_requests:
        yield _service_request(request, word, source, issuer)
    for immunization in message.immunizations:
        yield _immunization(immunization, word, source, issuer)
    for allergy in message.allergies:
        yield _allergy(allergy, word, source, issuer)
    for person in message.related_persons:
        yield _related_person(person, word)
    if isinstance(message.patient.mother, Identifier):
        mother = RelatedPersonRecord(_MOTHER, identifiers=(message.patient.mother,))
        yield _related_person(mother, word)
    for form in message.forms:
        yield _form(form, word, source, issuer, questionnaire(form.questionnaire))


def report_identity(issuer: str, number: str) -> bytes:
    return digest(DiagnosticReport.__tablename__, issuer, number)


# What our own tables make of the sender's words may change; the news stays the same.
_OURS: Final = ("code", "code_system", "questionnaire_id")


def _said(values: dict[str, Any]) -> str:
    return text_of({name: value for name, value in values.items() if name not in _OURS})


def _birth(source: str, issuer: str, number: str) -> dict[str, Any]:
    return {"source": source, "issuer": issuer, "number": exact(number)}


def _coded(coded: Coded, standard: Coded | None = None) -> dict[str, Any]:
    meant = standard or coded
    return {
        "code": code(meant.code),
        "code_system": exact(meant.system),
        "local_code": clipped(coded.code),
        "display": clipped(coded.display),
    }


def _report(record: DiagnosticReportRecord, word: Word, source: str, issuer: str) -> Thing:
    values = {
        **_coded(record.code),
        "status": record.status,
        "category": clipped(record.category),
        "conclusion": record.conclusion or None,
        "effective_at": record.effective_at,
        "issued_at": record.issued_at,
    }
    return Thing(
        DiagnosticReport,
        ("identity", report_identity(issuer, record.number)),
        result_version(
            _RANKS[record.status],
            record.issued_at or word.at,
            word.at,
            fingerprint(_said(values)),
        ),
        values,
        _birth(source, issuer, record.number),
        record.visit,
        # A laboratory's results are events of their own; the words of a finding are not.
        "report" if record.conclusion else None,
    )


def _medication(record: MedicationRecord, word: Word, source: str, issuer: str) -> Thing:
    route = record.route
    values = {
        **_coded(record.code, record.standard_code),
        "status": record.status,
        "dosage": record.dosage_text or None,
        "dose": record.dose,
        "dose_unit": clipped(record.dose_unit),
        "route_code": clipped(route.code) if route else None,
        "route_name": clipped(route.display) if route else None,
        "frequency": clipped(record.frequency),
        "quantity": record.quantity,
        "quantity_unit": clipped(record.quantity_unit),
        "authored_at": record.authored_at,
        "starts_at": record.starts_at,
        "ends_at": record.ends_at,
        "dispensed_at": record.dispensed_at,
    }
    return _numbered(
        MedicationRequest, record.number, values, word, source, issuer,
        visit=record.visit, event="medication-request",
    )  # fmt: skip


def _service_request(record: ServiceRequestRecord, word: Word, source: str, issuer: str) -> Thing:
    requester = record.requester
    values = {
        **_coded(record.code),
        "status": record.status,
        "category": clipped(record.category),
        "priority": clipped(record.priority),
        "requester_code": clipped(requester.code) if requester else None,
        "requester_name": clipped(requester.display) if requester else None,
        "note": record.note or None,
        "authored_at": record.authored_at,
        "occurs_at": record.occurs_at,
    }
    return _numbered(
        ServiceRequest, record.number, values, word, source, issuer,
        visit=record.visit, event="service-request",
    )  # fmt: skip


def _immunization(record: ImmunizationRecord, word: Word, source: str, issuer: str) -> Thing:
    values = {
        **_coded(record.vaccine),
        "status": record.status,
        "dose_number": record.dose_number,
        "lot_number": clipped(record.lot_number),
        "occurred_on": record.occurred_on,
    }
    return _numbered(
        Immunization, record.number, values, word, source, issuer,
        visit=record.visit, event="immunization",
    )  # fmt: skip


def _allergy(record: AllergyRecord, word: Word, source: str, issuer: str) -> Thing:
    values = {
        **_coded(record.code),
        "is_active": record.is_active,
        "criticality": clipped(record.criticality),
        "reaction": record.reaction or None,
        "recorded_at": record.recorded_at,
    }
    return _numbered(
        AllergyIntolerance, record.number, values, word, source, issuer, event="allergy"
    )


def _numbered(
    model: type[Any],
    number: str,
    values: dict[str, Any],
    word: Word,
    source: str,
    issuer: str,
    visit: Identifier | None = None,
    event: str | None = None,
) -> Thing:
    return Thing(
        model,
        ("identity", digest(model.__tablename__, issuer, number)),
        word.version(_said(values)),
        values,
        _birth(source, issuer, number),
        visit,
        event,
    )


def _related_person(record: RelatedPersonRecord, word: Word) -> Thing:
    number = next(iter(record.identifiers), None)
    named = (number.issuer, number.type_code, number.value) if number else ("", "", record.name)
    # Keyed: a bare digest of a name or a record number is soon guessed.
    identity = keyring().mac("related-person", "\x1f".join((record.relationship, *named)).encode())
    values = {
        "relationship_code": exact(record.relationship),
        "name": record.name or None,
        "phone": record.phone or None,
        "issuer": exact(number.issuer) if number else None,
        "type_code": exact(number.type_code) if number else None,
        "number": number.value if number else None,
    }
    return Thing(RelatedPerson, ("identity", identity), word.on_person(_said(values)), values)


def _form(
    record: FormRecord, word: Word, source: str, issuer: str, questionnaire_id: int | None
) -> Thing:
    values = {
        "status": record.status,
        "answers": json.dumps(record.answers, ensure_ascii=False, sort_keys=True, default=str),
        "authored_at": record.authored_at or word.at,
        "canonical": clipped(record.questionnaire),
        "questionnaire_id": questionnaire_id,
    }
    return Thing(
        QuestionnaireResponse,
        ("reference", digest("questionnaire_response", issuer, record.number).hex()),
        word.version(_said(values)),
        values,
        _birth(source, issuer, record.number),
        # Rules ask for the key of the form: one that is not ours tells them nothing.
        event="response" if questionnaire_id is not None else None,
    )
