"""How a task came to stand as it does: its own times, and the decisions about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models.plans.care_plan import Task
from app.models.plans.task_step import TaskStep


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """How it stood from `at` on; `because` is health data, for whoever may open the record."""

    at: datetime
    status: TaskStatus
    reason: str | None
    because: str | None = None


def history_of(session: Session, task: Task) -> Sequence[HistoryLine]:
    """Return what happened to a task, oldest first; what its columns tell needs no row."""
    return histories_of(session, [task])[task.id]


def histories_of(session: Session, tasks: Sequence[Task]) -> Mapping[int, Sequence[HistoryLine]]:
    """Return what happened to each of these tasks, by its id."""
    steps: dict[int, list[TaskStep]] = {task.id: [] for task in tasks}
    for step in session.scalars(
        select(TaskStep).where(TaskStep.task_id.in_(steps)).order_by(TaskStep.at, TaskStep.id)
    ):
        steps[step.task_id].append(step)
    return {task.id: _lines(task, steps[task.id]) for task in tasks}


def _lines(task: Task, steps: Sequence[TaskStep]) -> Sequence[HistoryLine]:
    lines = [
        HistoryLine(task.created_at, TaskStatus.REQUESTED, TaskReason.NOT_OPEN),
        *(HistoryLine(one.at, one.status, one.status_reason, one.explanation) for one in steps),
    ]
    if _has_opened(task) and not any(one.status is TaskStatus.READY for one in lines):
        lines.append(HistoryLine(task.starts_at, TaskStatus.READY, TaskReason.OPEN))
    end, last = (task.status, task.status_reason), lines[-1]
    if task.finished_at is not None and (last.status, last.reason) != end:
        lines.append(HistoryLine(task.finished_at, *end))
    return sorted(lines, key=lambda line: line.at)


def _has_opened(task: Task) -> bool:
    if task.status is TaskStatus.REQUESTED:
        return False
    return (task.finished_at or task.ends_at) > task.starts_at
