"""ADT: admissions, visits, changes of a person's data, merges."""

from dataclasses import replace
from datetime import datetime

from app.domain.intake.hospital_message import EventKind, MergeRecord
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
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.people import (
    Reading,
    read_coded,
    read_encounter,
    read_identifiers,
)
from app.integrations.hl7.segments import Message, Segment

# HL7 table 0003. A18, A34, A36 and A47 are older or rarer ways to say A40.
EVENTS = {
    "A01": EventKind.ADMIT,
    "A02": EventKind.TRANSFER,
    "A03": EventKind.DISCHARGE,
    "A04": EventKind.REGISTER,
    "A05": EventKind.PRE_ADMIT,
    "A06": EventKind.TRANSFER,
    "A07": EventKind.TRANSFER,
    "A08": EventKind.UPDATE,
    "A11": EventKind.CANCEL_ADMIT,
    "A12": EventKind.CANCEL_TRANSFER,
    "A13": EventKind.CANCEL_DISCHARGE,
    "A18": EventKind.MERGE,
    "A28": EventKind.UPDATE,
    "A31": EventKind.UPDATE,
    "A34": EventKind.MERGE,
    "A36": EventKind.MERGE,
    "A40": EventKind.MERGE,
    "A47": EventKind.MERGE,
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


def read_merges(message: Message, reading: Reading) -> tuple[MergeRecord, ...]:
    """Return the pairs of a merge: PID survives, the MRG after it is retired.

    :raises Rejected: a pair is incomplete, or names one number twice
    """
    merges = []
    survivor: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            survivor = segment
        elif segment.name == "MRG" and survivor is not None:
            merges.append(_merge(survivor, segment, reading))
    if not merges:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "MRG")
    return tuple(merges)


def _merge(pid: Segment, mrg: Segment, reading: Reading) -> MergeRecord:
    merge = MergeRecord(
        tuple(i for i in read_identifiers(pid, 3, reading) if i.type_code != "VN"),
        tuple(i for i in read_identifiers(mrg, 1, reading) if i.type_code != "VN"),
    )
    if not merge.survivor or not merge.retired:
        raise Rejected(RejectionReason.NO_PATIENT_IDENTIFIER, "MRG")
    # Both may share the citizen's number, it is one person; the same record number is a mistake.
    records = {i for i in merge.survivor if i.type_code == "MR"} or set(merge.survivor)
    if records & set(merge.retired):
        raise Rejected(RejectionReason.SELF_MERGE)
    return merge


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
