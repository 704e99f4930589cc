"""What is known of a laboratory test, and how its rows in the catalogue are written."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final, TypedDict, Unpack

from app.domain.intake.hospital_records import Gender

# Until here children's tables are asked; from here the adults'.
ADULT_FROM_YEARS: Final = 18


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """An age as tables state it: full months (a year is twelve), then days."""

    months: int = 0
    days: int = 0

    def is_reached(self, born_on: date, on: date) -> bool:
        """Tell whether someone born on `born_on` has this age on the day `on`."""
        if self.days:
            return (on - born_on).days >= self.days
        elapsed = (on.year - born_on.year) * 12 + on.month - born_on.month
        return elapsed - (1 if on.day < born_on.day else 0) >= self.months


def days(number: int) -> Age:
    return Age(days=number)


def months(number: int) -> Age:
    return Age(months=number)


def years(number: int) -> Age:
    return Age(months=12 * number)


ADULT: Final = years(ADULT_FROM_YEARS)


@dataclass(frozen=True, slots=True)
class ReferenceInterval:
    """What is usual at an age, in `unit`; both ends are usual, `high` not if `is_high_open`.

    Guidelines write "<5.2" where 5.2 itself is already raised: that end is open. `until` is the
    age that is too old. `is_verified` says that the number was read in a source that cites the
    standard; the others were written from memory and serve as a second opinion only.
    """

    source: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    gender: Gender | None = None  # None: both
    since: Age = ADULT
    until: Age | None = None
    is_high_open: bool = False
    is_verified: bool = True

    @property
    def id(self) -> str:
        """A name for the record: source, sex, the age from which it holds, and the unit."""
        age = f"{self.since.days}d" if self.since.days else f"{self.since.months}m"
        return f"{self.source}|{self.gender or 'any'}|{age}|{self.unit}"

    def is_for(self, gender: Gender | None, born_on: date, on: date) -> bool:
        """Tell whether the interval speaks of such a person on the day `on`."""
        if self.gender is not None and self.gender is not gender:
            return False
        if not self.since.is_reached(born_on, on):
            return False
        return self.until is None or not self.until.is_reached(born_on, on)


@dataclass(frozen=True, slots=True)
class CriticalLimits:
    """Values from which a clinician must be told at once; the ends are critical themselves.

    There is no national list: these are starting values that each department signs or replaces.
    """

    low: Decimal | None = None
    high: Decimal | None = None
    # A dialysis patient's creatinine is high every time: only the first is news.
    is_first_only: bool = False


@dataclass(frozen=True, slots=True)
class LaboratoryTest:
    """A test: its LOINC code, names, the UCUM unit in which it is judged, and its limits.

    `least` and `most` are the plausibility gate, both included: wide, because what lies outside is
    never judged, and the sickest values must be. `siblings` are LOINC codes of the same quantity
    in the same kind of specimen under another property (mass instead of moles).
    """

    code: str
    name: str
    abbreviation: str
    unit: str
    least: Decimal
    most: Decimal
    intervals: tuple[ReferenceInterval, ...] = ()
    critical: CriticalLimits | None = None
    critical_newborn: CriticalLimits | None = None  # under 28 days
    names: tuple[str, ...] = ()  # what else laboratories call it
    siblings: tuple[str, ...] = ()
    national_code: str | None = None  # WS/T 886-2026


# How a row of the catalogue writes an interval: (low, high), "" where there is no end.
Ends = tuple[str, str]


def listed(
    code: str,
    name: str,
    abbreviation: str,
    unit: str,
    plausible: Ends,
    *intervals: Iterable[ReferenceInterval],
    critical: CriticalLimits | None = None,
    critical_newborn: CriticalLimits | None = None,
    names: str = "",
    siblings: str = "",
    national_code: str | None = None,
) -> LaboratoryTest:
    """Return a row of the catalogue; intervals without a unit of their own are in `unit`."""
    return LaboratoryTest(
        code=code,
        name=name,
        abbreviation=abbreviation,
        unit=unit,
        least=Decimal(plausible[0]),
        most=Decimal(plausible[1]),
        intervals=tuple(_in_unit(one, unit) for some in intervals for one in some),
        critical=critical,
        critical_newborn=critical_newborn,
        names=tuple(names.split()),
        siblings=tuple(siblings.split()),
        national_code=national_code,
    )


class _Bounds(TypedDict, total=False):
    """What an interval may say beyond its ends."""

    unit: str
    since: Age
    until: Age | None
    is_high_open: bool
    is_verified: bool


def both(
    source: str, low: str, high: str, **more: Unpack[_Bounds]
) -> tuple[ReferenceInterval, ...]:
    """Return an interval for either sex."""
    return (_interval(source, (low, high), None, more),)


def by_gender(
    source: str, male: Ends, female: Ends, **more: Unpack[_Bounds]
) -> tuple[ReferenceInterval, ...]:
    """Return an interval for each sex."""
    return (
        _interval(source, male, Gender.MALE, more),
        _interval(source, female, Gender.FEMALE, more),
    )


def limits(low: str = "", high: str = "", *, is_first_only: bool = False) -> CriticalLimits:
    return CriticalLimits(_number(low), _number(high), is_first_only)


def _interval(source: str, ends: Ends, gender: Gender | None, more: _Bounds) -> ReferenceInterval:
    given: _Bounds = {"unit": "", **more}
    return ReferenceInterval(
        source=source, low=_number(ends[0]), high=_number(ends[1]), gender=gender, **given
    )


def _in_unit(interval: ReferenceInterval, unit: str) -> ReferenceInterval:
    return interval if interval.unit else replace(interval, unit=unit)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None
