"""Keeping still for a while: reminders that were to come are taken back."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskStatus
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
        .values(remind_at=None)
    )
