"""Leaves about trends: at their edges, and against plain Python that shares no code with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import fmean, linear_regression
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.domain.criteria.comparing import COMPARE, Comparator
from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.evidence import Evidence
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.timing import change_triggers, next_change
from app.domain.criteria.tree import Criterion, Not, look_back, wakes
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.windows import StepBudgetExceeded
from app.domain.criteria.wording import explain
from app.domain.definitions import InvalidDefinition
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.vital_signs import MeasurementContext, OffScale

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)  # noon at the hospital
GLUCOSE, PRESSURE, WEIGHT = "15074-8", "8480-6", "29463-7"
DAY = timedelta(days=1)
MORE, AT_LEAST, LESS = Comparator.MORE, Comparator.AT_LEAST, Comparator.LESS


def series(code: str, *values: str, every: timedelta = DAY) -> Facts:
    """Return facts with values a day apart, the newest, now, last; LO and HI have no number."""
    observed = [
        ObservedValue(None, NOW - every * age, None, OffScale(value))
        if value in list(OffScale)
        else ObservedValue(Decimal(value), NOW - every * age)
        for age, value in enumerate(reversed(values))
    ]
    return Facts(NOW, ZONE, {code: observed})


def seen(tree: Criterion, facts: Facts) -> tuple[Evidence, ...] | None:
    return compile_criterion(tree)(facts)


def test_two_of_the_last_three_counts_what_has_no_number_too() -> None:
    high = OfLast(GLUCOSE, MORE, Decimal(10), timedelta(days=7), 2, 3)
    low, beyond = str(OffScale.LOW), str(OffScale.HIGH)

    assert seen(high, series(GLUCOSE, "11", "9", "12"))
    assert seen(high, series(GLUCOSE, "11", "9", beyond))
    assert seen(high, series(GLUCOSE, "11", "12"))  # two are two of the last three
    assert not seen(high, series(GLUCOSE, "11", "12", "9", low))
    assert not seen(high, series(GLUCOSE, "12"))
    assert not seen(high, series(GLUCOSE, "11", "9", "12", every=timedelta(days=4)))


def test_of_the_last_in_a_context_others_do_not_count() -> None:
    fasting = MeasurementContext.FASTING
    high = OfLast(GLUCOSE, MORE, Decimal(7), timedelta(days=7), 2, 2, fasting)
    observed = [
        ObservedValue(Decimal(value), NOW - DAY * age, context)
        for age, (value, context) in enumerate(
            (("8", fasting), ("5", MeasurementContext.AFTER_MEAL), ("7.1", fasting))
        )
    ]

    assert seen(high, Facts(NOW, ZONE, {GLUCOSE: observed}))


def test_a_mean_at_the_threshold_is_exact_and_needs_enough_values() -> None:
    mean = Mean(PRESSURE, AT_LEAST, Decimal(135), timedelta(days=7), 3)

    found = seen(mean, series(PRESSURE, "134.9", "135.1", "135"))
    assert found is not None
    assert explain(found[0], ZONE) == (
        "收缩压 3次平均 135 mmHg（2026-03-05 12:00）：7天内收缩压平均≥135 mmHg（至少3次）"
    )
    assert not seen(mean, series(PRESSURE, "134.9", "135.1", "134.999999"))
    assert not seen(mean, series(PRESSURE, "180", "180"))


@pytest.mark.parametrize(
    ("by", "values", "holds"),
    [
        ("2", ("70", "69.1", "70", "71.1"), True),  # newest minus oldest is 1.1
        ("2", ("70", "69.1", "70", "71.0"), False),
        ("2", ("69", "72", "72", "72", "72"), False),  # the low one is four days old
        ("2", ("69", "72", "72", "72"), True),
        ("2", ("71",), False),
        ("-3", ("70", "73", "70"), True),
        ("-3", ("70", "73", "70.1"), False),
        ("2", (), False),
    ],
)
def test_a_rise_is_against_the_lowest_of_the_window(
    by: str, values: Sequence[str], holds: bool
) -> None:
    leaf = Rise(WEIGHT, timedelta(days=3), Decimal(by))

    assert (seen(leaf, series(WEIGHT, *values)) is not None) is holds


@pytest.mark.parametrize(
    ("percent", "values", "holds"),
    [
        ("30", ("80", "60", "78"), True),  # against the lowest, not the oldest
        ("30", ("80", "60", "77.99"), False),
        ("33.3", ("60", "79.98"), True),
        ("33.3", ("60", "79.97"), False),
        ("50", ("60", "70", "70", "70", "90"), False),  # the low one is four days old
        ("-25", ("60", "80", "60"), True),
        ("-25", ("60", "80", "60.01"), False),
        ("50", ("90",), False),
        ("50", (), False),
    ],
)
def test_a_growth_is_a_share_of_the_lowest_of_the_window(
    percent: str, values: Sequence[str], holds: bool
) -> None:
    leaf = Growth(WEIGHT, timedelta(days=3), Decimal(percent))

    assert (seen(leaf, series(WEIGHT, *values)) is not None) is holds


def test_a_growth_is_told_with_its_share() -> None:
    found = seen(Growth(WEIGHT, timedelta(days=3), Decimal(5)), series(WEIGHT, "60", "63.2"))

    assert found is not None
    assert explain(found[0], ZONE) == (
        "体重 60 → 63.2（+5.33%）（2026-03-05 12:00）：3天内体重比最低时上升达到5%"
    )


def test_a_slope_is_that_of_least_squares_a_day() -> None:
    climbing = Slope(WEIGHT, AT_LEAST, Decimal("0.5"), timedelta(days=7), 3)

    found = seen(climbing, series(WEIGHT, "70", "70.5", "71", "71.5"))
    assert found is not None
    assert found[0].shown == "4次，每天 +0.5"
    assert not seen(climbing, series(WEIGHT, "70", "70.5", "71", "71.499"))
    assert not seen(climbing, series(WEIGHT, "70", "71"))
    assert not seen(climbing, series(WEIGHT, "70", "71", "72", every=timedelta()))


def nights(day: str, night: str, days: int = 20, nights: int = 7) -> Facts:
    """Return a day of pressures, every 20 minutes until noon, and a night before it."""
    local = NOW.astimezone(ZONE)
    at_ten = local.replace(hour=10) - timedelta(days=1)
    observed = [
        *(ObservedValue(Decimal(day), at_ten + timedelta(minutes=20) * n) for n in range(days)),
        *(
            ObservedValue(Decimal(night), at_ten.replace(hour=22) + timedelta(hours=1) * n)
            for n in range(nights)
        ),
    ]
    return Facts(NOW, ZONE, {PRESSURE: sorted(observed, key=lambda one: one.effective_at)[::-1]})


def test_a_dip_is_the_share_by_which_nights_are_lower() -> None:
    dip = Dip(PRESSURE, LESS, Decimal(10), timedelta(days=2), time(22), time(6), 20, 7)

    found = seen(dip, nights("130", "117.1"))
    assert found is not None
    assert found[0].shown == "白天平均 130、夜间平均 117.1，夜间下降 9.92%"
    assert explain(found[0], ZONE).startswith("收缩压 白天平均 130、")
    assert not seen(dip, nights("130", "117"))
    assert seen(dip, nights("130", "140"))  # who rises does not dip
    assert not seen(dip, nights("130", "140", nights=6))
    assert not seen(dip, nights("130", "140", days=19))


def test_the_night_may_lie_within_one_date() -> None:
    early = Dip(PRESSURE, LESS, Decimal(10), timedelta(days=2), time(1), time(6), 1, 1)

    assert [early.is_night(time(hour)) for hour in (0, 1, 5, 6, 22)] == [
        False, True, True, False, False,
    ]  # fmt: skip


VALUES = st.lists(
    st.tuples(
        st.decimals(min_value=40, max_value=60, places=1),
        st.integers(min_value=0, max_value=20 * 24 * 60),
    ),
    max_size=25,
    unique_by=lambda one: one[1],
)
OPS = st.sampled_from([AT_LEAST, MORE, LESS, Comparator.AT_MOST])


def facts_of(values: list[tuple[Decimal, int]]) -> Facts:
    newest_first = sorted(values, key=lambda one: one[1])
    return Facts(
        NOW, ZONE,
        {WEIGHT: [ObservedValue(value, NOW - timedelta(minutes=age)) for value, age in
                  newest_first]},
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values=VALUES, days=st.integers(1, 15), op=OPS, wanted=st.integers(45, 55))
def test_leaves_agree_with_plain_python(
    values: list[tuple[Decimal, int]], days: int, op: Comparator, wanted: int
) -> None:
    facts, span = facts_of(values), timedelta(days=days)
    inside = sorted((age, value) for value, age in values if age <= days * 1440)
    numbers = [value for _, value in inside]
    threshold = Decimal(wanted)

    def holds(leaf: Criterion) -> bool:
        denied = seen(Not(leaf), facts) is not None
        assert (seen(leaf, facts) is None) is denied
        return not denied

    met = [COMPARE[op](value, threshold) for value in numbers[:4]]
    assert holds(OfLast(WEIGHT, op, threshold, span, 3, 4)) is (sum(met) >= 3)
    mean = sum(map(Fraction, numbers), Fraction()) / len(numbers) if numbers else None
    assert holds(Mean(WEIGHT, op, threshold, span, 2)) is (
        len(numbers) >= 2 and mean is not None and COMPARE[op](mean, wanted)
    )
    for by in (Decimal(3), Decimal(-3)):
        turn = (min if by > 0 else max)(numbers, default=Decimal())
        rises = bool(numbers) and abs(numbers[0] - turn) >= 3
        assert holds(Rise(WEIGHT, span, by)) is rises


@settings(max_examples=100, deadline=None)
@given(values=VALUES, wanted=st.decimals(min_value=-3, max_value=3, places=1))
def test_a_slope_agrees_with_the_regression_of_the_library(
    values: list[tuple[Decimal, int]], wanted: Decimal
) -> None:
    assume(len(values) >= 2)
    slope, _ = linear_regression(
        [-age / 1440 for _, age in values], [float(value) for value, _ in values]
    )
    assume(abs(slope - float(wanted)) > 1e-9)
    leaf = Slope(WEIGHT, AT_LEAST, wanted, timedelta(days=20), 2)

    assert (seen(leaf, facts_of(values)) is not None) is (slope >= float(wanted))


@settings(max_examples=100, deadline=None)
@given(values=VALUES, percent=st.integers(-10, 20))
def test_a_dip_agrees_with_plain_means(values: list[tuple[Decimal, int]], percent: int) -> None:
    # The hospital is eight hours ahead of UTC, without summer time.
    hours = [((NOW.hour + 8) * 60 - age) // 60 % 24 for _, age in values]
    day = [float(v) for (v, _), hour in zip(values, hours, strict=True) if 6 <= hour < 22]
    night = [float(v) for (v, _), hour in zip(values, hours, strict=True) if not 6 <= hour < 22]
    leaf = Dip(WEIGHT, AT_LEAST, Decimal(percent), timedelta(days=20), time(22), time(6), 2, 1)
    holds = seen(leaf, facts_of(values)) is not None

    if len(day) < 2 or not night:
        assert not holds
        return
    dip = (fmean(day) - fmean(night)) / fmean(day) * 100
    assume(abs(dip - percent) > 1e-9)
    assert holds is (dip >= percent)


LEAVES = [
    OfLast(WEIGHT, MORE, Decimal(70), timedelta(days=4), 2, 3),
    Mean(WEIGHT, MORE, Decimal(70), timedelta(days=4), 2),
    Rise(WEIGHT, timedelta(days=4), Decimal(2)),
    Slope(WEIGHT, MORE, Decimal(1), timedelta(days=4), 2),
    Growth(WEIGHT, timedelta(days=4), Decimal(5)),
    Dip(WEIGHT, MORE, Decimal(1), timedelta(days=4), time(22), time(6), 1, 1),
]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: type(leaf).__name__)
def test_trends_are_woken_by_values_and_looked_at_again_when_these_leave(leaf: Criterion) -> None:
    facts = series(WEIGHT, "69", "70")

    assert wakes(leaf) == {"observation:29463-7"}
    assert wakes(Not(leaf)) == change_triggers(leaf) == {"observation:29463-7", "clock"}
    assert look_back(leaf) == FactNeeds.of(leaf).observations == {WEIGHT: timedelta(days=4)}
    leaves_at = NOW - DAY + timedelta(days=4)
    assert next_change([leaf], facts) == leaves_at + timedelta(microseconds=1)


def test_a_trend_reads_at_most_its_share_of_the_budget() -> None:
    flood = series(WEIGHT, *["70"] * 10_000, every=timedelta(seconds=30))

    assert seen(OfLast(WEIGHT, MORE, Decimal(69), timedelta(days=9), 2, 3), flood)
    for leaf in LEAVES[1:]:
        with pytest.raises(StepBudgetExceeded):
            seen(leaf, flood)


@pytest.mark.parametrize(
    ("kind", "changed", "path"),
    [
        ("of_last", {"at_least": 4}, "of_last.at_least"),
        ("of_last", {"value": 1000}, "of_last.value"),
        ("mean", {"at_least": 0}, "mean.at_least"),
        ("mean", {"unit": "g"}, "mean.unit"),
        ("rise", {"by": 0}, "rise.by"),
        ("rise", {"unit": "g"}, "rise.unit"),
        ("slope", {"at_least": 1}, "slope.at_least"),
        ("slope", {"over": "P367D"}, "slope.over"),
        ("growth", {"percent": 0}, "growth.percent"),
        ("growth", {"percent": -101}, "growth.percent"),
        ("growth", {"unit": "kg"}, "growth.unit"),
        ("dip", {"percent": 101}, "dip.percent"),
        ("dip", {"night_from": "24:00"}, "dip.night_from"),
        ("dip", {"night_from": "06:00"}, "dip.night_until"),
        ("dip", {"least_night": 0}, "dip.least_night"),
    ],
)
def test_a_wrong_trend_is_refused_with_its_path(
    kind: str, changed: dict[str, Any], path: str
) -> None:
    value = {"op": ">", "value": 70, "unit": "kg", "within": "P4D"}
    right: dict[str, dict[str, Any]] = {
        "of_last": {**value, "at_least": 2, "of": 3},
        "mean": {**value, "at_least": 2},
        "rise": {"by": 2, "unit": "kg", "over": "P4D"},
        "slope": {"op": ">", "per_day": 1, "unit": "kg", "over": "P4D", "at_least": 3},
        "growth": {"percent": 5, "over": "P4D"},
        "dip": {"op": "<", "percent": 10, "over": "P2D", "night_from": "22:00",
                "night_until": "06:00", "least_day": 20, "least_night": 7},
    }  # fmt: skip
    parse_criterion({kind: {"code": WEIGHT, **right[kind]}})

    with pytest.raises(InvalidDefinition) as refused:
        parse_criterion({kind: {"code": WEIGHT, **right[kind], **changed}})

    assert refused.value.path == f"condition.{path}"


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: type(leaf).__name__)
def test_the_most_that_may_be_read_is_read_within_50_ms(leaf: Criterion) -> None:
    check = compile_criterion(leaf)
    values = [f"{60 + n % 30}.{n % 997:06d}" for n in range(9_999)]
    facts = series(WEIGHT, *values, every=timedelta(seconds=30))

    def once() -> float:
        begun = perf_counter()
        check(facts)
        return perf_counter() - begun

    assert min(once() for _ in range(3)) < 0.05
