"""The last day on which a plan can ask for anything: known from its timings, without its days."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from app.domain.plans.plan import Action, PlanDefinition
from app.domain.plans.plan_days import Almanac
from app.domain.plans.timing import LONGEST_PLAN_DAYS, Basis, CalendarPeriod
from app.domain.plans.working_days import OnFreeDay

_END_OF_DAY = time(23, 59)


def last_day(plan: PlanDefinition, anchor_on: date, almanac: Almanac) -> date:
    """Return the last day on which a window of the plan may be open; never an earlier one.

    What counts from visits may come for as long as visits count, two years; what counts from
    another action, after the last window of that one.
    """
    known: dict[str, date] = {}
    actions = {action.key: action for action in plan.actions}
    return max(anchor_on, *(_end_of(key, actions, anchor_on, almanac, known) for key in actions))


def _end_of(
    key: str,
    actions: Mapping[str, Action],
    anchor_on: date,
    almanac: Almanac,
    known: dict[str, date],
) -> date:
    if key not in known:
        known[key] = _closes(
            actions[key], _latest_basis(key, actions, anchor_on, almanac, known), almanac
        )
    return known[key]


def _latest_basis(
    key: str,
    actions: Mapping[str, Action],
    anchor_on: date,
    almanac: Almanac,
    known: dict[str, date],
) -> date:
    """Return the last day from which an action may count."""
    timing = actions[key].timing
    match timing.basis:
        case Basis.ACTION | Basis.MISSED:
            before = [
                one.key
                for one in actions.values()
                if one.key == timing.after_action or one.if_missed == key
            ]
            return max(_end_of(one, actions, anchor_on, almanac, known) for one in before)
        case Basis.ENCOUNTER | Basis.APPOINTMENT:
            return anchor_on + timedelta(days=LONGEST_PLAN_DAYS + 1)
        case _:
            return anchor_on


def _closes(action: Action, basis_on: date, almanac: Almanac) -> date:
    """Return the day on which the last window of an action closes."""
    timing = action.timing
    furthest = basis_on + timedelta(days=LONGEST_PLAN_DAYS)
    start = CalendarPeriod() if timing.is_before else timing.start
    first = start.after(basis_on)
    if timing.basis is Basis.DATES:
        days = [day for day in timing.dates if basis_on <= day <= furthest]
    elif timing.until is not None:
        days = [timing.until.after(basis_on)]
    elif timing.rule is not None:  # so many times, on days that only the calendar knows
        days = list(almanac.recur(timing.rule, first, furthest))
    else:
        days = [first]
    if not days:
        return basis_on
    last = days[-1]
    if timing.on_free_day is OnFreeDay.NEXT:
        last = almanac.working_days.place(last, OnFreeDay.NEXT) or last
    waiting = action.wait_for.at_most if action.wait_for else timedelta()
    opens = datetime.combine(last, timing.at or _END_OF_DAY)
    return (opens + waiting + timing.expires_after).date()
