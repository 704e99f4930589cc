"""One plan's pending tasks made to be what its actions ask for now: moved, added, taken back."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain.plans.changes import changed_occurrences
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.plans.timing import LONGEST_WINDOW
from app.models import CarePlan, Task, TaskStep
from app.models.plans.asking import Asked
from app.models.plans.bases import Bases
from app.services.plans.plan_expansion.rows import (
    columns_of,
    insert_new,
    is_counted,
    missed,
    row_of,
    was_measured,
)

_NOT_BEGUN: Final = (TaskStatus.REQUESTED, TaskStatus.READY)
# Taken back by the clock or by a pause, not by anybody's word: they may come again.
_MAY_RETURN: Final = (
    TaskReason.RESCHEDULED,
    TaskReason.READMITTED,
    TaskReason.TRAVEL,
    TaskReason.HELD,
)
_SHAPE: Final = ("starts_at", "due_at", "ends_at", "title", "code", "subject", "plan_action_id")


def reconcile(
    session: Session,
    plan: CarePlan,
    asked: Iterable[Asked],
    until: datetime,
    now: datetime,
    zone: ZoneInfo,
    almanac: Almanac,
    *,
    missed_since: datetime | None = None,
) -> int:
    """Bring pending tasks that start before `until` to what is asked; return how many changed.

    What is under way, done, missed or declined stays. Again changes nothing. With `missed_since`
    what began from then on and is over is kept as missed: no clock asked for it in time.
    """
    wanted, over = _wanted(session, plan, list(asked), until, now, zone, almanac, missed_since)
    kept = session.scalars(
        select(Task)
        .where(Task.care_plan_id == plan.id, Task.plan_action_id.is_not(None))
        .where(or_(Task.ends_at > now, Task.slot.in_(wanted)))
        .with_for_update()
    ).all()
    changed = [task for task in kept if _settle(task, wanted.pop(task.slot, None), now)]
    session.add_all(TaskStep.of(task, now) for task in changed)
    insert_new(session, [row_of(plan, columns, now) for columns in wanted.values()])
    insert_new(
        session,
        [
            row_of(plan, {**columns, "finished_at": columns["ends_at"]}, now)
            for columns in over
            if not _was_measured(session, plan, columns)
        ],
    )
    return len(changed) + len(wanted)


def _was_measured(session: Session, plan: CarePlan, columns: Mapping[str, Any]) -> bool:
    return columns["code"] is not None and bool(
        session.scalar(
            select(
                was_measured(
                    plan.patient_id, columns["code"], columns["starts_at"], columns["ends_at"]
                )
            )
        )
    )


def _wanted(
    session: Session,
    plan: CarePlan,
    asked: list[Asked],
    until: datetime,
    now: datetime,
    zone: ZoneInfo,
    almanac: Almanac,
    missed_since: datetime | None,
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return what can still be done, by slot, and what was missed."""
    bases, actions = Bases.behind(session, plan), [one.action for one in asked]
    # A window is at most so long: what began before is over.
    since = now - LONGEST_WINDOW - timedelta(days=1)
    if missed_since is not None:
        since = min(since, missed_since)
    over: list[dict[str, Any]] = []
    found: dict[str, dict[str, Any]] = {}
    for one in asked:
        shared = one.action.timing.is_shared
        for basis in [plan.anchor_on] if shared else bases.of(one.action, actions):
            for action, slot in changed_occurrences(
                one.action, one.changes, basis, zone, since, until, almanac
            ):
                if plan.asks_from is not None and slot.starts_at < plan.asks_from:
                    continue  # it began while the plan rested
                columns = columns_of(one.plan_action_id, action, slot)
                if slot.expires_at > now:  # what is over when it is asked is not asked for
                    found[slot.slot] = columns
                elif missed_since is None or slot.starts_at < missed_since:
                    continue
                elif shared and is_counted(action):
                    over.append(missed(columns))
    return found, over


def _settle(task: Task, wanted: Mapping[str, Any] | None, now: datetime) -> bool:
    """Move, take back or bring back one task; tell whether anything changed."""
    pending = task.status in _NOT_BEGUN
    returns = task.status is TaskStatus.CANCELLED and task.status_reason in _MAY_RETURN
    if wanted is None:
        if pending and task.ends_at > now:
            task.status, task.status_reason = TaskStatus.CANCELLED, TaskReason.RESCHEDULED
            task.finished_at, task.remind_at = now, None
            return True
        return False
    if not (pending or returns):
        return False
    if task.status is TaskStatus.READY and wanted["judge_at"] is not None:
        return False  # it opened when its condition came, not at its own time
    if pending and all(getattr(task, name) == wanted[name] for name in _SHAPE):
        return False
    # What has begun and only reads otherwise now is not announced anew.
    stays = pending and task.starts_at == wanted["starts_at"]
    for name in _SHAPE if stays else wanted:
        setattr(task, name, wanted[name])
    task.finished_at = None
    return True
