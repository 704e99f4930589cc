"""What the platform asks of a hospital system or hands to it, before any wire format.

Names are FHIR's. A patient's wish alone is never an order: `needs_approval` says for which kinds
a clinician must sign, `may_approve` who.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.domain.exchange.medicine_documents import (
    MedicineCancellation,
    MedicineDelivery,
    MedicinePickup,
    RefillRequest,
    read_delivery,
    read_medicine_cancellation,
    read_pickup,
    read_refill,
)
from app.domain.exchange.previsit import SectionText, section_of
from app.domain.intake.hospital_records import Coded, Gender, Identifier
from app.domain.trust.access import StaffRole


class DocumentKind(StrEnum):
    EXAM_REQUEST = "exam-request"  # 检查/检验申请
    ADMISSION_CERTIFICATE = "admission-certificate"  # 住院证
    APPOINTMENT_REQUEST = "appointment-request"
    APPOINTMENT_CANCELLATION = "appointment-cancellation"
    PREVISIT_RECORD = "previsit-record"  # 门诊预问诊
    REFILL_REQUEST = "refill-request"  # 长处方续方申请
    MEDICINE_DELIVERY = "medicine-delivery"  # 送药到家
    MEDICINE_PICKUP = "medicine-pickup"  # 代配药
    MEDICINE_CANCELLATION = "medicine-cancellation"


# What goes to the pharmacy.
OF_MEDICINES: Final = frozenset(
    {
        DocumentKind.REFILL_REQUEST,
        DocumentKind.MEDICINE_DELIVERY,
        DocumentKind.MEDICINE_PICKUP,
        DocumentKind.MEDICINE_CANCELLATION,
    }
)


class DocumentStatus(StrEnum):
    """Draft → approved → queued → sent → what the hospital answered."""

    DRAFT = "draft"  # waits for a clinician
    APPROVED = "approved"  # waits for a target
    QUEUED = "queued"
    SENT = "sent"  # their system took it; nobody has answered
    ACCEPTED = "accepted"
    READY = "ready"  # to be fetched, or on its way
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"  # never arrived: dead or too late


OPEN: Final = frozenset({DocumentStatus.DRAFT, DocumentStatus.APPROVED, DocumentStatus.QUEUED})

_CLINICIANS: Final = frozenset({StaffRole.NURSE, StaffRole.HEAD_NURSE, StaffRole.DOCTOR})
# Who may sign. A nurse may ask for tests that the department's plan names; an admission and a
# refill are a doctor's. What is not listed needs no signature: a booking is no order, nor is it
# one to bring what was prescribed, and the patient's own words are marked as theirs.
_APPROVERS: Final = {
    DocumentKind.EXAM_REQUEST: _CLINICIANS,
    DocumentKind.ADMISSION_CERTIFICATE: frozenset({StaffRole.DOCTOR}),
    DocumentKind.REFILL_REQUEST: frozenset({StaffRole.DOCTOR}),
}

# How long a document is worth sending (our choice); an appointment or a delivery at most until it
# begins.
HORIZON: Final = {
    DocumentKind.EXAM_REQUEST: timedelta(hours=48),
    DocumentKind.ADMISSION_CERTIFICATE: timedelta(hours=48),
    DocumentKind.APPOINTMENT_REQUEST: timedelta(hours=24),
    DocumentKind.APPOINTMENT_CANCELLATION: timedelta(hours=24),
    DocumentKind.PREVISIT_RECORD: timedelta(hours=24),
    DocumentKind.REFILL_REQUEST: timedelta(hours=72),
    DocumentKind.MEDICINE_DELIVERY: timedelta(hours=48),
    DocumentKind.MEDICINE_PICKUP: timedelta(hours=48),
    DocumentKind.MEDICINE_CANCELLATION: timedelta(hours=48),
}


def needs_approval(kind: DocumentKind) -> bool:
    return kind in _APPROVERS


def may_approve(role: StaffRole, kind: DocumentKind) -> bool:
    return role in _APPROVERS.get(kind, frozenset())


class Priority(StrEnum):
    """FHIR request-priority."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"


@dataclass(frozen=True, slots=True)
class ExamRequest:
    """A test or examination; `code` is the hospital's own code of it."""

    code: Coded
    priority: Priority = Priority.ROUTINE
    reason: str = ""
    occurs_at: datetime | None = None
    visit: Identifier | None = None


@dataclass(frozen=True, slots=True)
class AdmissionCertificate:
    """That a doctor wants the patient admitted; `diagnosis` is the doctor's."""

    department: Coded
    diagnosis: Coded
    priority: Priority = Priority.ROUTINE
    reason: str = ""
    admit_on: date | None = None
    visit: Identifier | None = None


@dataclass(frozen=True, slots=True)
class AppointmentRequest:
    """A visit that somebody wants to book."""

    department: Coded
    starts_at: datetime
    ends_at: datetime
    practitioner: Coded | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AppointmentCancellation:
    """That a booking is given back: our `placer` number, their `filler` number, or both."""

    placer: str = ""
    filler: Identifier | None = None
    starts_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PrevisitRecord:
    """What the patient answered before a visit, by section of the outpatient record.

    `is_proxy`: somebody answered for the patient. `appointment` is the booking it is for.
    """

    sections: tuple[SectionText, ...]
    authored_at: datetime
    is_proxy: bool = False
    department: Coded | None = None
    visit: Identifier | None = None
    appointment: Identifier | None = None


