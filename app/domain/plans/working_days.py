"""Which days the hospital's outpatient side works, and where an action goes that falls on another.

Saturday and Sunday are free; what a hospital publishes each year (public holidays, and the weekend
days worked instead: 调休) comes on top, as data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.definitions import Fields, InvalidDefinition

SATURDAY = 5
# No run of free days is longer; beyond it a day stays where it is.
LONGEST_REST = 31


class OnFreeDay(StrEnum):
    """What becomes of an action on a day that nobody works."""

    NEXT = "next"
    PREVIOUS = "previous"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class WorkingDays:
    free: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()  # weekend days worked instead

    def is_worked(self, day: date) -> bool:
        if day in self.worked:
            return True
        return day not in self.free and day.weekday() < SATURDAY

    def place(self, day: date, on_free: OnFreeDay | None) -> date | None:
        """Return the day on which it happens; None when it is left out."""
        if on_free is None or self.is_worked(day):
            return day
        if on_free is OnFreeDay.SKIP:
            return None
        step = 1 if on_free is OnFreeDay.NEXT else -1
        for far in range(1, LONGEST_REST + 1):
            moved = day + timedelta(days=step * far)
            if self.is_worked(moved):
                return moved
        return day


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """What a hospital gives for one year; `free` has the name of each day off."""

    year: int
    source: str
    free: Mapping[date, str]
    worked: frozenset[date]


def parse_calendar(data: object) -> CalendarYear:
    """Read one year's days off and the weekend days worked instead.

    :raises InvalidDefinition: with the path of what is wrong
    """
    with Fields(data) as fields:
        calendar = CalendarYear(
            year=fields.integer("year", 1970, 2200),
            source=fields.text("source", 200),
            free=dict(day for some in fields.each("free", _parse_rest) for day in some),
            worked=frozenset(fields.each("worked", _parse_day)),
        )
    for day in (*calendar.free, *calendar.worked):
        if day.year != calendar.year:
            raise InvalidDefinition("year", f"{day} is of another year")
    both = sorted(calendar.worked & calendar.free.keys())
    if both:
        raise InvalidDefinition("worked", f"{both[0]} is also free")
    return calendar


def _parse_rest(data: object, path: str) -> tuple[tuple[date, str], ...]:
    with Fields(data, path) as fields:
        name, first = fields.text("name", 20), fields.day("from")
        last = fields.optional("until", fields.day) or first
    if not first <= last < first + timedelta(days=LONGEST_REST):
        raise InvalidDefinition(f"{path}.until", "must be the same day or soon after")
    return tuple((first + timedelta(days=far), name) for far in range((last - first).days + 1))


def _parse_day(data: object, path: str) -> date:
    try:
        return date.fromisoformat(str(data))
    except ValueError:
        raise InvalidDefinition(path, "must be a date like 2026-03-01") from None
