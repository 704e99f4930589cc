"""ADT: admissions, visits and changes of a person's data."""

from dataclasses import replace
from datetime import datetime

from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import (
    UNCHANGED,
    Coded,
    ConditionRecord,
    ConditionStatus,
    EncounterRecord,
    EncounterStatus,
    Identifier,
    PatientRecord,
    Stated,
    Unchanged,
)
from app.integrations.hl7.people import (
    Reading,
    read_coded,
    read_encounter,
)
from app.integrations.hl7.segments import Message, Segment

# HL7 table 0003. Not here, and so refused: what would delete a person (A29) or swap two (A17), and
# what moves accounts or whole lists of numbers (A35, A41 to A44, A46, A48 to A51).
EVENTS = {
    "A01": EventKind.ADMIT,
    "A02": EventKind.TRANSFER,
    "A03": EventKind.DISCHARGE,
    "A04": EventKind.REGISTER,
    "A05": EventKind.PRE_ADMIT,
    "A06": EventKind.TRANSFER,
    "A07": EventKind.TRANSFER,
    "A08": EventKind.UPDATE,
    # Under way between two places, on leave, awaited: the stay goes on where PV1-3 says it is.
    **dict.fromkeys(("A09", "A10", "A21", "A22", "A32", "A33", "A52", "A53"), EventKind.UPDATE),
    "A11": EventKind.CANCEL_ADMIT,
    "A12": EventKind.CANCEL_TRANSFER,
    "A13": EventKind.CANCEL_DISCHARGE,
    "A14": EventKind.PRE_ADMIT,
    # A transfer or discharge that is only planned changes nothing yet, nor does its cancellation.
    **dict.fromkeys(("A15", "A16", "A25", "A26"), EventKind.UPDATE),
    # A23 deletes a visit that never was.
    **dict.fromkeys(("A23", "A27", "A38"), EventKind.CANCEL_ADMIT),
    "A24": EventKind.LINK,
    "A37": EventKind.UNLINK,
    "A28": EventKind.UPDATE,
    "A31": EventKind.UPDATE,
    # Another attending doctor, and its cancellation.
    **dict.fromkeys(("A54", "A55"), EventKind.UPDATE),
    "A60": EventKind.UPDATE,
    # Older or rarer ways to say A40.
    **dict.fromkeys(("A18", "A30", "A34", "A36", "A40", "A47"), EventKind.MERGE),
    "A45": EventKind.MOVE_VISIT,
}
_STATUS = {
    EventKind.ADMIT: EncounterStatus.IN_PROGRESS,
    EventKind.REGISTER: EncounterStatus.IN_PROGRESS,
    EventKind.PRE_ADMIT: EncounterStatus.PLANNED,
    EventKind.DISCHARGE: EncounterStatus.FINISHED,
    EventKind.CANCEL_ADMIT: EncounterStatus.CANCELLED,
    EventKind.CANCEL_DISCHARGE: EncounterStatus.IN_PROGRESS,
}
_BEGINNINGS = (EventKind.ADMIT, EventKind.REGISTER, EventKind.PRE_ADMIT)
_PROVISIONAL = ("A", "W", "入院", "门诊")


def read_visit(
    message: Message,
    event: EventKind,
    patient: PatientRecord,
    reading: Reading,
    recorded_at: datetime | None,
) -> EncounterRecord | None:
    """Return the visit the event is about, or None where the message has no PV1."""
    pv1 = message.first("PV1")
    if pv1 is None:
        return None
    encounter = read_encounter(pv1, reading, _STATUS.get(event, UNCHANGED))
    evn = message.first("EVN")
    occurred = reading.instant(evn.text(6), "event-time-unreadable") if evn else None
    happened_at = occurred or recorded_at
    if event is EventKind.DISCHARGE and not _is_known(encounter.ended_at):
        return replace(encounter, ended_at=happened_at or UNCHANGED)
    if event is EventKind.CANCEL_DISCHARGE:
        return replace(encounter, ended_at=None)
    if event not in _BEGINNINGS:
        return encounter
    if not _is_known(encounter.started_at) and event is not EventKind.PRE_ADMIT:
        encounter = replace(encounter, started_at=happened_at or UNCHANGED)
    if _is_known(encounter.ended_at) and event is not EventKind.PRE_ADMIT:
        encounter = replace(encounter, status=EncounterStatus.FINISHED)
    return replace(
        encounter, visit=encounter.visit or _derived_visit(encounter, patient, happened_at)
    )


def read_conditions(
    message: Message, encounter: EncounterRecord | None, reading: Reading
) -> tuple[ConditionRecord, ...]:
    """Return the diagnoses of the message's DG1 segments."""
    visit = encounter.visit if encounter else None
    found = (_condition(dg1, visit, reading) for dg1 in message.named("DG1"))
    return tuple(condition for condition in found if condition)


def _condition(dg1: Segment, visit: Identifier | None, reading: Reading) -> ConditionRecord | None:
    coded = read_coded(dg1.first(3)) or Coded(dg1.text(4), dg1.text(4))
    if not coded.code:
        reading.doubt("condition-without-code")
        return None
    is_deleted = dg1.text(21) == "D"
    return ConditionRecord(
        code=Coded(coded.code, coded.display or dg1.text(4), coded.system or dg1.text(2)),
        status=ConditionStatus.ENTERED_IN_ERROR if is_deleted else ConditionStatus.ACTIVE,
        is_provisional=dg1.text(6).upper() in _PROVISIONAL,
        recorded_at=reading.instant(dg1.text(5), "diagnosis-time-unreadable"),
        visit=visit,
    )


def _derived_visit(
    encounter: EncounterRecord, patient: PatientRecord, happened_at: datetime | None
) -> Identifier | None:
    """Return a number for a visit that the sender did not number: whose it is and when it began."""
    began = encounter.started_at if isinstance(encounter.started_at, datetime) else happened_at
    if began is None:
        return None
    owner = patient.person_identifiers[0]
    return Identifier(owner.issuer, "derived", f"{owner.value}@{began:%Y%m%d%H%M%S}")


def _is_known(value: Stated[datetime]) -> bool:
    return value is not None and not isinstance(value, Unchanged)