Content = (
    ExamRequest
    | AdmissionCertificate
    | AppointmentRequest
    | AppointmentCancellation
    | PrevisitRecord
    | RefillRequest
    | MedicineDelivery
    | MedicinePickup
    | MedicineCancellation
)

_KINDS: Final[dict[type, DocumentKind]] = {
    ExamRequest: DocumentKind.EXAM_REQUEST,
    AdmissionCertificate: DocumentKind.ADMISSION_CERTIFICATE,
    AppointmentRequest: DocumentKind.APPOINTMENT_REQUEST,
    AppointmentCancellation: DocumentKind.APPOINTMENT_CANCELLATION,
    PrevisitRecord: DocumentKind.PREVISIT_RECORD,
    RefillRequest: DocumentKind.REFILL_REQUEST,
    MedicineDelivery: DocumentKind.MEDICINE_DELIVERY,
    MedicinePickup: DocumentKind.MEDICINE_PICKUP,
    MedicineCancellation: DocumentKind.MEDICINE_CANCELLATION,
}


def kind_of(content: Content) -> DocumentKind:
    return _KINDS[type(content)]


def latest(content: Content, now: datetime) -> datetime:
    """Return until when it makes sense to send `content`."""
    until = now + HORIZON[kind_of(content)]
    starts_at = getattr(content, "starts_at", None)
    return until if starts_at is None else min(until, starts_at)


# ------------------------------------------------------------------------------ kept as JSON


def write_content(content: Content) -> str:
    """Return `content` as JSON that `read_content` takes back."""
    return json.dumps(asdict(content), ensure_ascii=False, default=lambda at: at.isoformat())


def read_content(kind: DocumentKind, text: str) -> Content:
    """Return what `write_content` wrote.

    :raises ValueError: it is something else
    """
    try:
        return _READERS[kind](json.loads(text))
    except (KeyError, TypeError) as problem:
        raise ValueError(f"no {kind}") from problem


def _coded(data: Mapping[str, str] | None) -> Coded | None:
    return None if data is None else Coded(**data)


def _identifier(data: Mapping[str, str] | None) -> Identifier | None:
    return None if data is None else Identifier(**data)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _exam(data: dict[str, Any]) -> Content:
    return ExamRequest(
        Coded(**data["code"]), Priority(data["priority"]), data["reason"],
        _instant(data["occurs_at"]), _identifier(data["visit"]),
    )  # fmt: skip


def _admission(data: dict[str, Any]) -> Content:
    admit_on = data["admit_on"]
    return AdmissionCertificate(
        Coded(**data["department"]), Coded(**data["diagnosis"]), Priority(data["priority"]),
        data["reason"], None if admit_on is None else date.fromisoformat(admit_on),
        _identifier(data["visit"]),
    )  # fmt: skip


def _appointment(data: dict[str, Any]) -> Content:
    return AppointmentRequest(
        Coded(**data["department"]), datetime.fromisoformat(data["starts_at"]),
        datetime.fromisoformat(data["ends_at"]), _coded(data["practitioner"]), data["reason"],
    )  # fmt: skip


def _cancellation(data: dict[str, Any]) -> Content:
    return AppointmentCancellation(
        data["placer"], _identifier(data["filler"]), _instant(data["starts_at"]), data["reason"]
    )


def _previsit(data: dict[str, Any]) -> Content:
    return PrevisitRecord(
        tuple(section_of(**one) for one in data["sections"]),
        datetime.fromisoformat(data["authored_at"]), data["is_proxy"], _coded(data["department"]),
        _identifier(data["visit"]), _identifier(data["appointment"]),
    )  # fmt: skip


_READERS: Final[dict[DocumentKind, Callable[[dict[str, Any]], Content]]] = {
    DocumentKind.EXAM_REQUEST: _exam,
    DocumentKind.ADMISSION_CERTIFICATE: _admission,
    DocumentKind.APPOINTMENT_REQUEST: _appointment,
    DocumentKind.APPOINTMENT_CANCELLATION: _cancellation,
    DocumentKind.PREVISIT_RECORD: _previsit,
    DocumentKind.REFILL_REQUEST: read_refill,
    DocumentKind.MEDICINE_DELIVERY: read_delivery,
    DocumentKind.MEDICINE_PICKUP: read_pickup,
    DocumentKind.MEDICINE_CANCELLATION: read_medicine_cancellation,
}


# ---------------------------------------------------------------------------- as it is sent


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a document is about, as the hospital knows them today."""

    identifiers: tuple[Identifier, ...]
    name: str
    gender: Gender
    birth_date: date | None = None
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingDocument:
    """One document as a sender gets it; `number` is ours, the same at every repeat."""

    number: str
    content: Content
    subject: Subject
    authored_at: datetime
    approver: Coded | None = None

    @property
    def kind(self) -> DocumentKind:
        return kind_of(self.content)
