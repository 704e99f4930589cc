"""The open plans of a patient: which stage, and what is due from staff."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select, true
from sqlalchemy.orm import Session, joinedload

from app.domain.plans.plan_schedule import TaskStatus
from app.models.plans.care_plan import CarePlan, Task, TaskOwner

MOST: Final = 50
_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


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
class StaffTask:
    public_id: str
    title: str
    instructions: str | None
    due_at: datetime


def plans_of(session: Session, patient_id: int, today: date) -> tuple[PlanProgress, ...]:
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


def staff_tasks_of(session: Session, patient_id: int, now: datetime) -> tuple[StaffTask, ...]:
    """Return what staff have to do for a patient now, the most urgent first."""
    rows = session.scalars(
        select(Task)
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.STAFF,
            Task.status.in_(_OPEN),
            Task.starts_at <= now,
        )
        .options(joinedload(Task.plan_action))
        .order_by(Task.due_at, Task.id)
        .limit(MOST)
    )
    return tuple(
        StaffTask(one.public_id, one.title, one.note or _instructions(one), one.due_at)
        for one in rows
    )


def _instructions(task: Task) -> str | None:
    return task.plan_action.definition.get("instructions") if task.plan_action else None
