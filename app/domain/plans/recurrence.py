"""Recurrence rules of RFC 5545 (RRULE), as far as plans need them: rules of days.

Hours are `at` of the timing, the end is its `until`; so HOURLY and below, BYHOUR and UNTIL are
refused. Refused are also rules that might never come about, such as 31 February.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.definitions import InvalidDefinition


class Frequency(StrEnum):
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Weekday(StrEnum):
    MONDAY = "MO"
    TUESDAY = "TU"
    WEDNESDAY = "WE"
    THURSDAY = "TH"
    FRIDAY = "FR"
    SATURDAY = "SA"
    SUNDAY = "SU"


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """Every such weekday, or the `nth` of a month; -1 is the last."""

    weekday: Weekday
    nth: int | None = None


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The days of a rule; empty parts follow from the first day, as the RFC says."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    by_day: tuple[NthWeekday, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the rule as the RFC writes it."""
        days = ",".join(f"{one.nth or ''}{one.weekday}" for one in self.by_day)
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": self.interval if self.interval > 1 else "",
            "COUNT": self.count or "",
            "BYDAY": days,
            "BYMONTHDAY": _listed(self.by_month_day),
            "BYMONTH": _listed(self.by_month),
            "BYSETPOS": _listed(self.by_set_pos),
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


MOST_REPEATS = 731
_BY_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_KNOWN = ("FREQ", "INTERVAL", "COUNT", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS")
_LONGEST_MONTHS: Mapping[int, int] = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def parse_recurrence(told: str, path: str) -> Recurrence:
    """Read `FREQ=WEEKLY;BYDAY=MO,TH`.

    :raises InvalidDefinition: no rule, or none that plans can follow
    """
    parts: dict[str, str] = {}
    for part in told.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name not in _KNOWN or not value or name in parts:
            raise InvalidDefinition(path, f"{part} is no part of a rule: {', '.join(_KNOWN)}")
        parts[name] = value
    if parts.get("FREQ") not in set(Frequency):
        raise InvalidDefinition(path, f"FREQ must be one of {', '.join(Frequency)}")
    rule = Recurrence(
        frequency=Frequency(parts["FREQ"]),
        interval=(*_numbers(parts, "INTERVAL", 1, MOST_REPEATS, path), 1)[0],
        count=(*_numbers(parts, "COUNT", 1, MOST_REPEATS, path), None)[0],
        by_day=_weekdays(parts.get("BYDAY"), path),
        by_month_day=_numbers(parts, "BYMONTHDAY", -31, 31, path),
        by_month=_numbers(parts, "BYMONTH", 1, 12, path),
        by_set_pos=_numbers(parts, "BYSETPOS", -4, 4, path),
    )
    problem = _never(rule)
    if problem is not None:
        raise InvalidDefinition(path, problem)
    return rule


def _numbers(
    parts: Mapping[str, str], name: str, least: int, most: int, path: str
) -> tuple[int, ...]:
    if name not in parts:
        return ()
    try:
        found = tuple(int(one) for one in parts[name].split(","))
    except ValueError:
        found = (0,)
    if any(one == 0 or not least <= one <= most for one in found):
        raise InvalidDefinition(path, f"{name} must be {least} to {most}, and not 0")
    return found


def _weekdays(told: str | None, path: str) -> tuple[NthWeekday, ...]:
    if told is None:
        return ()
    found = [_BY_DAY.fullmatch(one) for one in told.split(",")]
    if None in found:
        raise InvalidDefinition(path, "BYDAY must be like MO,TH or 2TU or -1FR")
    return tuple(
        NthWeekday(Weekday(one.group(2)), int(one.group(1)) if one.group(1) else None)
        for one in found
        if one is not None
    )


def _never(rule: Recurrence) -> str | None:
    """Return why a rule cannot be told to come about from every first day, or None."""
    monthly, yearly = rule.frequency is Frequency.MONTHLY, rule.frequency is Frequency.YEARLY
    if any(one.nth for one in rule.by_day) and not monthly:
        return "a numbered weekday needs FREQ=MONTHLY"
    if rule.by_day and rule.by_month_day:
        return "BYDAY and BYMONTHDAY together may never meet"
    if rule.by_month_day and rule.frequency is Frequency.WEEKLY:
        return "BYMONTHDAY does not go with FREQ=WEEKLY"
    if rule.by_set_pos and not (monthly and rule.by_day):
        return "BYSETPOS needs FREQ=MONTHLY and BYDAY"
    if rule.by_month and rule.frequency is Frequency.WEEKLY:
        return "BYMONTH does not go with FREQ=WEEKLY"
    narrow_days = rule.frequency is Frequency.DAILY and (rule.by_day or rule.by_month_day)
    if rule.interval > 1 and (rule.by_month or yearly or narrow_days):
        return "INTERVAL with these parts may never meet"
    longest = max((_LONGEST_MONTHS.get(month, 31) for month in rule.by_month), default=31)
    if rule.by_month_day and all(abs(day) > longest for day in rule.by_month_day):
        return "no such day in these months"
    return None


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))
