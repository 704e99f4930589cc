"""Visits, the diagnoses made in them, and appointments."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import (
    AppointmentRecord,
    ConditionRecord,
    ConditionStatus,
    EncounterRecord,
    Identifier,
    Unchanged,
    apply_stated,
)
from app.models import (
    Appointment,
    Condition,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Event,
    Patient,
)
from app.services.intake.columns import clipped, code, digest, exact
from app.services.intake.held import Held

# A result makes a visit known; whatever the visit's own system tells of it is newer than that.
_HEARSAY = datetime(1970, 1, 1, tzinfo=UTC)
_ENDINGS = (EventKind.DISCHARGE, EventKind.CANCEL_ADMIT)
_EVENTS = {
    EncounterStatus.IN_PROGRESS: "encounter.started",
    EncounterStatus.FINISHED: "encounter.finished",
    EncounterStatus.CANCELLED: "encounter.cancelled",
}


def record_encounter(
    session: Session,
    patient: Patient,
    message: HospitalMessage,
    recorded_at: datetime,
    now: datetime,
) -> Encounter | None:
    """Return the visit of the message, updated; None where the message names none.

    A result only points to its visit: it makes an unknown one known but changes none.

    :raises Held: the visit is another patient's
    """
    record = message.encounter
    if record is None:
        return None
    encounter = _find(session, patient, record, message.event)
    if encounter is None:
        if record.visit is None:
            return None
        encounter = _new(patient, record, record.visit, now)
        session.add(encounter)
        before = None
    elif encounter.patient_id != patient.id:
        raise Held("visit-of-another-patient")
    elif message.event is EventKind.RESULT:
        return encounter
    elif _is_overtaken(encounter, record, message.event, recorded_at):
        _fill(encounter, record)
        return encounter
    else:
        before = encounter.status
    _apply(encounter, record)
    encounter.recorded_at = _HEARSAY if message.event is EventKind.RESULT else recorded_at
    session.flush()
    if encounter.status is not before and encounter.status in _EVENTS:
        kind = _kind(encounter, before)
        session.add(Event.of(kind, now, patient_id=patient.id, encounter_id=encounter.id))
    return encounter


def _find(
    session: Session, patient: Patient, record: EncounterRecord, event: EventKind
) -> Encounter | None:
    if record.visit is not None:
        return session.scalar(
            select(Encounter)
            .filter_by(issuer=exact(record.visit.issuer), visit_number=exact(record.visit.value))
            .with_for_update()
        )
    if event not in _ENDINGS:
        return None
    # A sender without visit numbers ends the stay that is open.
    open_stays = select(Encounter).filter_by(
        patient_id=patient.id, status=EncounterStatus.IN_PROGRESS
    )
    return session.scalar(open_stays.order_by(Encounter.started_at.desc()).limit(1))


def _new(
    patient: Patient,
    record: EncounterRecord,
    visit: Identifier,
    now: datetime,
) -> Encounter:
    is_over = isinstance(record.ended_at, datetime)
    return Encounter(
        patient_id=patient.id,
        issuer=exact(visit.issuer),
        visit_number=exact(visit.value),
        encounter_class=EncounterClass.AMBULATORY,
        status=EncounterStatus.FINISHED if is_over else EncounterStatus.IN_PROGRESS,
        created_at=now,
    )


def _apply(encounter: Encounter, record: EncounterRecord) -> None:
    if record.status is not None and not isinstance(record.status, Unchanged):
        encounter.status = record.status
    if record.encounter_class is not None and not isinstance(record.encounter_class, Unchanged):
        encounter.encounter_class = record.encounter_class
    if not isinstance(record.department, Unchanged):
        encounter.department_code = clipped(record.department.code) if record.department else None
    encounter.location = clipped(apply_stated(record.location, encounter.location))
    encounter.started_at = apply_stated(record.started_at, encounter.started_at)
    encounter.ended_at = apply_stated(record.ended_at, encounter.ended_at)


def _is_overtaken(
    encounter: Encounter, record: EncounterRecord, event: EventKind, recorded_at: datetime
) -> bool:
    """Tell whether newer news was there first.

    HL7 counts seconds, and connections race: of two messages of one second, an admission came
    before the discharge. Only a cancelled discharge opens a stay again.
    """
    if recorded_at != encounter.recorded_at:
        return recorded_at < encounter.recorded_at
    return (
        encounter.status is EncounterStatus.FINISHED
        and record.status is EncounterStatus.IN_PROGRESS
        and event is not EventKind.CANCEL_DISCHARGE
    )


def _fill(encounter: Encounter, record: EncounterRecord) -> None:
    """Take from late news what newer news left open: a discharge may overtake its admission."""
    if encounter.started_at is None:
        encounter.started_at = apply_stated(record.started_at, None)
    if encounter.location is None:
        encounter.location = clipped(apply_stated(record.location, None))


def _kind(encounter: Encounter, before: EncounterStatus | None) -> str:
    if before is EncounterStatus.FINISHED and encounter.status is EncounterStatus.IN_PROGRESS:
        return "encounter.reopened"
    return _EVENTS[encounter.status]


def record_conditions(
    session: Session,
    patient: Patient,
    encounter: Encounter | None,
    records: Iterable[ConditionRecord],
    recorded_at: datetime,
    now: datetime,
) -> None:
    """Keep the diagnoses of a visit, each once; one that was withdrawn becomes inactive."""
    for record in records:
        key = {
            "patient_id": patient.id,
            "encounter_key": encounter.id if encounter else 0,
            "code_system": exact(record.code.system),
            "code": code(record.code.code),
        }
        is_active = record.status is ConditionStatus.ACTIVE
        condition = session.scalar(select(Condition).filter_by(**key))
        if condition is None:
            condition = Condition(
                **key,
                encounter_id=encounter.id if encounter else None,
                display=clipped(record.code.display),
                is_active=is_active,
                recorded_at=record.recorded_at or recorded_at,
                created_at=now,
            )
            session.add(condition)
        elif condition.is_active == is_active:
            continue
        condition.is_active = is_active
        session.flush()
        kind = "condition.recorded" if is_active else "condition.withdrawn"
        session.add(Event.of(kind, now, patient_id=patient.id, condition_id=condition.id))


def record_appointments(
    session: Session,
    patient: Patient,
    records: Iterable[AppointmentRecord],
    recorded_at: datetime,
    now: datetime,
) -> None:
    """Keep appointments current; older news than we have changes nothing.

    :raises Held: the appointment is another patient's
    """
    for record in records:
        appointment = _appointment(session, record)
        before = None
        if appointment is None:
            appointment = Appointment(
                patient_id=patient.id, issuer=exact(record.identifier.issuer), created_at=now
            )
            session.add(appointment)
        elif appointment.patient_id != patient.id:
            raise Held("appointment-of-another-patient")
        elif recorded_at < appointment.recorded_at:
            continue
        else:
            before = (appointment.status, appointment.starts_at)
        _keep_appointment(appointment, record, recorded_at)
        session.flush()
        if (appointment.status, appointment.starts_at) != before:
            kind = f"appointment.{appointment.status}"
            session.add(Event.of(kind, now, patient_id=patient.id, appointment_id=appointment.id))


def _appointment(session: Session, record: AppointmentRecord) -> Appointment | None:
    """Return the row known by the filler's number, else by the placer's."""
    for number in (record.filler, record.placer):
        if number is not None:
            known = select(Appointment).filter_by(
                issuer=exact(number.issuer), number_hash=_number_hash(number)
            )
            if found := session.scalar(known.with_for_update()):
                return found
    return None


def _keep_appointment(
    appointment: Appointment, record: AppointmentRecord, recorded_at: datetime
) -> None:
    department, practitioner = record.department, record.practitioner
    appointment.number = clipped(record.identifier.value) or ""
    appointment.number_hash = _number_hash(record.identifier)
    appointment.status = record.status
    appointment.starts_at = record.start_at or appointment.starts_at
    appointment.ends_at = record.end_at or appointment.ends_at
    appointment.recorded_at = recorded_at
    if department is not None:
        appointment.department_code = clipped(department.code)
        appointment.department_name = clipped(department.display)
    if practitioner is not None:
        appointment.practitioner_name = clipped(practitioner.display)


def _number_hash(number: Identifier) -> bytes:
    # Placer and filler number their own books: the same digits may be two appointments.
    return digest(number.type_code, number.value)
