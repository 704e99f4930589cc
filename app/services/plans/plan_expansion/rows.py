"""Rows of tasks: what a slot of a plan looks like in the table, and how many are put there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Session

from app.database import new_public_id
from app.domain.plans.plan import Action, ActionKind
from app.domain.plans.plan_schedule import Occurrence, TaskReason, TaskStatus
from app.models import CarePlan, Observation, Task, TaskOwner

# Rows by the thousand go past the ORM.
TASKS: Final = Task.metadata.tables[Task.__tablename__]
_OWNERS: Final = {ActionKind.STAFF_TASK: TaskOwner.STAFF, ActionKind.MESSAGE: TaskOwner.CLOCK}


def columns_of(plan_action_id: int, action: Action, slot: Occurrence) -> dict[str, Any]:
    """Return what is the same for everybody who has this slot."""
    owner = _OWNERS.get(action.kind, TaskOwner.PATIENT)
    is_announced = owner is TaskOwner.PATIENT and not action.is_judged
    reason = TaskReason.TO_BE_JUDGED if action.is_judged else TaskReason.NOT_OPEN
    return {
        "plan_action_id": plan_action_id,
        "slot": slot.slot,
        "owner": owner,
        "kind": action.kind.value,
        "code": action.code,
        "subject": action.article or action.questionnaire or action.photo,
        "title": action.title,
        "status": TaskStatus.REQUESTED,
        "status_reason": reason.value,
        "starts_at": slot.starts_at,
        "due_at": slot.due_at,
        "ends_at": slot.expires_at,
        "judge_at": slot.starts_at if action.is_judged else None,
        "remind_at": slot.remind_at if is_announced else None,
        "reminders": 0,
    }


def is_counted(action: Action) -> bool:
    """Tell whether an action that nobody was asked for in time counts as missed all the same.

    Whether a condition held back then nobody knows; a message is not sent after its day.
    """
    return not action.is_judged and action.kind is not ActionKind.MESSAGE


def missed(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a slot that was over before anybody could be asked for it."""
    return {
        **columns,
        "status": TaskStatus.MISSED,
        "status_reason": TaskReason.EXPIRED.value,
        "judge_at": None,
        "remind_at": None,
    }


def was_measured(patient_id: Any, code: Any, starts_at: Any, ends_at: Any) -> ColumnElement[bool]:
    """Return that a patient measured something within a window, asked or not."""
    return (
        select(Observation.id)
        .where(
            Observation.patient_id == patient_id,
            Observation.code == code,
            Observation.is_current.is_(True),
            Observation.effective_at >= starts_at,
            Observation.effective_at < ends_at,
        )
        .exists()
    )


def row_of(plan: CarePlan, columns: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "public_id": new_public_id(),
        "patient_id": plan.patient_id,
        "care_plan_id": plan.id,
        "created_at": now,
        **columns,
    }


def insert_new(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert what is not there yet, in bulk."""
    if rows:
        session.execute(_but_keep(session, _insert(session)), rows)


def or_keep(session: Session, names: Sequence[str], rows: Select[Any]) -> Any:
    """Return the statement that inserts what `rows` selects, but for what is there already."""
    return _but_keep(session, _insert(session).from_select(names, rows))


def _insert(session: Session) -> Any:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(TASKS) if is_sqlite else mysql.insert(TASKS)


def _but_keep(session: Session, statement: Any) -> Any:
    if session.get_bind().dialect.name == "sqlite":
        return statement.on_conflict_do_nothing()
    # Not INSERT IGNORE: that would also swallow what is really wrong.
    return statement.on_duplicate_key_update(care_plan_id=TASKS.c.care_plan_id)
