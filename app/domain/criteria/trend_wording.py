"""The leaves about how what is measured moves, in Chinese: when they hold and when they do not."""

from decimal import Decimal

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope, TrendLeaf
from app.domain.criteria.words import SIGNS, measure, quantity, span


def describe_trend(leaf: TrendLeaf) -> str:
    """Return one Chinese phrase that says when the leaf holds."""
    match leaf:
        case OfLast():
            return f"{_last(leaf)}至少{leaf.at_least}次"
        case Mean(op=op):
            return f"{_mean(leaf, SIGNS[op])}"
        case Rise():
            return f"{span(leaf.over)}内{_risen(leaf)}"
        case Slope(op=op):
            return _slope(leaf, SIGNS[op])
        case Growth():
            return f"{span(leaf.over)}内{_grown(leaf)}"
        case Dip(op=op):
            return _dip(leaf, SIGNS[op])


def deny_trend(leaf: TrendLeaf) -> str:
    """Return one Chinese phrase that says when the leaf does not hold."""
    match leaf:
        case OfLast():
            return f"{_last(leaf)}少于{leaf.at_least}次"
        case Mean(op=op):
            return f"{_mean(leaf, _not(op))}或次数不够"
        case Rise():
            return f"{span(leaf.over)}内没有{_risen(leaf)}"
        case Slope(op=op):
            return f"{_slope(leaf, _not(op))}或次数不够"
        case Growth():
            return f"{span(leaf.over)}内没有{_grown(leaf)}"
        case Dip(op=op):
            return f"{_dip(leaf, _not(op))}或次数不够"


def _not(op: Comparator) -> str:
    return f"不是{SIGNS[op]}"


def _last(leaf: OfLast) -> str:
    what = f"{measure(leaf.code, leaf.context)}{SIGNS[leaf.op]}{quantity(leaf.code, leaf.value)}"
    return f"{span(leaf.within)}内最近{leaf.of}次中{what}"


def _mean(leaf: Mean, sign: str) -> str:
    what = f"{measure(leaf.code, leaf.context)}平均{sign}{quantity(leaf.code, leaf.value)}"
    return f"{span(leaf.within)}内{what}（至少{leaf.at_least}次）"


def _risen(leaf: Rise) -> str:
    how = "比最低时上升" if leaf.by > 0 else "比最高时下降"
    return f"{measure(leaf.code)}{how}达到{quantity(leaf.code, abs(leaf.by))}"


def _grown(leaf: Growth) -> str:
    how = "比最低时上升" if leaf.percent > 0 else "比最高时下降"
    return f"{measure(leaf.code)}{how}达到{_plain(abs(leaf.percent))}%"


def _slope(leaf: Slope, sign: str) -> str:
    pace = quantity(leaf.code, leaf.per_day)
    return (
        f"{span(leaf.over)}内{measure(leaf.code)}平均每天变化{sign}{pace}（至少{leaf.at_least}次）"
    )


def _dip(leaf: Dip, sign: str) -> str:
    night = f"夜间{leaf.night_from:%H:%M}至{leaf.night_until:%H:%M}"
    enough = f"白天至少{leaf.least_day}次、夜间至少{leaf.least_night}次"
    fall = f"夜间{measure(leaf.code)}比白天下降{sign}{_plain(leaf.percent)}%"
    return f"{span(leaf.over)}内{fall}（{night}，{enough}）"


def _plain(number: Decimal) -> str:
    return f"{number:f}"
