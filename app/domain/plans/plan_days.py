"""The days of an action, each with the name that stays its own when the day moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from app.domain.plans.recurrence import Recurrence
from app.domain.plans.timing import LONGEST_PLAN_DAYS, Basis, CalendarPeriod, Timing
from app.domain.plans.working_days import LONGEST_REST, WorkingDays

# The days of a rule from its first possible day to its last, both included, in order.
Recur = Callable[[Recurrence, date, date], Iterator[date]]


def _no_rules(rule: Recurrence, first: date, last: date) -> Iterator[date]:
    raise LookupError("recurrence rules need an almanac that can read them")


@dataclass(frozen=True, slots=True)
class Almanac:
    """What the days of a plan need beside it: the hospital's working days, and who reads rules."""

    working_days: WorkingDays = field(default_factory=WorkingDays)
    recur: Recur = _no_rules


@dataclass(frozen=True, slots=True)
class DatedDay:
    """`name` is of the day as planned; `day` is where free days moved it."""

    name: str
    day: date


def days_of(
    timing: Timing, base_on: date, since: date, almanac: Almanac, named_by_number: bool = False
) -> Iterator[DatedDay]:
    """Yield the days of an action from about `since` on, in order.

    Days are named by their date. Where the base itself may move (a booking), they are named by
    their number, so that the rows move with it. Of several that free days push onto one, the one
    that belongs there stays, else the first.
    """
    margin = timedelta(days=LONGEST_REST + 1 if timing.on_free_day else 1)
    if named_by_number:
        every = _planned(timing, base_on, base_on, almanac)
        named = (DatedDay(str(number), day) for number, day in enumerate(every))
    else:
        planned = _planned(timing, base_on, since - margin, almanac)
        named = (DatedDay(day.isoformat(), day) for day in planned)
    if timing.on_free_day is None:
        yield from named
    else:
        yield from _placed(timing, named, almanac.working_days)


def _placed(timing: Timing, named: Iterator[DatedDay], working: WorkingDays) -> Iterator[DatedDay]:
    waiting: DatedDay | None = None
    for one in named:
        moved = working.place(one.day, timing.on_free_day)
        if moved is None:
            continue
        if waiting is not None and waiting.day != moved:
            yield waiting
            waiting = None
        if waiting is None or moved == one.day:
            waiting = DatedDay(one.name, moved)
    if waiting is not None:
        yield waiting


def _planned(timing: Timing, base_on: date, since: date, almanac: Almanac) -> Iterator[date]:
    """Yield the days as planned, from about `since` on."""
    if timing.basis is Basis.DATES:
        # What lay before the plan began was never asked of this patient.
        last = base_on + timedelta(days=LONGEST_PLAN_DAYS)
        yield from (day for day in timing.dates if base_on <= day <= last)
        return
    first = timing.start.before(base_on) if timing.is_before else timing.start.after(base_on)
    last = timing.until.after(base_on) if timing.until else _furthest(base_on)
    if timing.rule is not None:
        yield from almanac.recur(timing.rule, first, min(last, _furthest(base_on)))
    elif timing.every is not None:
        # Months count from the base: 30 January, then 28 February, then 30 March again.
        by_month = timing.every.months and not timing.start.days and not timing.is_before
        origin = base_on if by_month else first
        lead = timing.start if by_month else CalendarPeriod()
        yield from _repeats(timing.every, lead, origin, since, last)
    else:
        yield first


def _furthest(base_on: date) -> date:
    return base_on + timedelta(days=LONGEST_PLAN_DAYS)


def _repeats(
    every: CalendarPeriod, lead: CalendarPeriod, origin: date, since: date, last: date
) -> Iterator[date]:
    """Yield `origin` moved on by `lead` and so many times `every`, up to and with `last`."""
    begin = 0 if every.months else max(0, (since - origin).days // every.days)
    for times in count(begin):
        months = lead.months + every.months * times
        day = CalendarPeriod(months, every.days * times).after(origin)
        if day > last:
            return
        yield day
