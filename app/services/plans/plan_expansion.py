"""Plans become dated tasks, ahead of time; tasks open, and pass."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session, joinedload

from app.database import new_public_id
from app.domain.plans.plan import Action, ActionKind, parse_action
from app.domain.plans.plan_schedule import Occurrence, TaskReason, TaskStatus, instant, occurrences
from app.models import (
    CarePlan,
    CarePlanStatus,
    Event,
    PlanAction,
    PlanDefinition,
    Task,
    TaskOwner,
)

HORIZON: Final = timedelta(days=14)
# Expanded again when less than this is left, so that an outage of days empties no calendar.
_REFILL: Final = timedelta(days=7)
# Rows by the thousand go past the ORM.
_TASKS: Final = Task.metadata.tables[Task.__tablename__]


def expand_plans(session: Session, now: datetime, zone: ZoneInfo, limit: int = 200) -> int:
    """Make the tasks of the next `HORIZON` for plans that run short; return how many plans.

    A second run inserts nothing: a task is known by its plan and slot.
    """
    plans = session.scalars(
        select(CarePlan)
        .where(
            CarePlan.is_open.is_(True),
            CarePlan.status == CarePlanStatus.ACTIVE,
            CarePlan.expanded_until.is_(None) | (CarePlan.expanded_until < now + _REFILL),
        )
        .options(joinedload(CarePlan.plan_definition).selectinload(PlanDefinition.actions))
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=CarePlan)
    ).all()
    until = now + HORIZON
    rows: list[dict[str, Any]] = []
    parsed: dict[int, Action] = {}  # many patients are on one plan
    for plan in plans:
        since = plan.expanded_until or instant(datetime.combine(plan.anchor_on, time.min), zone)
        for kept in plan.plan_definition.actions:
            action = parsed.get(kept.id) or parsed.setdefault(
                kept.id, parse_action(kept.definition)
            )
            rows.extend(
                _row(plan, kept, action, slot, now)
                for slot in occurrences(action, plan.anchor_on, zone, since, until)
                if slot.expires_at > now  # what is over when a plan begins is not asked for
            )
        plan.expanded_until = until
    _insert_new(session, rows)
    return len(plans)


def open_due_tasks(session: Session, now: datetime, limit: int = 1000) -> int:
    """Make tasks whose window begins ready, and return how many."""
    due = session.scalars(
        select(Task.id)
        .where(Task.status == TaskStatus.REQUESTED, Task.starts_at <= now)
        .order_by(Task.starts_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    session.execute(
        update(Task)
        .where(Task.id.in_(due))
        .values(status=TaskStatus.READY, status_reason=TaskReason.OPEN)
    )
    return len(due)


def miss_past_tasks(session: Session, now: datetime, limit: int = 1000) -> int:
    """Close tasks whose window passed unanswered; each is an event that rules may read."""
    past = session.scalars(
        select(Task)
        .where(
            Task.status.in_((TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)),
            Task.ends_at <= now,
        )
        .order_by(Task.ends_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for task in past:
        task.status = TaskStatus.MISSED
        task.status_reason = TaskReason.EXPIRED
        task.finished_at = now
        task.remind_at = None
        session.add(
            Event.of(
                "task.missed", now, patient_id=task.patient_id, task_id=task.id, kind_of=task.kind
            )
        )
    return len(past)


def _row(
    plan: CarePlan, kept: PlanAction, action: Action, slot: Occurrence, now: datetime
) -> dict[str, Any]:
    staff = action.kind is ActionKind.STAFF_TASK
    return {
        "public_id": new_public_id(),
        "patient_id": plan.patient_id,
        "care_plan_id": plan.id,
        "plan_action_id": kept.id,
        "slot": slot.slot,
        "owner": TaskOwner.STAFF if staff else TaskOwner.PATIENT,
        "kind": action.kind,
        "code": action.code,
        "subject": action.article or action.questionnaire,
        "title": action.title,
        "status": TaskStatus.REQUESTED,
        "status_reason": TaskReason.NOT_OPEN,
        "starts_at": slot.starts_at,
        "due_at": slot.due_at,
        "ends_at": slot.expires_at,
        "remind_at": None if staff else slot.remind_at,
        "reminders": 0,
        "created_at": now,
    }


def _insert_new(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Insert what is not there yet, in bulk."""
    rows = list(rows)
    if not rows:
        return
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sqlite.insert(_TASKS).on_conflict_do_nothing(), rows)
    else:
        # Not INSERT IGNORE: that would also swallow what is really wrong.
        session.execute(mysql.insert(_TASKS).on_duplicate_key_update(slot=Task.slot), rows)
