"""When a criterion may change: what wakes it, and the next moment at which time alone could.

Rules that open alerts need to know when a criterion begins to hold. What is kept while it holds,
such as a tag, must also know when it may cease to, and so that nobody is looked at for nothing,
the moment at which the passing of time could first change it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from app.domain.criteria.bounds import LONGEST_LOOK_BACK
from app.domain.criteria.population import Interacted, Measured, PlanState, Scored, Visited
from app.domain.criteria.tree import (
    Absent,
    Age,
    Answered,
    Change,
    Count,
    Criterion,
    Latest,
    Leaf,
    Missed,
    Not,
    leaves,
    wakes,
)
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.profile.patient_facts import Facts

# Facts hold tasks that began in these days; those near the edge are looked at daily.
TASKS_KEPT: Final = timedelta(days=92)
_LONGEST_TASK: Final = timedelta(days=8)
_A_DAY: Final = timedelta(days=1)
_A_MOMENT: Final = timedelta(microseconds=1)


def change_triggers(criterion: Criterion) -> frozenset[str]:
    """Return what may make the criterion begin to hold or cease to (words as `wakes`)."""
    found = wakes(criterion) | wakes(Not(criterion))
    if any(isinstance(leaf, Age) for leaf in leaves(criterion)):
        found |= {"patient"}  # a birth date is corrected
    return found


def next_change(criteria: Iterable[Criterion], facts: Facts) -> datetime | None:
    """Return the first moment after `facts.now` at which time alone may change any of these.

    Until then only an event can. It may be early and is never late.
    """
    moments = (
        moment
        for criterion in criteria
        for leaf in leaves(criterion)
        for moment in _moments(leaf, facts)
        if moment > facts.now
    )
    return min(moments, default=None)


def _moments(leaf: Leaf, facts: Facts) -> Iterator[datetime]:
    match leaf:
        case Latest(code=code, within=span) | Measured(code=code, within=span):
            yield from _leaving(
                [one.effective_at for one in facts.observations.get(code, ())], span
            )
        case (
            Count(code=code, within=span)
            | Change(code=code, over=span)
            | OfLast(code=code, within=span)
            | Mean(code=code, within=span)
            | Rise(code=code, over=span)
            | Slope(code=code, over=span)
            | Growth(code=code, over=span)
            | Dip(code=code, over=span)
        ):
            yield from _leaving(
                [one.effective_at for one in facts.observations.get(code, ())], span
            )
        case Absent(code=code):
            yield from _days(code, facts)
        case Answered(questionnaire=key, within=span) | Scored(questionnaire=key, within=span):
            answers = facts.answers.get(key)
            if answers is not None:
                yield from _leaving([answers.authored_at], span or LONGEST_LOOK_BACK)
        case Missed(kind=kind):
            yield from _tasks(kind, facts)
        case Visited(within=span):
            yield from _leaving([one.started_at for one in facts.visits], span)
        case Interacted(within=span):
            yield from _leaving([one.at for one in facts.interactions], span)
        case Age(years=years):
            yield from _birthdays(years, facts)


def _leaving(times: Sequence[datetime], span: timedelta) -> Iterator[datetime]:
    """Yield when each enters the look back, where it lies ahead, and when it leaves it."""
    for at in times:
        yield at
        yield at + span + _A_MOMENT


def _days(code: str, facts: Facts) -> Iterator[datetime]:
    """Yield the ends of the slots under way, and midnight while a plan may bring new ones."""
    slots = facts.scheduled.get(code, ())
    for slot in slots:
        yield slot.expires_at
    if slots or PlanState.ACTIVE in facts.plans.values():
        yield _midnight(facts.now.astimezone(facts.zone).date() + _A_DAY, facts)


def _tasks(kind: str, facts: Facts) -> Iterator[datetime]:
    for task in facts.settled_tasks.get(kind, ()):
        edge = task.due_at + TASKS_KEPT
        if edge > facts.now:
            yield max(edge - _LONGEST_TASK, min(facts.now + _A_DAY, edge))


def _birthdays(years: int, facts: Facts) -> Iterator[datetime]:
    """Yield the birthdays on either side of the year compared with."""
    if facts.birth_on is None:
        return
    for age in (years, years + 1):
        yield _midnight(_birthday(facts.birth_on, age), facts)


def _birthday(born: date, age: int) -> date:
    try:
        return born.replace(year=born.year + age)
    except ValueError:  # 29 February: a year older from 1 March on
        return date(born.year + age, 3, 1)


def _midnight(day: date, facts: Facts) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=facts.zone)
