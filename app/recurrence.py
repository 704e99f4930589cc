"""Recurrence rules of RFC 5545, read by python-dateutil; the domain knows no library."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Final

from dateutil import rrule

from app.domain.plans.recurrence import Frequency, Recurrence, Weekday

_FREQUENCIES: Final = {
    Frequency.DAILY: rrule.DAILY,
    Frequency.WEEKLY: rrule.WEEKLY,
    Frequency.MONTHLY: rrule.MONTHLY,
    Frequency.YEARLY: rrule.YEARLY,
}
_WEEKDAYS: Final = dict(
    zip(
        Weekday,
        (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU),
        strict=True,
    )
)


def days_of_rule(rule: Recurrence, first: date, last: date) -> Iterator[date]:
    """Yield the days of `rule` from `first` to `last`, both included; the week begins on Monday."""
    found = rrule.rrule(
        _FREQUENCIES[rule.frequency],
        dtstart=datetime.combine(first, time.min),
        until=datetime.combine(last, time.min),
        interval=rule.interval,
        wkst=rrule.MO,
        bymonth=rule.by_month or None,
        bymonthday=rule.by_month_day or None,
        byweekday=[_WEEKDAYS[one.weekday](one.nth) for one in rule.by_day] or None,
        bysetpos=rule.by_set_pos or None,
    )
    # RFC 5545 lets a rule have COUNT or UNTIL, not both: the count is ours.
    for number, moment in enumerate(found):
        if rule.count is not None and number >= rule.count:
            return
        yield moment.date()
