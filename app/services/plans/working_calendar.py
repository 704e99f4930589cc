"""The hospital's days off, put in force a year at a time."""

from datetime import datetime

from sqlalchemy import delete, extract, select, update
from sqlalchemy.orm import Session

from app.domain.plans.working_days import CalendarYear
from app.models import CalendarDay, CarePlan, PlanAction


def put_in_force(session: Session, calendar: CalendarYear, now: datetime) -> int:
    """Replace what was known of the year by what the hospital gives; return how many days."""
    session.execute(delete(CalendarDay).where(extract("year", CalendarDay.day) == calendar.year))
    named = [(day, name, False) for day, name in calendar.free.items()]
    named += [(day, "调休上班", True) for day in calendar.worked]
    session.add_all(
        CalendarDay(day=day, is_worked=is_worked, name=name, source=calendar.source, loaded_at=now)
        for day, name, is_worked in sorted(named)
    )
    # Calendars that keep to working days are looked at anew.
    avoiding = [
        definition_id
        for definition_id, told in session.execute(
            select(PlanAction.plan_definition_id, PlanAction.definition)
        )
        if told["timing"].get("on_free_day")
    ]
    session.execute(
        update(CarePlan)
        .where(CarePlan.plan_definition_id.in_(avoiding), CarePlan.is_open.is_(True))
        .values(stale_since=now)
    )
    session.flush()
    return len(named)
