"""From a row to what it says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from app.domain.intake.clinical_records import (
    AllergyRecord,
    DiagnosticReportRecord,
    ImmunizationRecord,
    ImmunizationStatus,
    MedicationRecord,
    ReportStatus,
    RequestStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_message import HospitalMessage, VisitMove
from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentRecord,
    AppointmentStatus,
    ConditionRecord,
    ConditionStatus,
    EncounterRecord,
    EncounterStatus,
    HumanName,
    PatientRecord,
    Stated,
)
from app.domain.intake.table_rows import Deed, KeptRow
from app.domain.profile.places import region_of_parts
from app.integrations.tables.cells import BadCell, FieldKind
from app.integrations.tables.fields import FIELDS, RowKind
from app.integrations.tables.mapping import SourceMapping, TableMapping
from app.integrations.tables.observations import numbered, read_observation
from app.integrations.tables.row_reading import RowReading

# What a thing is called once its row is gone: it never was, or will not take place.
_WITHDRAWN: Final[dict[RowKind, object]] = {
    RowKind.REPORT: ReportStatus.ENTERED_IN_ERROR,
    RowKind.MEDICATION: RequestStatus.ENTERED_IN_ERROR,
    RowKind.SERVICE_REQUEST: RequestStatus.ENTERED_IN_ERROR,
    RowKind.IMMUNIZATION: ImmunizationStatus.ENTERED_IN_ERROR,
}


def read_row(
    mapping: SourceMapping, table: TableMapping, kept: KeptRow
) -> tuple[HospitalMessage, tuple[BadCell, ...]]:
    """Return what a row says, and the optional cells that had to be left out.

    :raises BadCell: a required cell is empty or cannot be used
    :raises Rejected: the row names no person
    """
    reading = RowReading(mapping, table, kept.values)
    is_withdrawn = kept.deed is Deed.WITHDRAWN or reading.is_withdrawn
    is_gone = kept.deed is Deed.WITHDRAWN
    visit = reading.visit()
    message = HospitalMessage(
        source=mapping.source,
        event=table.kind.event,
        control_id="",
        sending_application=mapping.application,
        sending_facility=mapping.facility,
        recorded_at=kept.recorded_at,
        # What a row said of the person is not said anew by its end.
        patient=PatientRecord(reading.identifiers()) if is_gone else _patient(reading),
        encounter=EncounterRecord(visit) if visit else None,
    )
    message = _FILL[table.kind](message, reading, is_withdrawn, kept.life)
    if kept.before is not None and visit is not None:
        wrong = RowReading(mapping, table, kept.before).identifiers()
        message = replace(message, visit_moves=(VisitMove(visit, wrong),))
    # The same column may feed two fields; it is reported once.
    problems = {(bad.column, bad.problem): bad for bad in reading.problems}
    issues = tuple(f"{problem}:{column}" for column, problem in problems)
    return replace(message, issues=issues), tuple(problems.values())


def _patient(reading: RowReading) -> PatientRecord:
    name: Stated[str] = reading.stated_of_person("name")
    return PatientRecord(
        identifiers=reading.identifiers(),
        names=(HumanName(name),) if isinstance(name, str) else name,
        birth_date=reading.stated_of_person("birth_date"),
        gender=reading.stated_of_person("gender"),
        phone=reading.stated_of_person("phone"),
        address=reading.stated_of_person("address"),
        region=region_of_parts(_text(reading, "province"), _text(reading, "city")),
        deceased_at=reading.stated_of_person("deceased_at"),
        mother=reading.stated_of_person("mother"),
    )


def _text(reading: RowReading, name: str) -> str:
    said: Stated[str] = reading.stated_of_person(name)
    return said if isinstance(said, str) else ""


def _with_nothing(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    return message


def _with_encounter(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    if is_withdrawn:
        encounter = EncounterRecord(reading.visit(), status=EncounterStatus.CANCELLED)
    else:
        stated = {name: reading.stated(name) for name in FIELDS[RowKind.ENCOUNTER]}
        if stated["status"] is UNCHANGED:
            stated["status"] = _status_by_times(stated["started_at"], stated["ended_at"])
        encounter = EncounterRecord(reading.visit(), **stated)
    return replace(message, encounter=encounter)


def _status_by_times(started_at: Stated[Any], ended_at: Stated[Any]) -> Stated[EncounterStatus]:
    """Return how far a stay is where the table has no word for it but its times."""
    if ended_at not in (None, UNCHANGED):
        return EncounterStatus.FINISHED
    return EncounterStatus.IN_PROGRESS if started_at not in (None, UNCHANGED) else UNCHANGED


def _with_condition(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    status = reading.get("status") or ConditionStatus.ACTIVE
    condition = ConditionRecord(
        code=reading.get("code"),
        status=ConditionStatus.ENTERED_IN_ERROR if is_withdrawn else status,
        is_provisional=bool(reading.get("is_provisional")),
        recorded_at=reading.get("recorded_at"),
        visit=reading.visit(),
    )
    return replace(message, conditions=(condition,))


def _with_observation(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    result = read_observation(reading, is_withdrawn=is_withdrawn, life=life)
    return replace(message, observations=(result,))


def _with_appointment(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    status = reading.get("status")
    appointment = AppointmentRecord(
        placer=None,
        filler=reading.get("number"),
        status=AppointmentStatus.CANCELLED if is_withdrawn else status,
        start_at=reading.get("start_at"),
        end_at=reading.get("end_at"),
        department=reading.get("department"),
        practitioner=reading.get("practitioner"),
    )
    return replace(message, appointments=(appointment,))


def _with_report(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    # Of a report, too, a withdrawal stands for good; one that is issued again is another.
    filled = _filler("reports", DiagnosticReportRecord)(message, reading, is_withdrawn, life)
    (report,) = filled.reports
    return replace(filled, reports=(replace(report, number=numbered(report.number, life)),))


def _with_allergy(
    message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
) -> HospitalMessage:
    is_active = reading.get("is_active")
    allergy = AllergyRecord(
        number=reading.get("number"),
        code=reading.get("code"),
        is_active=not is_withdrawn and is_active is not False,
        criticality=reading.text("criticality"),
        reaction=reading.text("reaction"),
        recorded_at=reading.get("recorded_at"),
    )
    return replace(message, allergies=(allergy,))


def _filler(part: str, record: Callable[..., object]) -> Callable[..., HospitalMessage]:
    """Return the filling for a record whose fields are named as the mapping's."""

    def fill(
        message: HospitalMessage, reading: RowReading, is_withdrawn: bool, life: int
    ) -> HospitalMessage:
        kind = reading.table.kind
        said = {
            name: reading.text(name) if field.kind is FieldKind.TEXT else reading.get(name)
            for name, field in FIELDS[kind].items()
        }
        if is_withdrawn:
            said["status"] = _WITHDRAWN[kind]
        parts: dict[str, Any] = {part: (record(**said, visit=reading.visit()),)}
        return replace(message, **parts)

    return fill


_FILL: Final[dict[RowKind, Callable[..., HospitalMessage]]] = {
    RowKind.PATIENT: _with_nothing,
    RowKind.ENCOUNTER: _with_encounter,
    RowKind.CONDITION: _with_condition,
    RowKind.OBSERVATION: _with_observation,
    RowKind.REPORT: _with_report,
    RowKind.MEDICATION: _filler("medications", MedicationRecord),
    RowKind.SERVICE_REQUEST: _filler("service_requests", ServiceRequestRecord),
    RowKind.APPOINTMENT: _with_appointment,
    RowKind.IMMUNIZATION: _filler("immunizations", ImmunizationRecord),
    RowKind.ALLERGY: _with_allergy,
}
