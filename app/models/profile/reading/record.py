"""What hospitals tell of a patient, the newest of each kind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.intake.hospital_records import AppointmentStatus, EncounterClass, EncounterStatus
from app.models.profile.clinical import AllergyIntolerance
from app.models.profile.encounter import Appointment, Condition, Encounter

MOST: Final = 10


@dataclass(frozen=True, slots=True)
class ConditionLine:
    code: str
    display: str
    is_active: bool
    is_provisional: bool
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class AllergyLine:
    display: str
    criticality: str | None  # FHIR: low, high
    reaction: str | None


@dataclass(frozen=True, slots=True)
class EncounterLine:
    encounter_class: EncounterClass
    status: EncounterStatus
    department_name: str | None
    attending_name: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppointmentLine:
    department_name: str | None
    practitioner_name: str | None
    starts_at: datetime


def conditions_of(session: Session, patient_id: int, most: int = 50) -> tuple[ConditionLine, ...]:
    """Return diagnoses, each code once: active ones first, then the newest."""
    rows = session.execute(
        select(
            Condition.code, Condition.display, Condition.is_active, Condition.is_provisional,
            Condition.recorded_at,
        )
        .where(Condition.patient_id == patient_id)
        .order_by(
            Condition.is_active.desc(), Condition.is_provisional, Condition.recorded_at.desc()
        )
        .limit(most * 4)
    )  # fmt: skip
    found: dict[str, ConditionLine] = {}
    for code, display, is_active, is_provisional, at in rows:
        line = ConditionLine(code, display or code, is_active, is_provisional, at)
        found.setdefault(code, line)
    return tuple(found.values())[:most]


def allergies_of(session: Session, patient_id: int) -> tuple[AllergyLine, ...]:
    """Return what the patient does not tolerate now, the dangerous first."""
    rows = session.scalars(
        select(AllergyIntolerance)
        .where(AllergyIntolerance.patient_id == patient_id, AllergyIntolerance.is_active.is_(True))
        .order_by(AllergyIntolerance.id)
        .limit(50)
    )
    lines = [AllergyLine(one.display or one.code, one.criticality, one.reaction) for one in rows]
    return tuple(sorted(lines, key=lambda one: one.criticality != "high"))


def encounters_of(session: Session, patient_id: int) -> tuple[EncounterLine, ...]:
    rows = session.execute(
        select(
            Encounter.encounter_class, Encounter.status, Encounter.department_name,
            Encounter.attending_name, Encounter.started_at, Encounter.ended_at,
        )
        .where(
            Encounter.patient_id == patient_id, Encounter.status != EncounterStatus.CANCELLED
        )
        .order_by(func.coalesce(Encounter.started_at, Encounter.created_at).desc())
        .limit(MOST)
    )  # fmt: skip
    return tuple(EncounterLine(*row) for row in rows)


def coming_appointments(
    session: Session, patient_id: int, now: datetime
) -> tuple[AppointmentLine, ...]:
    rows = session.execute(
        select(Appointment.department_name, Appointment.practitioner_name, Appointment.starts_at)
        .where(
            Appointment.patient_id == patient_id,
            Appointment.status == AppointmentStatus.BOOKED,
            Appointment.starts_at > now,
        )
        .order_by(Appointment.starts_at)
        .limit(MOST)
    )
    return tuple(AppointmentLine(*row) for row in rows)  # type: ignore[arg-type]
