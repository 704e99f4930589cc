"""One patient on one screen: who, which needs, what is open, which stage, which way it goes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.outreach.messaging import CommunicationState
from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.plans.rules import Grade
from app.domain.profile.masking import masked_phone
from app.domain.staff.alerting import AlertStatus
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    Communication,
    Condition,
    Department,
    Gender,
    Observation,
    ObservationStatus,
    Patient,
    RelatedPerson,
    Tag,
    TagAssignment,
    Task,
    TaskOwner,
)
from app.models.profile.patient_index import head_named
from app.models.staff.staff_access import cares_for

TREND_DAYS: Final = 30
TRENDS: Final = 3
ADHERENCE_DAYS: Final = 7
_NO_VALUE: Final = (ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR)
_OPEN_TASK: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    public_id: str
    grade: Grade
    title: str
    lines: tuple[str, ...]  # why it fired
    owner_name: str | None  # None: nobody has taken it
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """An open plan; `day` counts from its anchor (the day of discharge is 0)."""

    title: str
    anchor: str
    stage: str | None
    stage_number: int
    stages: int
    day: int
    team_name: str


@dataclass(frozen=True, slots=True)
class Point:
    value: Decimal
    at: datetime
    context: str | None


@dataclass(frozen=True, slots=True)
class Trend:
    """The values of one code over the last `TREND_DAYS`, oldest first, in one unit."""

    code: str
    display: str | None
    unit: str | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StaffTask:
    public_id: str
    title: str
    instructions: str | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class MedicationAdherence:
    """How many medication reminders of the last `ADHERENCE_DAYS` were answered."""

    title: str
    asked: int
    done: int


@dataclass(frozen=True, slots=True)
class LastContact:
    """When staff last dealt with an alert, and what last reached the patient."""

    staff_at: datetime | None
    staff_name: str | None
    message_at: datetime | None


@dataclass(frozen=True, slots=True)
class PatientSnapshot:
    id: int
    public_id: str
    name: str | None
    gender: Gender
    birth_date: date | None
    is_deceased: bool
    needs: str | None
    masked_phone: str | None
    department_name: str | None
    conditions: tuple[str, ...]
    tags: tuple[str, ...]
    alerts: tuple[OpenAlert, ...]
    plans: tuple[PlanProgress, ...]
    trends: tuple[Trend, ...]
    staff_tasks: tuple[StaffTask, ...]
    medication: tuple[MedicationAdherence, ...]
    last_contact: LastContact


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    whose: str  # "self", or the code of HL7 table 0063
    name: str | None
    number: str


def read_snapshot(
    session: Session, patient_public_id: str, practitioner_id: int, now: datetime, today: date
) -> PatientSnapshot:
    """Return what a member of the care team sees first; `today` is the hospital's day.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = _find(session, patient_public_id, practitioner_id, now)
    return PatientSnapshot(
        id=patient.id,
        public_id=patient.public_id,
        name=patient.name,
        gender=patient.gender,
        birth_date=patient.birth_date,
        is_deceased=patient.deceased_at is not None,
        needs=patient.needs,
        masked_phone=masked_phone(patient.phone) if patient.phone else None,
        department_name=session.scalar(
            select(Department.name).where(Department.code == patient.department_code)
        ),
        conditions=_conditions(session, patient.id),
        tags=_tags(session, patient.id),
        alerts=_alerts(session, patient.id),
        plans=_plans(session, patient.id, today),
        trends=_trends(session, patient.id, now),
        staff_tasks=_staff_tasks(session, patient.id, now),
        medication=_medication(session, patient.id, now),
        last_contact=_last_contact(session, patient.id),
    )


