"""Tasks as time goes by: open when their window begins, missed when it is over."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models import Event, Task


def open_due_tasks(session: Session, now: datetime, limit: int = 1000) -> int:
    """Make tasks whose window begins ready, and return how many."""
    due = session.scalars(
        select(Task.id)
        .where(
            Task.status == TaskStatus.REQUESTED,
            Task.starts_at <= now,
            Task.judge_at.is_(None),
        )
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
        task.judge_at = None
        session.add(
            Event.of(
                "task.missed", now, patient_id=task.patient_id, task_id=task.id, kind_of=task.kind
            )
        )
    return len(past)
