"""Which fields a row of each kind may fill, and what each holds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.intake.clinical_records import (
    ImmunizationStatus,
    ReportStatus,
    RequestStatus,
)
from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import (
    AppointmentStatus,
    ConditionStatus,
    EncounterClass,
    EncounterStatus,
    Gender,
    ObservationStatus,
)
from app.integrations.tables.cells import FieldKind


class RowKind(StrEnum):
    """What one row of a table tells of, beside its patient."""

    PATIENT = "patient"
    ENCOUNTER = "encounter"
    CONDITION = "condition"
    OBSERVATION = "observation"
    REPORT = "report"
    MEDICATION = "medication"
    SERVICE_REQUEST = "service-request"
    APPOINTMENT = "appointment"
    IMMUNIZATION = "immunization"
    ALLERGY = "allergy"

    @property
    def event(self) -> EventKind:
        """How the row is taken: results, orders and bookings bring only copies of the person."""
        return _EVENTS.get(self, EventKind.SNAPSHOT)


_EVENTS: Final = {
    RowKind.OBSERVATION: EventKind.RESULT,
    RowKind.REPORT: EventKind.RESULT,
    RowKind.MEDICATION: EventKind.PRESCRIPTION,
    RowKind.SERVICE_REQUEST: EventKind.ORDER,
    RowKind.APPOINTMENT: EventKind.APPOINTMENT,
    RowKind.IMMUNIZATION: EventKind.VACCINATION,
}


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field holds; `choices` are the words that its translations may lead to."""

    kind: FieldKind
    is_required: bool = False
    choices: type[StrEnum] | None = None


TEXT: Final = FieldType(FieldKind.TEXT)
NUMBER: Final = FieldType(FieldKind.NUMBER)
INSTANT: Final = FieldType(FieldKind.INSTANT)
DATE: Final = FieldType(FieldKind.DATE)
CODE: Final = FieldType(FieldKind.CODE)
FLAG: Final = FieldType(FieldKind.FLAG)
IDENTIFIER: Final = FieldType(FieldKind.IDENTIFIER)
NUMBERED: Final = FieldType(FieldKind.TEXT, is_required=True)
CODED: Final = FieldType(FieldKind.CODE, is_required=True)


def _status(choices: type[StrEnum]) -> FieldType:
    return FieldType(FieldKind.CHOICE, is_required=True, choices=choices)


def _choice(choices: type[StrEnum]) -> FieldType:
    return FieldType(FieldKind.CHOICE, choices=choices)


PATIENT_FIELDS: Final = {
    "name": TEXT,
    "gender": _choice(Gender),
    "birth_date": DATE,
    "phone": TEXT,
    "address": TEXT,
    "province": TEXT,
    "city": TEXT,
    "deceased_at": INSTANT,
    "mother": IDENTIFIER,
}

# The fields bear the names of the records in `app.domain.intake`.
FIELDS: Final[dict[RowKind, dict[str, FieldType]]] = {
    RowKind.PATIENT: {},
    RowKind.ENCOUNTER: {
        "status": _choice(EncounterStatus),
        "encounter_class": _choice(EncounterClass),
        "department": CODE,
        "location": TEXT,
        "attending": CODE,
        "started_at": INSTANT,
        "ended_at": INSTANT,
    },
    RowKind.CONDITION: {
        "code": CODED,
        "status": _choice(ConditionStatus),
        "is_provisional": FLAG,
        "recorded_at": INSTANT,
    },
    RowKind.OBSERVATION: {
        "order": NUMBERED,
        "sub_id": TEXT,
        "code": CODED,
        "loinc": TEXT,
        "panel": CODE,
        "value": TEXT,
        "unit": TEXT,
        "range": TEXT,
        "low": NUMBER,
        "high": NUMBER,
        "flag": TEXT,
        "status": _status(ObservationStatus),
        "effective_at": INSTANT,
        "issued_at": INSTANT,
        "specimen": TEXT,
        "note": TEXT,
    },
    RowKind.REPORT: {
        "number": NUMBERED,
        "code": CODED,
        "status": _status(ReportStatus),
        "category": TEXT,
        "conclusion": TEXT,
        "effective_at": INSTANT,
        "issued_at": INSTANT,
    },
    RowKind.MEDICATION: {
        "number": NUMBERED,
        "code": CODED,
        "status": _status(RequestStatus),
        "dosage_text": TEXT,
        "dose": NUMBER,
        "dose_unit": TEXT,
        "route": CODE,
        "frequency": TEXT,
        "quantity": NUMBER,
        "quantity_unit": TEXT,
        "authored_at": INSTANT,
        "starts_at": INSTANT,
        "ends_at": INSTANT,
        "dispensed_at": INSTANT,
    },
    RowKind.SERVICE_REQUEST: {
        "number": NUMBERED,
        "code": CODED,
        "status": _status(RequestStatus),
        "category": TEXT,
        "priority": TEXT,
        "authored_at": INSTANT,
        "occurs_at": INSTANT,
        "requester": CODE,
        "note": TEXT,
    },
    RowKind.APPOINTMENT: {
        "number": FieldType(FieldKind.IDENTIFIER, is_required=True),
        "status": _status(AppointmentStatus),
        "start_at": INSTANT,
        "end_at": INSTANT,
        "department": CODE,
        "practitioner": CODE,
    },
    RowKind.IMMUNIZATION: {
        "number": NUMBERED,
        "vaccine": CODED,
        "status": _status(ImmunizationStatus),
        "occurred_on": DATE,
        "dose_number": FieldType(FieldKind.INTEGER),
        "lot_number": TEXT,
    },
    RowKind.ALLERGY: {
        "number": NUMBERED,
        "code": CODED,
        "is_active": FLAG,
        "criticality": TEXT,
        "reaction": TEXT,
        "recorded_at": INSTANT,
    },
}
