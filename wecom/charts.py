"""Small line charts: the points of an SVG, a sentence that says the same, and the axis in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.models.profile.reading.trends import Trend
from wecom import words

WIDTH: Final = 320
HEIGHT: Final = 96
_EDGE: Final = 10  # room for the last point's mark


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Row:
    at: str
    value: str
    context: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` is the `points` of a polyline in a box of `WIDTH` by `HEIGHT`; rows newest first."""

    key: str
    title: str
    finding: str
    line: str
    last: Dot
    low: str
    high: str
    begins: str
    ends: str
    rows: tuple[Row, ...]


def chart(trend: Trend, number: int, now: datetime) -> Chart:
    """Draw a trend; time runs evenly from its first to its last point."""
    dots = _dots(trend)
    values = [point.value for point in trend.points]
    rows = (
        Row(
            words.short_moment(point.at, now),
            words.quantity(point.value, trend.unit),
            words.context(point.context),
        )
        for point in reversed(trend.points)
    )
    return Chart(
        key=f"trend-{number}",
        title=trend.name,
        finding=trend.sentence,
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        last=dots[-1],
        low=words.quantity(min(values), trend.unit),
        high=words.quantity(max(values), trend.unit),
        begins=words.short_moment(trend.points[0].at, now),
        ends=words.short_moment(trend.points[-1].at, now),
        rows=tuple(rows),
    )


def _dots(trend: Trend) -> list[Dot]:
    first, last = trend.points[0].at, trend.points[-1].at
    span = (last - first).total_seconds()
    low = min(point.value for point in trend.points)
    rise = max(point.value for point in trend.points) - low
    dots = []
    for point in trend.points:
        right = (point.at - first).total_seconds() / span if span else 0.5
        up = float((point.value - low) / rise) if rise else 0.5
        x = _EDGE + right * (WIDTH - 2 * _EDGE)
        y = HEIGHT - _EDGE - up * (HEIGHT - 2 * _EDGE)
        dots.append(Dot(f"{x:.1f}", f"{y:.1f}"))
    return dots
