"""How bad a laboratory result is, by limits that a department has signed off.

There is no national list of critical values (危急值): every hospital has its own. What ships here
are defaults; a department's own limits go before them. The laboratory's flag is kept beside ours
and the worse of the two decides, because a missed critical value harms and a repeated one does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.domain.intake.hospital_records import Gender, ResultFlag


class Severity(StrEnum):
    NORMAL = "normal"
    ABNORMAL = "abnormal"
    CRITICAL = "critical"


_CRITICAL: Final = frozenset(
    {ResultFlag.CRITICALLY_HIGH, ResultFlag.CRITICALLY_LOW, ResultFlag.CRITICALLY_ABNORMAL}
)


def severity_of(flag: ResultFlag | None) -> Severity:
    """Return how bad a flag is; no flag is taken for normal, nobody vouched for anything else."""
    if flag in _CRITICAL:
        return Severity.CRITICAL
    return Severity.NORMAL if flag in (None, ResultFlag.NORMAL) else Severity.ABNORMAL


@dataclass(frozen=True, slots=True)
class ResultLimit:
    """When a result of one code is critical, for whom, and who says so.

    A value that equals a limit is past it. Ages are in days, the lower included. `basis` names
    the limit in alerts and audits.
    """

    code: str  # LOINC
    unit: str  # UCUM
    critical_low: Decimal | None
    critical_high: Decimal | None
    basis: str
    sex: Gender | None = None
    age_from_days: int = 0
    age_until_days: int | None = None
    # A change against the last value within so many days, in per cent of it; rises are positive.
    delta_percent: Decimal | None = None
    delta_within: timedelta = timedelta(days=90)
    # ICD-10 prefixes of patients whose values are expected to be so: dialysis, leukaemia…
    unless_conditions: tuple[str, ...] = ()
    only_first: bool = False  # known to be so high already: no news
    tells_patient: bool = False  # the department lets the patient hear of it before a clinician

    def is_for(self, sex: Gender, age_days: int | None, conditions: Iterable[str]) -> bool:
        """Return whether the limit speaks of such a person; an unknown age counts as adult."""
        age = _ADULT_DAYS if age_days is None else age_days
        in_age = self.age_from_days <= age and (
            self.age_until_days is None or age < self.age_until_days
        )
        expected = any(
            code.startswith(prefix) for code in conditions for prefix in self.unless_conditions
        )
        return in_age and self.sex in (None, sex) and not expected


_ADULT_DAYS: Final = 18 * 366


@dataclass(frozen=True, slots=True)
class Value:
    """A result in the unit in which its code is judged; `<2.5` is 2.5 with the comparator `<`."""

    number: Decimal
    unit: str
    comparator: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Our own flag, by which limit, and why in words for staff."""

    flag: ResultFlag
    limit: ResultLimit
    reason: str


def choose_limit(
    limits: Iterable[ResultLimit], sex: Gender, age_days: int | None, conditions: Iterable[str]
) -> ResultLimit | None:
    """Return the first limit that speaks of the person; callers put the nearest authority first."""
    known = tuple(conditions)
    return next((limit for limit in limits if limit.is_for(sex, age_days, known)), None)


def judge(value: Value, limit: ResultLimit, previous: Decimal | None) -> Judgement | None:
    """Return why a value is critical by a limit; None where it is not, or cannot be told.

    `previous` is the last value of the same code within `limit.delta_within`. An inequality counts
    only where every number it allows is past the limit: `<2.5` is below 2.8, `<3.0` may not be.
    """
    if value.unit != limit.unit:
        return None
    low, high = limit.critical_low, limit.critical_high
    if low is not None and value.number <= low and value.comparator not in (">", ">="):
        return Judgement(
            ResultFlag.CRITICALLY_LOW,
            limit,
            f"{_shown(value)}，达到危急值下限 {low:f} {limit.unit}",
        )
    if high is not None and value.number >= high and value.comparator not in ("<", "<="):
        if limit.only_first and previous is not None and previous >= high:
            return None
        return Judgement(
            ResultFlag.CRITICALLY_HIGH,
            limit,
            f"{_shown(value)}，达到危急值上限 {high:f} {limit.unit}",
        )
    return _delta(value, limit, previous)


def _delta(value: Value, limit: ResultLimit, previous: Decimal | None) -> Judgement | None:
    if limit.delta_percent is None or not previous or value.comparator:
        return None
    change = (value.number - previous) / previous * 100
    wanted = limit.delta_percent
    if (wanted > 0 and change < wanted) or (wanted < 0 and change > wanted):
        return None
    flag = ResultFlag.CRITICALLY_HIGH if wanted > 0 else ResultFlag.CRITICALLY_LOW
    words = "上升" if wanted > 0 else "下降"
    return Judgement(
        flag,
        limit,
        f"{_shown(value)}，与上次 {previous:f} 相比{words} {abs(change):.0f}%"
        f"（{limit.delta_within.days} 天内界限 {abs(wanted):f}%）",
    )


def worse(laboratory: ResultFlag | None, ours: ResultFlag | None) -> ResultFlag | None:
    """Return the flag to act on: the laboratory's, unless ours is worse."""
    order = list(Severity)
    if order.index(severity_of(ours)) > order.index(severity_of(laboratory)):
        return ours
    return laboratory


def _shown(value: Value) -> str:
    return f"{value.comparator}{value.number:f} {value.unit}"
