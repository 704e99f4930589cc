"""Reports, prescriptions, orders, vaccinations, allergies, relatives and forms a system tells of.

Like `hospital_records`: FHIR's names, one shape for HL7 v2, FHIR and tables. `number` is what the
sender knows the thing by; sender and number together make two messages speak of one thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    ObservationKey,
)


class ReportStatus(StrEnum):
    """FHIR DiagnosticReport.status."""

    REGISTERED = "registered"
    PARTIAL = "partial"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CORRECTED = "corrected"
    APPENDED = "appended"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"


class RequestStatus(StrEnum):
    """FHIR request-status, with the codes that MedicationRequest adds."""

    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    CANCELLED = "cancelled"
    REVOKED = "revoked"
    STOPPED = "stopped"
    COMPLETED = "completed"
    ENTERED_IN_ERROR = "entered-in-error"
    UNKNOWN = "unknown"


class ImmunizationStatus(StrEnum):
    """FHIR Immunization.status."""

    COMPLETED = "completed"
    NOT_DONE = "not-done"
    ENTERED_IN_ERROR = "entered-in-error"


class FormStatus(StrEnum):
    """FHIR QuestionnaireResponse.status."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered-in-error"
    STOPPED = "stopped"


class FulfilmentStatus(StrEnum):
    """FHIR Task.status."""

    DRAFT = "draft"
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    READY = "ready"
    CANCELLED = "cancelled"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    FAILED = "failed"
    COMPLETED = "completed"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class DiagnosticReportRecord:
    """A report as a whole: one order of the laboratory, one imaging or pathology report."""

    number: str
    code: Coded
    status: ReportStatus
    category: str = ""  # HL7 table 0074: LAB, RAD, PAT…
    conclusion: str = ""
    effective_at: datetime | None = None
    issued_at: datetime | None = None
    visit: Identifier | None = None
    results: tuple[ObservationKey, ...] = ()


@dataclass(frozen=True, slots=True)
class MedicationRecord:
    """A medicine that was ordered or dispensed; times are None where nobody stated them."""

    number: str
    code: Coded
    status: RequestStatus
    dosage_text: str = ""
    dose: Decimal | None = None
    dose_unit: str = ""  # UCUM where the sender uses it
    route: Coded | None = None
    frequency: str = ""  # as ordered: BID, q8h, 每日三次
    quantity: Decimal | None = None
    quantity_unit: str = ""
    authored_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    dispensed_at: datetime | None = None
    visit: Identifier | None = None
    standard_code: Coded | None = None  # as in `ConditionRecord`


@dataclass(frozen=True, slots=True)
class ServiceRequestRecord:
    """An examination, test or procedure that was ordered."""

    number: str
    code: Coded
    status: RequestStatus
    category: str = ""  # HL7 table 0074 where known
    priority: str = ""  # FHIR request-priority: routine, urgent, asap, stat
    authored_at: datetime | None = None
    occurs_at: datetime | None = None
    requester: Coded | None = None
    note: str = ""
    visit: Identifier | None = None
    # Both sides' numbers, where `number` is only one of them: who asked (ORC-2) finds a request of
    # ours that is answered, who does it (ORC-3) is what to ask for there.
    placer: str = ""
    filler: str = ""


@dataclass(frozen=True, slots=True)
class ImmunizationRecord:
    """One vaccination, given or refused."""

    number: str
    vaccine: Coded
    status: ImmunizationStatus
    occurred_on: date | None = None
    dose_number: int | None = None
    lot_number: str = ""
    visit: Identifier | None = None


@dataclass(frozen=True, slots=True)
class AllergyRecord:
    """Something the patient does not tolerate; `criticality` is FHIR's: low, high."""

    number: str
    code: Coded
    is_active: bool = True
    criticality: str = ""
    reaction: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RelatedPersonRecord:
    """Somebody close to the patient; `relationship` is of HL7 table 0063 (MTH, FTH, SPO …)."""

    relationship: str
    name: str = ""
    phone: str = ""
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class FormRecord:
    """Answers to a questionnaire, filled in elsewhere; `answers` maps link id to answer."""

    number: str
    questionnaire: str  # canonical address, without a version where the sender states none
    status: FormStatus
    answers: Mapping[str, object]
    authored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FulfilmentRecord:
    """How far another system is with what we asked of it; `number` is ours, `filler` theirs."""

    number: str
    status: FulfilmentStatus
    filler: str = ""
    reason: str = ""
