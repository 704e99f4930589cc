"""A series of values as numbers and as one sentence; scales of mood and their bands."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.clock import HOSPITAL
from app.domain.profile.mood import MOOD_SCALES
from app.domain.profile.trend_words import (
    Direction,
    TrendNumbers,
    TrendPoint,
    sentence,
    summarise,
)
from tests.conftest import NOON


def numbers(*values: str, outside: bool | None = None) -> TrendNumbers:
    days = len(values)
    return summarise(
        [
            TrendPoint(Decimal(value), NOON - timedelta(days=days - 1 - n), outside)
            for n, value in enumerate(values)
        ]
    )


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        (("7", "7.2", "9", "9.5"), Direction.RISING),
        (("9.5", "9", "7.2", "7"), Direction.FALLING),
        (("7", "7.3", "7.1", "7.4"), Direction.LEVEL),
        (("7", "9", "11"), Direction.UNCLEAR),
        # One wild value at the end turns nothing around.
        (("7", "7", "7", "7", "7", "30"), Direction.LEVEL),
        (("0", "0", "0", "0"), Direction.LEVEL),
        # Three points of saturation count as much as three millimoles of glucose.
        (("98", "97", "97", "96", "96", "95"), Direction.FALLING),
        (tuple(str(n) for n in range(500)), Direction.RISING),
    ],
)
def test_the_direction_asks_whether_later_values_tend_to_be_greater(
    values: tuple[str, ...], direction: Direction
) -> None:
    assert numbers(*values).direction is direction


def test_the_sentence_says_latest_span_direction_and_what_was_outside() -> None:
    points = [
        TrendPoint(Decimal(value), NOON - timedelta(days=3 - n), is_outside)
        for n, (value, is_outside) in enumerate(
            (("6.100000", False), ("6.4", False), ("8.9", None), ("11.2", True))
        )
    ]

    found = summarise(points)

    assert (found.low, found.high, found.judged, found.outside) == (
        Decimal("6.1"), Decimal("11.2"), 3, 1,
    )  # fmt: skip
    assert sentence(found, "mmol/L", 30, HOSPITAL) == (
        "最近 11.2 mmol/L（05-04 12:00）；30 天内 4 次，平均 8.2，最低 6.1，最高 11.2，走高，"
        "1 次超出范围。"
    )


def test_one_value_has_no_span_and_what_nobody_judged_no_verdict() -> None:
    assert sentence(numbers("120"), "mm[Hg]", 30, HOSPITAL) == (
        "最近 120 mmHg（05-04 12:00），30 天内只有这一次。"
    )
    assert sentence(numbers("120", outside=False), None, 30, HOSPITAL).endswith(
        "只有这一次，没有超出范围。"
    )
    assert "超出" not in sentence(numbers("1", "2"), None, 30, HOSPITAL)


@pytest.mark.parametrize(
    ("key", "score", "band"),
    [
        ("phq-9", 4, "没有或极轻"), ("phq-9", 5, "轻度"), ("phq-9", 9, "轻度"),
        ("phq-9", 10, "中度"), ("phq-9", 15, "中重度"), ("phq-9", 20, "重度"),
        ("phq-9", 27, "重度"), ("phq-9", 28, None), ("gad-7", 9, "轻度"), ("gad-7", 10, "中度"),
        ("gad-7", 15, "重度"), ("phq-2", 2, "阴性"), ("phq-2", 3, "阳性，建议做 PHQ-9"),
        ("gad-7", -1, None), ("gad-7", None, None),
    ],
)  # fmt: skip
def test_bands_are_those_of_the_papers(key: str, score: int | None, band: str | None) -> None:
    assert MOOD_SCALES[key].band(score) == band
