"""Keeping still for a while: reminders that were to come are taken back, and may return."""

from datetime import datetime

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.plan_schedule import TaskStatus, after_quiet_hours
from app.models.plans.care_plan import Task, TaskOwner

_UNFINISHED = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def silence(session: Session, patient_id: int, until: datetime) -> None:
    """Take back reminders up to `until`: nobody asks a family to measure on such a day."""
    session.execute(
        update(Task)
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.PATIENT,
            Task.status.in_(_UNFINISHED),
            Task.remind_at <= until,
        )
        # In this order: MariaDB reads what the assignment before has written.
        .ordered_values((Task.silenced_remind_at, Task.remind_at), (Task.remind_at, None))
    )


def end_silence(session: Session, patient_id: int, now: datetime) -> None:
    """Bring back the reminders that `silence` took, of what can still be done.

    Those whose time passed meanwhile come now, by day: in one message, as always.
    """
    soonest = after_quiet_hours(now, HOSPITAL)
    kept = Task.silenced_remind_at
    session.execute(
        update(Task)
        .where(
            Task.patient_id == patient_id,
            Task.status.in_(_UNFINISHED),
            Task.remind_at.is_(None),
            kept.is_not(None),
            Task.ends_at > soonest,
        )
        .ordered_values((Task.remind_at, case((kept < soonest, soonest), else_=kept)), (kept, None))
    )
