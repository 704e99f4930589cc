"""How a patient's plans end before their time, and what is pending with them."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.models.event import Event
from app.models.plans.care_plan import CarePlan, CarePlanStatus, Task, TaskOwner

_UNFINISHED = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def end_plans(session: Session, patient_id: int, reason: TaskReason, now: datetime) -> int:
    """End every open plan of a patient and cancel what is pending; return how many ended."""
    plans = session.scalars(
        select(CarePlan).filter_by(patient_id=patient_id, is_open=True).with_for_update()
    ).all()
    for plan in plans:
        plan.status, plan.is_open, plan.ended_at = CarePlanStatus.REVOKED, None, now
        event = Event.of("care-plan.ended", now, patient_id=patient_id, care_plan_id=plan.id)
        session.add(event)
    session.execute(
        update(Task)
        .where(
            Task.patient_id == patient_id,
            Task.owner == TaskOwner.PATIENT,
            Task.status.in_(_UNFINISHED),
        )
        .values(status=TaskStatus.CANCELLED, status_reason=reason, finished_at=now, remind_at=None)
    )
    session.execute(
        update(Task)
        .where(Task.care_plan_id.in_([plan.id for plan in plans]), Task.status.in_(_UNFINISHED))
        .values(status=TaskStatus.CANCELLED, status_reason=reason, finished_at=now, remind_at=None)
    )
    return len(plans)


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
