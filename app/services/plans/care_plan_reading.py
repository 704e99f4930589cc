"""The plans of one patient as staff and patients read them, and what may begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.plans.enrolling import EndReason, HoldReason
from app.models import (
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    CareTeam,
    EnrolmentPolicy,
    EnrolmentProposal,
    StepKind,
)
from app.models.plans.knowledge import knowledge
from app.models.staff.staff_access import teams_of

MOST: Final = 20


@dataclass(frozen=True, slots=True)
class StepLine:
    kind: StepKind
    reason: str | None
    note: str | None
    who: str | None  # None: the system, or the patient where `is_patient`
    is_patient: bool
    detail: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class CarePlanLine:
    """A plan of a patient, open or ended; `day` counts from its anchor."""

    id: int
    public_id: str
    plan_key: str
    title: str
    version: int
    newest: int | None  # version in force, where there is one
    status: CarePlanStatus
    is_open: bool
    anchor: str
    anchor_on: date
    day: int
    stage: str | None
    team_name: str
    hold_reason: HoldReason | None
    hold_begins_on: date | None
    hold_ends_on: date | None
    ended_at: datetime | None
    end_reason: EndReason | None
    steps: tuple[StepLine, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan that somebody may be put on; `anchor` names the kind of day it counts from."""

    key: str
    name: str
    anchor: str
    is_on: bool


def plans_of_patient(
    session: Session, patient_id: int, today: date, *, only_open: bool = False
) -> tuple[CarePlanLine, ...]:
    """Return a patient's plans with their history, the open ones first, then the newest."""
    query = (
        select(CarePlan)
        .filter_by(patient_id=patient_id)
        .options(joinedload(CarePlan.plan_definition), joinedload(CarePlan.care_team))
        .order_by(CarePlan.is_open.is_(True).desc(), CarePlan.id.desc())
        .limit(MOST)
    )
    if only_open:
        query = query.where(CarePlan.is_open.is_(True))
    rows = session.scalars(query).all()
    steps = _steps(session, [row.id for row in rows])
    newest = {key: plan.version for key, plan in knowledge(session).plans.items()}
    return tuple(_line(row, newest.get(row.plan_key), steps[row.id], today) for row in rows)


def find_care_plan(session: Session, patient_id: int, public_id: str) -> CarePlan:
    """Return one plan of a patient, locked.

    :raises NotFound: no such plan of theirs
    """
    plan = session.scalar(
        select(CarePlan)
        .filter_by(patient_id=patient_id, public_id=public_id)
        .with_for_update(of=CarePlan)
    )
    if plan is None:
        raise NotFound
    return plan


def plans_offered(session: Session, patient_id: int, today: date) -> tuple[Offered, ...]:
    """Return the plans in force today, by name."""
    on = set(
        session.scalars(select(CarePlan.plan_key).filter_by(patient_id=patient_id, is_open=True))
    )
    known = knowledge(session)
    found = [
        Offered(plan.key, plan.name, plan.anchor, plan.key in on)
        for plan in known.plans.values()
        if known.packs[known.pack_of_plan[plan.key]].is_dated(today)
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def open_to_requests(session: Session, patient_id: int, today: date) -> tuple[Offered, ...]:
    """Return the plans that a patient may ask for, and is not on."""
    keys = set(
        session.scalars(
            select(EnrolmentPolicy.plan_key).where(EnrolmentPolicy.is_open_to_requests.is_(True))
        )
    )
    offered = plans_offered(session, patient_id, today)
    return tuple(one for one in offered if one.key in keys and not one.is_on)


def requests_of(session: Session, patient_id: int) -> Sequence[EnrolmentProposal]:
    """Return what the patient's own accounts asked for and what still waits."""
    return session.scalars(
        select(EnrolmentProposal)
        .where(
            EnrolmentProposal.patient_id == patient_id,
            EnrolmentProposal.account_id.is_not(None),
            EnrolmentProposal.is_open.is_(True),
        )
        .order_by(EnrolmentProposal.id)
    ).all()


def own_teams(session: Session, practitioner_id: int) -> dict[str, str]:
    """Return the names of somebody's teams by public id."""
    return _teams(session, only_of=practitioner_id)


def all_teams(session: Session) -> dict[str, str]:
    """Return the names of all teams, to hand a plan over to."""
    return _teams(session, only_of=None)


def find_team(session: Session, public_id: str, *, of: int | None = None) -> CareTeam:
    """Return a team; with `of` only one that this practitioner works in.

    :raises NotFound: no such team, or none of theirs
    """
    query = select(CareTeam).filter_by(public_id=public_id)
    if of is not None:
        query = query.where(CareTeam.id.in_(teams_of(of)))
    team = session.scalar(query)
    if team is None:
        raise NotFound
    return team


def _teams(session: Session, only_of: int | None) -> dict[str, str]:
    query = select(CareTeam.public_id, CareTeam.name).order_by(CareTeam.name)
    if only_of is not None:
        query = query.where(CareTeam.id.in_(teams_of(only_of)))
    return {row.public_id: row.name for row in session.execute(query)}


def _steps(session: Session, plan_ids: Sequence[int]) -> dict[int, list[StepLine]]:
    found: dict[int, list[StepLine]] = {plan_id: [] for plan_id in plan_ids}
    for step in session.scalars(
        select(CarePlanStep)
        .where(CarePlanStep.care_plan_id.in_(plan_ids))
        .options(joinedload(CarePlanStep.practitioner))
        .order_by(CarePlanStep.id.desc())
    ):
        who = step.practitioner.name if step.practitioner else None
        found[step.care_plan_id].append(
            StepLine(
                step.kind, step.reason, step.note, who, step.account_id is not None, step.detail,
                step.at,
            )
        )  # fmt: skip
    return found


def _line(
    plan: CarePlan, newest: int | None, steps: Sequence[StepLine], today: date
) -> CarePlanLine:
    definition = plan.plan_definition
    day = (today - plan.anchor_on).days
    stages: list[dict[str, Any]] = definition.definition.get("stages", [])
    stage = next((s["name"] for s in stages if s["first_day"] <= day <= s["last_day"]), None)
    return CarePlanLine(
        plan.id, plan.public_id, plan.plan_key, definition.title, definition.version, newest,
        plan.status, plan.is_open is not None, definition.anchor, plan.anchor_on, day, stage,
        plan.care_team.name, plan.hold_reason, plan.hold_begins_on, plan.hold_ends_on,
        plan.ended_at, plan.end_reason, tuple(steps),
    )  # fmt: skip
