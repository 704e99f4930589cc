"""Everything one message of a hospital system says, whichever way it came."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.intake.clinical_records import (
    AllergyRecord,
    DiagnosticReportRecord,
    FormRecord,
    FulfilmentRecord,
    ImmunizationRecord,
    MedicationRecord,
    RelatedPersonRecord,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_records import (
    AppointmentRecord,
    ConditionRecord,
    EncounterRecord,
    Identifier,
    ObservationRecord,
    PatientRecord,
)


class EventKind(StrEnum):
    """What happened in the hospital, as far as we act on it."""

    ADMIT = "admit"
    REGISTER = "register"
    PRE_ADMIT = "pre-admit"
    TRANSFER = "transfer"
    DISCHARGE = "discharge"
    UPDATE = "update"
    CANCEL_ADMIT = "cancel-admit"
    CANCEL_TRANSFER = "cancel-transfer"
    CANCEL_DISCHARGE = "cancel-discharge"
    MERGE = "merge"
    LINK = "link"
    UNLINK = "unlink"
    MOVE_VISIT = "move-visit"
    RESULT = "result"
    APPOINTMENT = "appointment"
    ORDER = "order"
    PRESCRIPTION = "prescription"
    VACCINATION = "vaccination"
    # A whole record, as FHIR and tables bring it: each part speaks for itself.
    SNAPSHOT = "snapshot"

    @property
    def carries_copies(self) -> bool:
        """Whether the person's data in such a message are only a copy, maybe years old."""
        return self in _COPIES


_COPIES = frozenset(
    {
        EventKind.RESULT,
        EventKind.APPOINTMENT,
        EventKind.ORDER,
        EventKind.PRESCRIPTION,
        EventKind.VACCINATION,
    }
)


@dataclass(frozen=True, slots=True)
class MergeRecord:
    """Two records of one person: the retired numbers now belong to the survivor."""

    survivor: tuple[Identifier, ...]
    retired: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """Two records said to be, or no longer to be, of one person; both stay (A24, A37)."""

    first: tuple[Identifier, ...]
    second: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class VisitMove:
    """A visit that was booked on the wrong person: it belongs to the message's patient (A45)."""

    visit: Identifier
    wrong_patient: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class HospitalMessage:
    """What one message says of one patient; `recorded_at` orders it among that patient's.

    `sending_application` and `sending_facility` name the system whose numbers the results carry.
    """

    source: str
    event: EventKind
    control_id: str
    sending_application: str
    sending_facility: str
    recorded_at: datetime | None
    patient: PatientRecord
    encounter: EncounterRecord | None = None
    conditions: tuple[ConditionRecord, ...] = ()
    observations: tuple[ObservationRecord, ...] = ()
    reports: tuple[DiagnosticReportRecord, ...] = ()
    appointments: tuple[AppointmentRecord, ...] = ()
    medications: tuple[MedicationRecord, ...] = ()
    service_requests: tuple[ServiceRequestRecord, ...] = ()
    immunizations: tuple[ImmunizationRecord, ...] = ()
    allergies: tuple[AllergyRecord, ...] = ()
    related_persons: tuple[RelatedPersonRecord, ...] = ()
    forms: tuple[FormRecord, ...] = ()
    fulfilments: tuple[FulfilmentRecord, ...] = ()
    merges: tuple[MergeRecord, ...] = ()
    links: tuple[LinkRecord, ...] = ()
    visit_moves: tuple[VisitMove, ...] = ()
    unknown_segments: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