def read_phones(
    session: Session, patient_public_id: str, practitioner_id: int, now: datetime
) -> tuple[Patient, tuple[PhoneNumber, ...]]:
    """Return a patient with their own number and their family's, unmasked: record the reason.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = _find(session, patient_public_id, practitioner_id, now)
    family = session.scalars(
        select(RelatedPerson).where(RelatedPerson.patient_id == patient.id).order_by("id")
    )
    numbers = [PhoneNumber("self", patient.name, patient.phone)] if patient.phone else []
    numbers += [
        PhoneNumber(one.relationship_code, one.name, one.phone) for one in family if one.phone
    ]
    return patient, tuple(numbers)


def _find(session: Session, patient_public_id: str, practitioner_id: int, now: datetime) -> Patient:
    patient = session.scalar(
        select(Patient).where(
            Patient.id == head_named(patient_public_id), cares_for(practitioner_id, now)
        )
    )
    if patient is None:
        raise NotFound
    return patient


def _conditions(session: Session, patient_id: int) -> tuple[str, ...]:
    rows = session.execute(
        select(Condition.display, Condition.code)
        .where(Condition.patient_id == patient_id, Condition.is_active)
        .order_by(Condition.recorded_at.desc())
    )
    return tuple(dict.fromkeys(display or code for display, code in rows))


def _tags(session: Session, patient_id: int) -> tuple[str, ...]:
    return tuple(
        session.scalars(
            select(Tag.name)
            .join(TagAssignment, TagAssignment.tag_id == Tag.id)
            .where(TagAssignment.patient_id == patient_id, TagAssignment.is_live == true())
            .order_by(Tag.name)
        )
    )


def _alerts(session: Session, patient_id: int) -> tuple[OpenAlert, ...]:
    rows = session.scalars(
        select(Alert)
        .where(Alert.patient_id == patient_id, Alert.is_open == true())
        .options(joinedload(Alert.rule), joinedload(Alert.owner))
        .order_by(Alert.opened_at)
    )
    worst_first = sorted(rows, key=lambda one: list(Grade).index(one.grade), reverse=True)
    return tuple(
        OpenAlert(
            public_id=one.public_id,
            grade=one.grade,
            title=one.name,
            lines=tuple((one.explanation or "").splitlines()),
            owner_name=one.owner.name
            if one.owner and one.status is AlertStatus.ACKNOWLEDGED
            else None,
            opened_at=one.opened_at,
        )
        for one in worst_first
    )


def _plans(session: Session, patient_id: int, today: date) -> tuple[PlanProgress, ...]:
    rows = session.scalars(
        select(CarePlan)
        .where(CarePlan.patient_id == patient_id, CarePlan.is_open == true())
        .options(joinedload(CarePlan.plan_definition), joinedload(CarePlan.care_team))
        .order_by(CarePlan.anchor_on)
    )
    return tuple(_progress(one, today) for one in rows)


def _progress(plan: CarePlan, today: date) -> PlanProgress:
    day = (today - plan.anchor_on).days
    stages: list[dict[str, Any]] = plan.plan_definition.definition.get("stages", [])
    number = next(
        (n for n, one in enumerate(stages, 1) if one["first_day"] <= day <= one["last_day"]), 0
    )
    return PlanProgress(
        title=plan.plan_definition.title,
        anchor=plan.plan_definition.anchor,
        stage=stages[number - 1]["name"] if number else None,
        stage_number=number,
        stages=len(stages),
        day=day,
        team_name=plan.care_team.name,
    )


def _trends(session: Session, patient_id: int, now: datetime) -> tuple[Trend, ...]:
    """Return the codes measured most often lately: home monitoring before single results."""
    rows = session.execute(
        select(
            Observation.code,
            Observation.display,
            Observation.unit,
            Observation.value,
            Observation.effective_at,
            Observation.context,
        )
        .where(
            Observation.patient_id == patient_id,
            Observation.is_current == true(),
            Observation.value.is_not(None),
            Observation.comparator.is_(None),
            Observation.status.not_in(_NO_VALUE),
            Observation.effective_at > now - timedelta(days=TREND_DAYS),
            Observation.effective_at <= now,
        )
        .order_by(Observation.effective_at, Observation.id)
    )
    # A value in another unit is another series: numbers of two units never share a line.
    series: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for row in rows:
        series[row.code, row.unit].append(row)
    longest = sorted(series.values(), key=lambda found: (-len(found), found[0].code))
    return tuple(_trend(found) for found in longest[:TRENDS])


def _trend(rows: Sequence[Any]) -> Trend:
    return Trend(
        code=rows[-1].code,
        display=rows[-1].display,
        unit=rows[-1].unit,
        points=tuple(Point(row.value, row.effective_at, row.context) for row in rows),
    )


def _staff_tasks(session: Session, patient_id: int, now: datetime) -> tuple[StaffTask, ...]:
    rows = session.scalars(
        select(Task)
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.STAFF,
            Task.status.in_(_OPEN_TASK),
            Task.starts_at <= now,
        )
        .options(joinedload(Task.plan_action))
        .order_by(Task.due_at, Task.id)
    )
    return tuple(
        StaffTask(one.public_id, one.title, one.note or _instructions(one), one.due_at)
        for one in rows
    )


def _instructions(task: Task) -> str | None:
    return task.plan_action.definition.get("instructions") if task.plan_action else None


def _medication(
    session: Session, patient_id: int, now: datetime
) -> tuple[MedicationAdherence, ...]:
    """Return per reminder how often it was answered, of those whose window is over."""
    rows = session.execute(
        select(Task.title, Task.status, func.count())
        .where(
            Task.patient_id == patient_id,
            Task.kind == ActionKind.MEDICATION_REMINDER.value,
            Task.starts_at > now - timedelta(days=ADHERENCE_DAYS),
            Task.starts_at <= now,
            or_(
                Task.status.in_((TaskStatus.COMPLETED, TaskStatus.MISSED)),
                Task.status_reason == TaskReason.UNABLE.value,
            ),
        )
        .group_by(Task.title, Task.status)
        .order_by(Task.title)
    )
    counts: dict[str, dict[TaskStatus, int]] = defaultdict(dict)
    for title, status, number in rows:
        counts[title][status] = number
    return tuple(
        MedicationAdherence(title, sum(by.values()), by.get(TaskStatus.COMPLETED, 0))
        for title, by in counts.items()
    )


def _last_contact(session: Session, patient_id: int) -> LastContact:
    step = session.scalar(
        select(AlertStep)
        .join(Alert, Alert.id == AlertStep.alert_id)
        .where(Alert.patient_id == patient_id, AlertStep.practitioner_id.is_not(None))
        .options(joinedload(AlertStep.practitioner))
        .order_by(AlertStep.at.desc(), AlertStep.id.desc())
        .limit(1)
    )
    reached = (CommunicationState.SENT, CommunicationState.DELIVERED)
    message_at = session.scalar(
        select(func.max(Communication.sent_at)).where(
            Communication.patient_id == patient_id,
            Communication.account_id.is_not(None),  # to the patient's side, not to the team
            Communication.state.in_(reached),
        )
    )
    who = step.practitioner.name if step and step.practitioner else None
    return LastContact(step.at if step else None, who, message_at)
