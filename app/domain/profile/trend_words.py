"""How a series of values runs: as numbers, and as one sentence for whoever sees no chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

# Of fewer values nobody should say which way they go.
LEAST: Final = 4
# The normal deviate beyond which one in ten level series would be called rising or falling.
SURE: Final = 1.645
MOST: Final = 60


class Direction(StrEnum):
    RISING = "rising"
    FALLING = "falling"
    LEVEL = "level"
    UNCLEAR = "unclear"  # too few values

    @property
    def word(self) -> str:
        return {"rising": "走高", "falling": "走低", "level": "大致平稳", "unclear": ""}[self.value]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """`is_outside` is None where no limit judged the value."""

    value: Decimal
    at: datetime
    is_outside: bool | None = None


@dataclass(frozen=True, slots=True)
class TrendNumbers:
    """What a series comes to; every number is in the unit of the series."""

    count: int
    latest: Decimal
    latest_at: datetime
    mean: Decimal
    low: Decimal
    high: Decimal
    direction: Direction
    judged: int
    outside: int


def summarise(points: Sequence[TrendPoint]) -> TrendNumbers:
    """Return the numbers of a series that is not empty, oldest first."""
    values = [point.value for point in points]
    judged = [point for point in points if point.is_outside is not None]
    mean = (sum(values, Decimal()) / len(values)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return TrendNumbers(
        count=len(values),
        latest=values[-1],
        latest_at=points[-1].at,
        mean=mean,
        low=min(values),
        high=max(values),
        direction=_direction(values),
        judged=len(judged),
        outside=sum(point.is_outside is True for point in judged),
    )


def _direction(values: Sequence[Decimal]) -> Direction:
    """Ask whether later values tend to be greater, whatever the unit (Mann 1945, Kendall 1975)."""
    if len(values) < LEAST:
        return Direction.UNCLEAR
    thinned = _thinned(values)
    n = len(thinned)
    score = sum(
        (later > earlier) - (later < earlier)
        for place, earlier in enumerate(thinned)
        for later in thinned[place + 1 :]
    )
    # Ties are not taken from the variance: with many of them it says level sooner.
    spread = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    if (abs(score) - 1) / spread < SURE:
        return Direction.LEVEL
    return Direction.RISING if score > 0 else Direction.FALLING


def _thinned(values: Sequence[Decimal]) -> Sequence[Decimal]:
    """Return medians of neighbours where there are more values than pairs can be compared."""
    if len(values) <= MOST:
        return values
    size = math.ceil(len(values) / MOST)
    return [median(values[place : place + size]) for place in range(0, len(values), size)]


# How people write what UCUM codes.
# UCUM units as patients and nurses read them.
UNIT_WORDS: Final = {
    "mm[Hg]": "mmHg", "Cel": "℃", "/min": "次/分", "{score}": "分", "{INR}": "INR",
    "10*9/L": "×10⁹/L", "10*12/L": "×10¹²/L", "umol/L": "μmol/L", "ug/L": "μg/L",
    "kg/m2": "kg/m²", "mL/min/{1.73_m2}": "mL/min/1.73m²", "m[IU]/L": "mIU/L",
    "mg{FEU}/L": "mg/L FEU", "s": "秒", "ms": "毫秒",
}  # fmt: skip


def sentence(numbers: TrendNumbers, ucum: str | None, days: int, zone: ZoneInfo) -> str:
    """Say it; the latest value with its moment at the hospital."""
    unit = UNIT_WORDS.get(ucum or "", ucum or "")
    when = numbers.latest_at.astimezone(zone).strftime("%m-%d %H:%M")
    latest = f"最近 {plain(numbers.latest)} {unit}".rstrip() + f"（{when}）"
    if numbers.count == 1:
        return f"{latest}，{days} 天内只有这一次{_outside(numbers)}。"
    span = (
        f"{days} 天内 {numbers.count} 次，平均 {plain(numbers.mean)}，"
        f"最低 {plain(numbers.low)}，最高 {plain(numbers.high)}"
    )
    direction = f"，{numbers.direction.word}" if numbers.direction.word else ""
    return f"{latest}；{span}{direction}{_outside(numbers)}。"


def _outside(numbers: TrendNumbers) -> str:
    if not numbers.judged:
        return ""
    return f"，{numbers.outside} 次超出范围" if numbers.outside else "，没有超出范围"


def plain(value: Decimal) -> str:
    """Return a value without the zeros its column added."""
    return f"{value.normalize():f}"
