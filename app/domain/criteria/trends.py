"""Leaves about how what is measured moves: several of the last, means, rises, slopes, nights.

They look at the values of one code within a span that ends now. LO and HI have no number: only
`OfLast`, which compares values one by one, reads them.
"""

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import TypeAlias

from app.domain.criteria.comparing import Comparator
from app.domain.profile.vital_signs import MeasurementContext


@dataclass(frozen=True, slots=True)
class OfLast:
    """Of the newest `of` values (in `context`) within the time, at least `at_least` compare so.

    Fewer than `of` may be there: two high ones of two are two of the last three.
    """

    code: str
    op: Comparator
    value: Decimal
    within: timedelta
    at_least: int
    of: int
    context: MeasurementContext | None = None


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of the numbers (in `context`) within the time compares so; of fewer than
    `at_least` there is none."""

    code: str
    op: Comparator
    value: Decimal
    within: timedelta
    at_least: int
    context: MeasurementContext | None = None


@dataclass(frozen=True, slots=True)
class Rise:
    """The newest number is at least `by` above the lowest within `over`.

    A negative `by` asks how far it lies below the highest. Unlike `Change` it sees a rise that
    began after a fall within the same time.
    """

    code: str
    over: timedelta
    by: Decimal


@dataclass(frozen=True, slots=True)
class Slope:
    """The line of least squares through the numbers of `over` climbs so much a day."""

    code: str
    op: Comparator
    per_day: Decimal
    over: timedelta
    at_least: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The newest number is at least `percent` per cent above the lowest within `over`.

    A negative `percent` asks how far it lies below the highest, in per cent of that.
    """

    code: str
    over: timedelta
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Dip:
    """How far the mean of the nights lies below the mean of the days, in per cent of the days.

    Night is from `night_from` to `night_until` on the hospital's clock, day the rest. With fewer
    than `least_day` and `least_night` numbers there is no dip, nor a missing one.
    """

    code: str
    op: Comparator
    percent: Decimal
    over: timedelta
    night_from: time
    night_until: time
    least_day: int
    least_night: int

    def is_night(self, at: time) -> bool:
        if self.night_from > self.night_until:
            return at >= self.night_from or at < self.night_until
        return self.night_from <= at < self.night_until


TrendLeaf: TypeAlias = OfLast | Mean | Rise | Slope | Growth | Dip
