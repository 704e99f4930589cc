"""A document as one row of plain values, for systems that take requests from a table."""

from datetime import date, datetime, tzinfo
from typing import Final

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
    PrescribedMedicine,
    RefillRequest,
)
from app.domain.exchange.previsit import PATIENT_STATED
from app.domain.intake.hospital_records import Coded, Identifier

Plain = str | date | datetime | None

# Every name that a mapping may use; what a kind does not have stays empty.
FIELDS: Final = frozenset(
    {
        "number", "kind", "authored_at", "approver_code", "approver_name", "patient_number",
        "patient_name", "patient_gender", "patient_birth_date", "patient_phone", "national_id",
        "code", "name", "priority", "reason", "visit_number", "department_code",
        "department_name", "diagnosis_code", "diagnosis_name", "practitioner_code",
        "practitioner_name", "starts_at", "ends_at", "admit_on", "booking_number",
        "revoked_number", "text", "prescription_numbers", "weeks", "recipient_name",
        "recipient_phone", "recipient_relation", "recipient_identity_tail", "address",
        "pickup_code", "pickup_until",
    }
)  # fmt: skip


def flat(document: OutgoingDocument, zone: tzinfo) -> dict[str, Plain]:
    """Return the values of a document by our names; times are local and without a zone.

    An interface table keeps wall-clock time of the hospital.
    """
    who = document.subject
    row: dict[str, Plain] = {
        "number": document.number,
        "kind": document.kind.value,
        "authored_at": _local(document.authored_at, zone),
        "patient_number": _number(who.identifiers, "MR", "PI"),
        "national_id": _number(who.identifiers, "NI"),
        "patient_name": who.name,
        "patient_gender": who.gender.value,
        "patient_birth_date": who.birth_date,
        "patient_phone": who.phone or None,
        **_coded("approver", document.approver),
        **_content(document, zone),
    }
    return row


def _content(document: OutgoingDocument, zone: tzinfo) -> dict[str, Plain]:
    content = document.content
    match content:
        case ExamRequest():
            return {
                "code": content.code.code, "name": content.code.display,
                "priority": content.priority.value, "reason": content.reason or None,
                "starts_at": _local(content.occurs_at, zone),
                "visit_number": _value(content.visit),
            }  # fmt: skip
        case AdmissionCertificate():
            return {
                "priority": content.priority.value, "reason": content.reason or None,
                "admit_on": content.admit_on, "visit_number": _value(content.visit),
                **_coded("department", content.department),
                **_coded("diagnosis", content.diagnosis),
            }  # fmt: skip
        case AppointmentRequest():
            return {
                "starts_at": _local(content.starts_at, zone),
                "ends_at": _local(content.ends_at, zone), "reason": content.reason or None,
                **_coded("department", content.department),
                **_coded("practitioner", content.practitioner),
            }  # fmt: skip
        case AppointmentCancellation():
            return {
                "booking_number": _value(content.filler),
                "revoked_number": content.placer or None, "reason": content.reason or None,
            }  # fmt: skip
        case PrevisitRecord():
            return {
                "text": _text(content), "visit_number": _value(content.visit),
                "booking_number": _value(content.appointment),
                **_coded("department", content.department),
            }  # fmt: skip
        case RefillRequest() | MedicineDelivery() | MedicinePickup() | MedicineCancellation():
            return _of_medicines(content, zone)


def _of_medicines(
    content: RefillRequest | MedicineDelivery | MedicinePickup | MedicineCancellation, zone: tzinfo
) -> dict[str, Plain]:
    match content:
        case RefillRequest():
            return {
                **_medicines(content.medicines), "weeks": str(content.weeks),
                "text": told_by_patient(content),
            }  # fmt: skip
        case MedicineDelivery():
            return {
                **_medicines(content.medicines), "recipient_name": content.recipient,
                "recipient_phone": content.phone, "address": content.address,
                "starts_at": _local(content.starts_at, zone),
                "ends_at": _local(content.ends_at, zone),
            }  # fmt: skip
        case MedicinePickup():
            return {
                **_medicines(content.medicines), "recipient_name": content.proxy_name,
                "recipient_phone": content.proxy_phone,
                "recipient_relation": content.proxy_relation,
                "recipient_identity_tail": content.identity_tail, "pickup_code": content.code,
                "pickup_until": _local(content.code_expires_at, zone),
            }  # fmt: skip
        case MedicineCancellation():
            return {
                "revoked_number": content.placer, "booking_number": content.filler or None,
                "reason": content.reason or None,
            }  # fmt: skip


def _medicines(medicines: tuple[PrescribedMedicine, ...]) -> dict[str, Plain]:
    return {
        "prescription_numbers": ",".join(one.prescription.value for one in medicines),
        "code": ",".join(one.code.code for one in medicines),
        "name": "；".join(one.name for one in medicines),
    }


def told_by_patient(refill: RefillRequest) -> str:
    """Return what the patient says of their state and what was measured last, a line each."""
    state = "病情稳定，没有新的不舒服" if refill.is_stable else "病情有变化"
    lines = [f"【{PATIENT_STATED}】{state}"]
    if refill.statement:
        lines.append(refill.statement)
    for one in refill.readings:
        trend = f"（{one.trend}）" if one.trend else ""
        lines.append(f"{one.name} {one.value} {one.unit}{trend}")
    return "\n".join(lines)


def _text(told: PrevisitRecord) -> str:
    lines = [f"{one.section.heading}：{one.text}" for one in told.sections]
    return "\n".join([f"【{PATIENT_STATED}】", *lines])


def _coded(name: str, code: Coded | None) -> dict[str, Plain]:
    if code is None:
        return {}
    return {f"{name}_code": code.code, f"{name}_name": code.display or None}


def _number(numbers: tuple[Identifier, ...], *types: str) -> str | None:
    return next((number.value for number in numbers if number.type_code in types), None)


def _value(number: Identifier | None) -> str | None:
    return None if number is None else number.value


def _local(at: datetime | None, zone: tzinfo) -> datetime | None:
    return None if at is None else at.astimezone(zone).replace(tzinfo=None)
