"""Checks of the leaves about how what is measured moves.

Everything is compared as exact fractions: a mean of 135 is not 134.999….
"""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from app.domain.criteria.comparing import COMPARE
from app.domain.criteria.evidence import Check, Evidence
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope, TrendLeaf
from app.domain.criteria.windows import numbers, off_scale_held, shown, window
from app.domain.profile.patient_facts import Facts, ObservedValue

_DAY: Final = 86_400  # seconds


def compile_trend(leaf: TrendLeaf, share: int) -> Check:
    """Return the check of one leaf, which reads at most `share` values."""
    match leaf:
        case OfLast():
            return _of_last(leaf, share)
        case Mean():
            return _mean(leaf, share)
        case Rise():
            return _rise(leaf, share)
        case Slope():
            return _slope(leaf, share)
        case Growth():
            return _growth(leaf, share)
        case Dip():
            return _dip(leaf, share)


def _of_last(leaf: OfLast, share: int) -> Check:
    compare, off_scale = COMPARE[leaf.op], off_scale_held(leaf.op)

    def holds(one: ObservedValue) -> bool:
        return one.off_scale in off_scale if one.value is None else compare(one.value, leaf.value)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        last: list[ObservedValue] = []
        for one in window(facts, leaf.code, facts.now - leaf.within, share):
            if leaf.context in (None, one.context):
                last.append(one)
            if len(last) == leaf.of:
                break
        found = [one for one in last if holds(one)]
        if len(found) < leaf.at_least:
            return None
        return tuple(Evidence(leaf, shown(one), one.effective_at) for one in found[:10])

    return check


def _mean(leaf: Mean, share: int) -> Check:
    compare, wanted = COMPARE[leaf.op], Fraction(leaf.value)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = [
            (value, one)
            for value, one in numbers(facts, leaf.code, leaf.within, share)
            if leaf.context in (None, one.context)
        ]
        if len(found) < leaf.at_least:
            return None
        mean = mean_of([value for value, _ in found])
        if not compare(mean, wanted):
            return None
        words = f"{len(found)}次平均 {rounded(mean)}"
        return (Evidence(leaf, words, found[0][1].effective_at),)

    return check


def _rise(leaf: Rise, share: int) -> Check:
    end = min if leaf.by > 0 else max

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = numbers(facts, leaf.code, leaf.over, share)
        if not found:
            return None
        newest, one = found[0]
        turn = end(value for value, _ in found)
        moved = newest - turn
        if (moved < leaf.by) if leaf.by > 0 else (moved > leaf.by):
            return None
        return (Evidence(leaf, f"{turn:f} → {newest:f}", one.effective_at),)

    return check


def _slope(leaf: Slope, share: int) -> Check:
    compare, wanted = COMPARE[leaf.op], Fraction(leaf.per_day)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = numbers(facts, leaf.code, leaf.over, share)
        if len(found) < leaf.at_least:
            return None
        slope = slope_of([(one.effective_at, value) for value, one in found])
        if slope is None or not compare(slope, wanted):
            return None
        words = f"{len(found)}次，每天 {rounded(slope, '+')}"
        return (Evidence(leaf, words, found[0][1].effective_at),)

    return check


def _growth(leaf: Growth, share: int) -> Check:
    end = min if leaf.percent > 0 else max

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = numbers(facts, leaf.code, leaf.over, share)
        if not found:
            return None
        newest, one = found[0]
        turn = end(value for value, _ in found)
        if turn <= 0:
            return None  # of nothing there is no per cent
        grown = (Fraction(newest) - Fraction(turn)) / Fraction(turn) * 100
        if (grown < leaf.percent) if leaf.percent > 0 else (grown > leaf.percent):
            return None
        words = f"{turn:f} → {newest:f}（{rounded(grown, '+')}%）"
        return (Evidence(leaf, words, one.effective_at),)

    return check


def _dip(leaf: Dip, share: int) -> Check:
    compare, wanted = COMPARE[leaf.op], Fraction(leaf.percent)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = numbers(facts, leaf.code, leaf.over, share)
        days, nights = _by_night(leaf, facts, found)
        if len(days) < leaf.least_day or len(nights) < leaf.least_night:
            return None
        day, night = mean_of(days), mean_of(nights)
        # Nothing that has a night and a day is measured at or below 0; if it were: no per cent.
        if day <= 0 or not compare(dip := (day - night) / day * 100, wanted):
            return None
        words = f"白天平均 {rounded(day)}、夜间平均 {rounded(night)}，夜间下降 {rounded(dip)}%"
        return (Evidence(leaf, words, found[0][1].effective_at),)

    return check


def _by_night(
    leaf: Dip, facts: Facts, found: list[tuple[Decimal, ObservedValue]]
) -> tuple[list[Decimal], list[Decimal]]:
    days: list[Decimal] = []
    nights: list[Decimal] = []
    for value, one in found:
        at = one.effective_at.astimezone(facts.zone).time()
        (nights if leaf.is_night(at) else days).append(value)
    return days, nights


def mean_of(values: list[Decimal]) -> Fraction:
    """Return the mean of values, of which there must be one."""
    whole, unit = _in_whole_numbers(values)
    return Fraction(sum(whole), unit * len(values))


def slope_of(points: list[tuple[datetime, Decimal]]) -> Fraction | None:
    """Return by how much a day the line of least squares climbs; None where it is upright."""
    start = min(at for at, _ in points)
    # Whole seconds: no meter knows better, and the numbers stay small.
    xs = [int((at - start).total_seconds()) for at, _ in points]
    ys, unit = _in_whole_numbers([value for _, value in points])
    count, sum_x, sum_y = len(points), sum(xs), sum(ys)
    spread = count * sum(x * x for x in xs) - sum_x * sum_x
    if spread == 0:
        return None
    together = sum(x * y for x, y in zip(xs, ys, strict=True))
    return Fraction((count * together - sum_x * sum_y) * _DAY, spread * unit)


def _in_whole_numbers(values: list[Decimal]) -> tuple[list[int], int]:
    """Return exact values as so many of the smallest unit any of them has: 10,000 in no time."""
    digits = max(0, *(-int(value.as_tuple().exponent) for value in values))
    return [int(value.scaleb(digits)) for value in values], 10**digits


def rounded(number: Fraction, sign: str = "-") -> str:
    """Return a number as people read it: two decimals at most, with a sign where asked."""
    text = f"{Decimal(number.numerator) / Decimal(number.denominator):{sign}.2f}"
    return text.rstrip("0").rstrip(".")
