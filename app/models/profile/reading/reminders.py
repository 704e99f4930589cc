"""Which reminders to take medicine were answered: what patients say they did, beside the PDC."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models.plans.care_plan import Task

ADHERENCE_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class ReminderAdherence:
    """How many medication reminders of the last `ADHERENCE_DAYS` were answered."""

    title: str
    asked: int
    done: int


def reminders_of(session: Session, patient_id: int, now: datetime) -> tuple[ReminderAdherence, ...]:
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
        ReminderAdherence(title, sum(by.values()), by.get(TaskStatus.COMPLETED, 0))
        for title, by in counts.items()
    )
