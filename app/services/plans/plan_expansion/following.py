"""Actions that count from something else: asked for as soon as it happens."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.timing import Basis
from app.models import CarePlan, CarePlanStatus, PlanAction
from app.models.plans.asking import Questions
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.plan_expansion.expanding import horizon
from app.services.plans.plan_expansion.reconciling import reconcile


def follow(
    session: Session, patient_id: int, bases: Collection[Basis], now: datetime, zone: ZoneInfo
) -> int:
    """Bring the patient's plans to what happened; return how many tasks changed.

    Only plans with an action that counts from one of `bases` are touched; again changes nothing.
    """
    counts_from = (
        select(PlanAction.id)
        .where(
            PlanAction.plan_definition_id == CarePlan.plan_definition_id,
            PlanAction.basis.in_(bases),
        )
        .exists()
    )
    plans = session.scalars(
        select(CarePlan)
        .where(
            CarePlan.patient_id == patient_id,
            CarePlan.is_open.is_(True),
            CarePlan.status == CarePlanStatus.ACTIVE,
            counts_from,
        )
        .order_by(CarePlan.id)
        .with_for_update()
    ).all()
    questions, almanac = Questions(session), hospital_almanac(session)
    return sum(
        reconcile(
            session, plan, questions.of(plan), plan.expanded_until or horizon(now, zone), now, zone,
            almanac,
        )
        for plan in plans
    )  # fmt: skip
