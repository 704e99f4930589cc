"""Who is on which plan: begun by what the hospital tells, ended when it no longer fits."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.tree import wakes
from app.domain.errors import DomainError
from app.domain.plans.plan import Anchor
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.profile.patient_facts import Facts
from app.models import (
    CarePlan,
    CarePlanStatus,
    CareTeam,
    Condition,
    Encounter,
    EncounterClass,
    EncounterStatus,
    Event,
    Patient,
    PlanDefinition,
    PublicationStatus,
    Task,
)
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts
from app.models.profile.tagging import bear

# A discharge longer ago than this begins no plan: its first weeks are over.
_STILL_FRESH: Final = timedelta(days=14)

_UNFINISHED: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


class NoCareTeam(DomainError):
    """Nobody would look after the patient."""

    code = "no-care-team"
    title = "这个科室还没有设置随访团队"


def enrol_where_due(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    triggers: Collection[str] | None = None,
    cause: Event | None = None,
) -> None:
    """Begin every plan that now fits the patient and has its anchor; again changes nothing.

    Only plans that `triggers` wake are asked, or all. A new discharge ends the plan of the one
    before and begins anew.

    :raises NoCareTeam: no team of the department, and no general one
    """
    plans = [
        plan
        for plan in knowledge(session).plans.values()
        if plan.enrol_when is not None
        and (triggers is None or not wakes(plan.enrol_when).isdisjoint(triggers))
    ]
    if not plans:
        return
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    if patient.deceased_at is not None or _is_admitted(session, patient_id):
        return
    needs = FactNeeds.of(*(plan.enrol_when for plan in plans if plan.enrol_when is not None))
    facts = load_facts(session, patient_id, now, zone, needs)
    for plan in plans:
        if _fits(plan, facts):
            _begin_where_anchored(session, patient, plan, now, zone, cause)


def rest_while_admitted(
    session: Session, patient_id: int, now: datetime, *, cause: Event | None = None
) -> None:
    """Put open plans on hold while the patient is in hospital, and take back what is pending."""
    for plan in session.scalars(
        select(CarePlan).filter_by(
            patient_id=patient_id, is_open=True, status=CarePlanStatus.ACTIVE
        )
    ):
        plan.status = CarePlanStatus.ON_HOLD
        _cancel_tasks(session, plan, TaskReason.READMITTED, now)
        session.add(
            Event.of(
                "care-plan.held", now, patient_id=patient_id, cause=cause, care_plan_id=plan.id
            )
        )


def begin_plan(
    session: Session,
    patient_id: int,
    plan: Plan,
    anchor_on: date,
    care_team_id: int,
    now: datetime,
    *,
    encounter_id: int | None = None,
    cause: Event | None = None,
) -> CarePlan:
    """Put a patient on the plan's version in force; the tag of the plan marks them."""
    definition = session.scalars(
        select(PlanDefinition).filter_by(
            key=plan.key, version=plan.version, status=PublicationStatus.ACTIVE
        )
    ).one()
    care_plan = CarePlan(
        patient_id=patient_id,
        plan_definition_id=definition.id,
        plan_key=plan.key,
        care_team_id=care_team_id,
        status=CarePlanStatus.ACTIVE,
        anchor_on=anchor_on,
        encounter_id=encounter_id,
        created_at=now,
    )
    session.add(care_plan)
    session.flush()
    if plan.tag is not None:
        bear(
            session, patient_id, plan.tag, f"加入计划：{plan.name}", now,
            basis=f"plan:{plan.key}", cause=cause,
        )  # fmt: skip
    session.add(
        Event.of(
            "care-plan.started", now, patient_id=patient_id, cause=cause, care_plan_id=care_plan.id
        )
    )
    return care_plan


def _fits(plan: Plan, facts: Facts) -> bool:
    if plan.enrol_when is None:
        return False
    return compile_criterion(plan.enrol_when)(facts) is not None


def _begin_where_anchored(
    session: Session,
    patient: Patient,
    plan: Plan,
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> None:
    found = _anchor(session, patient.id, plan.anchor, now, zone)
    if found is None:
        return
    anchor_on, encounter = found
    kept = session.scalars(
        select(CarePlan)
        .filter_by(patient_id=patient.id, plan_key=plan.key)
        .order_by(CarePlan.id.desc())
        .limit(1)
    ).one_or_none()
    if kept is not None and (kept.is_open or kept.anchor_on >= anchor_on):
        if kept.anchor_on >= anchor_on:
            return
        _end(session, kept, now, cause)
    department = (encounter.department_code if encounter else None) or patient.department_code
    begin_plan(
        session, patient.id, plan, anchor_on, _team_of(session, department).id, now,
        encounter_id=encounter.id if encounter else None, cause=cause,
    )  # fmt: skip


def _anchor(
    session: Session, patient_id: int, anchor: Anchor, now: datetime, zone: ZoneInfo
) -> tuple[date, Encounter | None] | None:
    """Return the day from which the plan counts, or None while it has not come."""
    if anchor is Anchor.ENROLMENT:
        return now.astimezone(zone).date(), None
    if anchor is Anchor.DIAGNOSIS:
        first = session.scalar(
            select(Condition.recorded_at)
            .filter_by(patient_id=patient_id, is_active=True, is_provisional=False)
            .order_by(Condition.recorded_at)
            .limit(1)
        )
        return (first.astimezone(zone).date(), None) if first else None
    if anchor is not Anchor.DISCHARGE:
        return None  # told by hand (surgery, birth): no message carries it yet
    stay = session.scalars(
        select(Encounter)
        .where(
            Encounter.patient_id == patient_id,
            Encounter.encounter_class == EncounterClass.INPATIENT,
            Encounter.status == EncounterStatus.FINISHED,
            Encounter.ended_at > now - _STILL_FRESH,
        )
        .order_by(Encounter.ended_at.desc())
        .limit(1)
    ).one_or_none()
    if stay is None or stay.ended_at is None:
        return None
    return stay.ended_at.astimezone(zone).date(), stay


def _is_admitted(session: Session, patient_id: int) -> bool:
    stay = select(Encounter.id).filter_by(
        patient_id=patient_id,
        encounter_class=EncounterClass.INPATIENT,
        status=EncounterStatus.IN_PROGRESS,
    )
    return session.scalar(stay.limit(1)) is not None


def _team_of(session: Session, department_code: str | None) -> CareTeam:
    teams = session.scalars(select(CareTeam).order_by(CareTeam.id)).all()
    for code in (department_code, None):
        for team in teams:
            if team.department_code == code:
                return team
    raise NoCareTeam


def _end(session: Session, plan: CarePlan, now: datetime, cause: Event | None) -> None:
    plan.status = CarePlanStatus.COMPLETED
    plan.is_open = None
    plan.ended_at = now
    _cancel_tasks(session, plan, TaskReason.PLAN_ENDED, now)
    session.flush()
    session.add(
        Event.of(
            "care-plan.ended", now, patient_id=plan.patient_id, cause=cause, care_plan_id=plan.id
        )
    )


def _cancel_tasks(session: Session, plan: CarePlan, reason: TaskReason, now: datetime) -> None:
    session.execute(
        update(Task)
        .where(Task.care_plan_id == plan.id, Task.status.in_(_UNFINISHED))
        .values(status=TaskStatus.CANCELLED, status_reason=reason, finished_at=now, remind_at=None)
    )
