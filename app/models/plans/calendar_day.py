"""The days on which the hospital does not keep the ordinary week, as it published them."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import KNOWLEDGE, Base
from app.domain.plans.plan_days import Almanac
from app.domain.plans.working_days import WorkingDays
from app.recurrence import days_of_rule


class CalendarDay(Base):
    """A weekday off, or a weekend day worked instead; other days are as the week has them."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True, info=KNOWLEDGE)
    is_worked: Mapped[bool] = mapped_column(info=KNOWLEDGE)
    name: Mapped[str] = mapped_column(info=KNOWLEDGE)  # of the holiday
    source: Mapped[str] = mapped_column(info=KNOWLEDGE)
    loaded_at: Mapped[datetime] = mapped_column(info=KNOWLEDGE)


def hospital_almanac(session: Session) -> Almanac:
    """Return the hospital's calendar as plans need it: some thirty rows a year."""
    rows = session.execute(select(CalendarDay.day, CalendarDay.is_worked)).all()
    working = WorkingDays(
        free=frozenset(row.day for row in rows if not row.is_worked),
        worked=frozenset(row.day for row in rows if row.is_worked),
    )
    return Almanac(working, days_of_rule)
