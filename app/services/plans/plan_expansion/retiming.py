"""Calendars that are no longer what is asked: after a change, an upgrade, a new year's days off."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models import CarePlan, CarePlanStatus
from app.models.plans.asking import Questions
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.plan_expansion.expanding import horizon
from app.services.plans.plan_expansion.reconciling import reconcile


def retime_plans(
    session: Session,
    now: datetime,
    zone: ZoneInfo,
    limit: int = 50,
    *,
    patient_id: int | None = None,
) -> int:
    """Bring stale calendars to what is asked now; return how many plans it were.

    What is over is not asked for again, and what was done, missed or declined stays.
    """
    stale = select(CarePlan).where(
        CarePlan.stale_since.is_not(None),
        CarePlan.is_open.is_(True),
        CarePlan.status == CarePlanStatus.ACTIVE,
    )
    if patient_id is not None:
        stale = stale.where(CarePlan.patient_id == patient_id)
    plans = session.scalars(
        stale.order_by(CarePlan.stale_since, CarePlan.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    questions, almanac = Questions(session), hospital_almanac(session)
    for plan in plans:
        until = plan.expanded_until or horizon(now, zone)
        reconcile(session, plan, questions.of(plan), until, now, zone, almanac)
        plan.expanded_until, plan.stale_since = until, None
    return len(plans)


def call_for_retiming(session: Session, patient_id: int, now: datetime) -> None:
    """Mark all open plans of a patient: what they count from, or changes of them, came or went."""
    session.execute(
        update(CarePlan)
        .where(CarePlan.patient_id == patient_id, CarePlan.is_open.is_(True))
        .values(stale_since=now)
    )
