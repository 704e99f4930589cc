"""When an action happens: from what it counts, how it repeats, which days it avoids."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

from app.domain.definitions import Fields, InvalidDefinition, only
from app.domain.intake.hospital_records import EncounterClass
from app.domain.plans.recurrence import Recurrence, parse_recurrence
from app.domain.plans.working_days import OnFreeDay

CALENDAR_PERIOD = re.compile(r"P(?=\d)(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,3})D)?")
# Two years; every repeat is bounded by it, so one action has at most 732 occurrences.
LONGEST_PLAN_DAYS = 731
# What comes once may lie further: a child's vaccinations reach into school.
LONGEST_START_DAYS = 14 * 366
LONGEST_WINDOW = timedelta(days=60)
_MOST_DATES = 60


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """So many months, then so many days; months keep the day, or end with the month."""

    months: int = 0
    days: int = 0

    def after(self, day: date, times: int = 1) -> date:
        """Return `day` moved on; 31 January and one month is 28 or 29 February."""
        month = day.year * 12 + day.month - 1 + self.months * times
        year, month_index = divmod(month, 12)
        last = _days_in(year, month_index + 1)
        moved = date(year, month_index + 1, min(day.day, last))
        return moved + timedelta(days=self.days * times)

    def before(self, day: date) -> date:
        return self.after(day, -1)

    @property
    def about_days(self) -> int:
        """How many days it is at most, months taken as long ones: 24 months are 744."""
        return self.months * 31 + self.days


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


class Basis(StrEnum):
    """From what an action counts."""

    ANCHOR = "anchor"  # the day of the plan
    DATES = "dates"  # none: it names its dates
    ACTION = "action"  # another action of the plan was done
    MISSED = "missed"  # another action was missed, and names this one as its fallback
    ENCOUNTER = "encounter"  # a visit or stay ended
    APPOINTMENT = "appointment"  # a booked visit begins


# What everybody with the same anchor day shares; the others come about one patient at a time.
SHARED_BASES = frozenset({Basis.ANCHOR, Basis.DATES})


@dataclass(frozen=True, slots=True)
class Timing:
    """When an action happens, in the hospital's wall-clock time.

    The first occurrence is `start` after its basis at `at`; then every `every`, or on the days of
    `rule`, up to and with the day `until` after the basis. It is due `due_after` and expires
    `expires_after` its start. Without `at` it starts at the hour of its basis.
    """

    start: CalendarPeriod
    at: time | None
    due_after: timedelta
    expires_after: timedelta
    every: CalendarPeriod | None = None
    until: CalendarPeriod | None = None
    remind_at: time | None = None
    rule: Recurrence | None = None
    dates: tuple[date, ...] = ()
    basis: Basis = Basis.ANCHOR
    after_action: str | None = None
    encounter_class: EncounterClass | None = None
    is_before: bool = False  # `start` counts back from the basis
    on_free_day: OnFreeDay | None = None

    @property
    def is_shared(self) -> bool:
        """Tell whether all patients with one anchor day have it at the same times."""
        return self.basis in SHARED_BASES


_ENCOUNTERS: Mapping[str, EncounterClass | None] = {
    "outpatient": EncounterClass.AMBULATORY,
    "inpatient": EncounterClass.INPATIENT,
    "emergency": EncounterClass.EMERGENCY,
    "any": None,
}


def parse_timing(data: object, path: str) -> Timing:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        basis, action, encounter_class, is_before = _basis(fields)
        has_dates = basis is Basis.DATES
        timing = Timing(
            start=CalendarPeriod() if has_dates else _period(fields, "start"),
            at=fields.optional("at", fields.local_time),
            due_after=fields.duration("due_after"),
            expires_after=fields.duration("expires_after"),
            every=fields.optional("every", lambda key: _period(fields, key)),
            until=fields.optional("until", lambda key: _period(fields, key)),
            remind_at=fields.optional("remind_at", fields.local_time),
            rule=fields.optional(
                "rule", lambda key: parse_recurrence(fields.text(key), fields.at(key))
            ),
            dates=_dates(fields) if has_dates else (),
            basis=basis,
            after_action=action,
            encounter_class=encounter_class,
            is_before=is_before,
            on_free_day=fields.optional("on_free_day", lambda key: fields.choice(key, OnFreeDay)),
        )
    _check(timing, path)
    return timing


def _basis(fields: Fields) -> tuple[Basis, str | None, EncounterClass | None, bool]:
    """Return from what it counts: `dates`, `before`, `after`, or else the anchor."""
    told = [key for key in ("dates", "after", "before") if fields.has(key)]
    if len(told) > 1:
        raise InvalidDefinition(fields.path, f"{' and '.join(told)} exclude each other")
    if told == ["dates"]:
        return Basis.DATES, None, None, False
    if told == ["before"]:
        if fields.text("before") != Basis.APPOINTMENT:
            raise InvalidDefinition(fields.at("before"), "must be appointment")
        return Basis.APPOINTMENT, None, None, True
    if not told:
        return Basis.ANCHOR, None, None, False
    after = fields.take("after")
    if after in (Basis.MISSED, Basis.APPOINTMENT):
        return Basis(after), None, None, False
    name, value, path = only(after, fields.at("after"), ("action", "encounter"))
    if name == "action":
        with Fields(after, fields.at("after")) as inner:
            return Basis.ACTION, inner.key("action"), None, False
    if value not in _ENCOUNTERS:
        raise InvalidDefinition(path, f"must be one of {', '.join(_ENCOUNTERS)}")
    return Basis.ENCOUNTER, None, _ENCOUNTERS[value], False


def _dates(fields: Fields) -> tuple[date, ...]:
    found = []
    for told in fields.texts("dates"):
        try:
            found.append(date.fromisoformat(told))
        except ValueError:
            problem = "must be dates like 2026-03-01"
            raise InvalidDefinition(fields.at("dates"), problem) from None
    if not found or found != sorted(set(found)) or len(found) > _MOST_DATES:
        problem = f"must be 1 to {_MOST_DATES} dates in order, each once"
        raise InvalidDefinition(fields.at("dates"), problem)
    return tuple(found)


def _check(timing: Timing, path: str) -> None:
    if not timedelta() < timing.due_after <= timing.expires_after <= LONGEST_WINDOW:
        raise InvalidDefinition(path, "must be due before it expires, and within P60D")
    if timing.at is None and timing.is_shared:
        raise InvalidDefinition(f"{path}.at", "is missing")
    if timing.every is not None and timing.rule is not None:
        raise InvalidDefinition(path, "every and rule exclude each other")
    repeats = timing.every is not None or timing.rule is not None
    if repeats and (timing.dates or timing.is_before):
        raise InvalidDefinition(path, "what has dates, or comes before a visit, does not repeat")
    counted = timing.rule is not None and timing.rule.count is not None
    if repeats != (timing.until is not None) and not (counted and timing.until is None):
        raise InvalidDefinition(path, "every or rule and until go together")
    if timing.start.about_days > LONGEST_PLAN_DAYS + 31 and (repeats or not timing.is_shared):
        raise InvalidDefinition(f"{path}.start", "is more than two years off, so it must be alone")
    if timing.every == CalendarPeriod():
        raise InvalidDefinition(f"{path}.every", "must be at least P1D")


def _period(fields: Fields, key: str) -> CalendarPeriod:
    """Return a period written as ISO 8601 months, weeks and days (`P3M`, `P2W`, `P10D`)."""
    found = CALENDAR_PERIOD.fullmatch(fields.text(key))
    if found is None:
        raise InvalidDefinition(fields.at(key), "must be a period like P3M, P2W or P10D")
    months, weeks, days = (int(part or 0) for part in found.groups())
    period = CalendarPeriod(months=months, days=weeks * 7 + days)
    if period.about_days > (LONGEST_START_DAYS if key == "start" else LONGEST_PLAN_DAYS + 31):
        raise InvalidDefinition(fields.at(key), "is too long")
    return period
