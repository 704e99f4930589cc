"""Calendars filled ahead of time, for everybody on a plan."""

from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import instant, occurrences
from app.models import CarePlan, CarePlanStatus
from app.models.plans.asking import Questions
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.plan_expansion.reconciling import reconcile
from app.services.plans.plan_expansion.rows import columns_of, insert_new, row_of

HORIZON: Final = timedelta(days=14)
# Expanded again when less than this is left, so that an outage of days empties no calendar.
_REFILL: Final = timedelta(days=7)


def expand_plans(session: Session, now: datetime, zone: ZoneInfo, limit: int = 200) -> int:
    """Make the tasks of the next `HORIZON` for plans that run short; return how many plans.

    A second run inserts nothing: a task is known by its plan and slot.
    """
    plans = session.scalars(
        select(CarePlan)
        .where(
            CarePlan.is_open.is_(True),
            CarePlan.status == CarePlanStatus.ACTIVE,
            CarePlan.expanded_until.is_(None) | (CarePlan.expanded_until < now + _REFILL),
        )
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    until = now + HORIZON
    questions, almanac = Questions(session), hospital_almanac(session)
    rows: list[dict[str, Any]] = []
    for plan in plans:
        since = plan.expanded_until or instant(datetime.combine(plan.anchor_on, time.min), zone)
        asked = questions.of(plan)
        rows.extend(
            row_of(plan, columns_of(one.plan_action_id, one.action, slot), now)
            for one in asked
            for slot in occurrences(one.action, plan.anchor_on, zone, since, until, almanac)
            if slot.expires_at > now  # what is over when a plan begins is not asked for
        )
        plan.expanded_until = until
        if not all(one.action.timing.is_shared for one in asked):
            reconcile(session, plan, asked, until, now, zone, almanac)
    insert_new(session, rows)
    return len(plans)
