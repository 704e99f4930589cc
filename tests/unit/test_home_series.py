"""Rules about pressure and weight over published series, counted a second time in plain Python.

Thresholds are those of the hypertension and heart failure sheets; the second count uses floats,
naive local times and the `statistics` of the library, so it shares nothing with what it checks.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.plans.rules import CompiledRule, Hit, RuleIndex, parse_rule
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.integrations.pack_files import read_pack
from tests.conftest import ROOT

pytestmark = pytest.mark.shared

ZONE = ZoneInfo("Asia/Shanghai")
SYSTOLIC, DIASTOLIC, WEIGHT = "8480-6", "8462-4", "29463-7"

# Local times, which the files have without a zone, and the values by code.
Reading = tuple[datetime, Mapping[str, str]]


def rows(shared_data: Path, name: str) -> list[dict[str, str]]:
    with (shared_data / "clinical" / "home" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rule(key: str, condition: Mapping[str, Any]) -> CompiledRule:
    parsed = parse_rule(
        {
            "key": key, "version": 1, "name": key, "grade": "mild", "source": "sheet",
            "condition": condition, "cool_down": "PT0M", "clears_after": 0,
            "late_policy": "review",
            "actions": [{"alert": {"staff_text": "请电话了解", "patient_text": "请留意"}}],
        }
    )  # fmt: skip
    index = RuleIndex([parsed])
    return next(one for wake in parsed.wakes for one in index.woken_by(wake))


def shipped(pack: str, key: str) -> CompiledRule:
    index = RuleIndex(found := read_pack(ROOT / "packs" / pack).rules)
    parsed = next(one for one in found if one.key == key)
    woken = (one for wake in parsed.wakes for one in index.woken_by(wake))
    return next(one for one in woken if one.rule.key == key)


def leaf(kind: str, code: str, **fields: Any) -> dict[str, Any]:
    unit = {} if kind == "dip" else {"unit": OBSERVATION_KINDS[code].unit}
    return {kind: {"code": code, **unit, **fields}}


def fired(asked: CompiledRule, readings: Sequence[Reading]) -> list[tuple[datetime, Hit]]:
    """Return at which readings the rule fired, each asked with what was known by then."""
    found = []
    for number, (at, _) in enumerate(readings):
        known: dict[str, list[ObservedValue]] = {}
        for then, values in reversed(readings[: number + 1]):
            for code, value in values.items():
                observed = ObservedValue(Decimal(value), then.replace(tzinfo=ZONE))
                known.setdefault(code, []).append(observed)
        now = at.replace(tzinfo=ZONE)
        if (hit := asked.evaluate(Facts(now, ZONE, known), now)) is not None:
            found.append((at, hit))
    return found


def days_of(times: Sequence[datetime]) -> list[date]:
    return sorted({at.date() for at in times})


def expect(
    asked: CompiledRule,
    readings: Sequence[Reading],
    plainly: Callable[[datetime, list[Reading]], bool],
) -> int:
    """Compare times and days of firing with a plain count; return how often it fired."""
    times = [at for at, _ in fired(asked, readings)]
    expected = [
        at for number, (at, _) in enumerate(readings) if plainly(at, list(readings[: number + 1]))
    ]
    assert times == expected
    assert days_of(times) == days_of(expected)
    return len(times)


def within(known: list[Reading], at: datetime, days: int, code: str) -> list[float]:
    return [float(v[code]) for then, v in known if then >= at - timedelta(days=days)]


# ------------------------------------------------------------------------------ pressure


@pytest.fixture(scope="module")
def pressure(shared_data: Path) -> list[Reading]:
    parsed = [
        (
            datetime.fromisoformat(row["DateTime"]),
            {SYSTOLIC: row["Sys.mmHg."], DIASTOLIC: row["Dias.mmHg."]},
        )
        for row in rows(shared_data, "hbpm_jhs_first_half.csv")
    ]
    return sorted(parsed, key=lambda one: one[0])


# The limit of home pressure, which this person's weeks never reach, and the target of diabetics.
@pytest.mark.parametrize(
    ("systolic", "diastolic", "is_reached"), [(135, 85, False), (130, 80, True)]
)
def test_means_of_a_week_fire_when_a_plain_mean_is_high(
    pressure: list[Reading], systolic: int, diastolic: int, is_reached: bool
) -> None:
    week = {"op": ">=", "within": "P7D", "at_least": 3}
    high = rule(
        "h1-week-high",
        {
            "any": [
                leaf("mean", SYSTOLIC, value=systolic, **week),
                leaf("mean", DIASTOLIC, value=diastolic, **week),
            ]
        },
    )

    def plainly(at: datetime, known: list[Reading]) -> bool:
        upper, lower = (within(known, at, 7, code) for code in (SYSTOLIC, DIASTOLIC))
        return len(upper) >= 3 and (fmean(upper) >= systolic or fmean(lower) >= diastolic)

    assert (expect(high, pressure, plainly) > 0) is is_reached


@pytest.mark.parametrize(
    ("key", "systolic", "diastolic"),
    [("h1-mean-above-target", 135, 85), ("h2-mean-very-high", 160, 100)],
)
def test_the_shipped_means_fire_when_a_plain_mean_is_high(
    pressure: list[Reading], key: str, systolic: int, diastolic: int
) -> None:
    def plainly(at: datetime, known: list[Reading]) -> bool:
        upper, lower = (within(known, at, 7, code) for code in (SYSTOLIC, DIASTOLIC))
        return len(upper) >= 4 and (fmean(upper) >= systolic or fmean(lower) >= diastolic)

    # Ten more at each reading, so that the weeks of this person reach the limits too.
    for more in (0, 10, 40):
        raised = [
            (at, {code: str(int(value) + more) for code, value in values.items()})
            for at, values in pressure
        ]
        times = expect(shipped("hypertension", key), raised, plainly)
    assert times > 0


def test_the_shipped_crisis_needs_a_second_reading_within_the_hour(
    pressure: list[Reading],
) -> None:
    raised = [
        (at, {code: str(int(value) + 40) for code, value in values.items()})
        for at, values in pressure
    ]

    def plainly(at: datetime, known: list[Reading]) -> bool:
        recent = [v for then, v in known if then >= at - timedelta(hours=1)]
        upper = sum(int(v[SYSTOLIC]) >= 180 for v in recent)
        lower = sum(int(v[DIASTOLIC]) >= 110 for v in recent)
        return upper >= 2 or lower >= 2

    once = fired(shipped("hypertension", "h3-pressure-very-high-once"), raised)
    again = expect(shipped("hypertension", "h3-pressure-very-high"), raised, plainly)
    assert 0 < again < len(once)


def test_two_high_of_the_last_three_fire(pressure: list[Reading]) -> None:
    twice = rule(
        "twice", leaf("of_last", SYSTOLIC, op=">=", value=140, within="P7D", at_least=2, of=3)
    )

    def plainly(at: datetime, known: list[Reading]) -> bool:
        return sum(value >= 140 for value in within(known, at, 7, SYSTOLIC)[-3:]) >= 2

    assert expect(twice, pressure, plainly) > 0


def test_a_pressure_that_climbs_for_two_weeks_fires(pressure: list[Reading]) -> None:
    climbing = rule(
        "climbing",
        leaf("slope", SYSTOLIC, op=">=", per_day="0.5", over="P14D", at_least=10),
    )

    def plainly(at: datetime, known: list[Reading]) -> bool:
        points = [
            ((then - at).total_seconds() / 86400, float(v[SYSTOLIC]))
            for then, v in known
            if then >= at - timedelta(days=14)
        ]
        return len(points) >= 10 and linear_regression(*zip(*points, strict=True)).slope >= 0.5

    assert expect(climbing, pressure, plainly) > 0


def test_nights_that_do_not_dip_are_found(shared_data: Path) -> None:
    """By the clock, 22:00 to 06:00; the diary of the file only says when somebody was awake."""
    visits: dict[tuple[str, str], list[Reading]] = {}
    for row in rows(shared_data, "abpm_hypnos.csv"):
        visits.setdefault((row["ID"], row["VISIT"]), []).append(
            (datetime.fromisoformat(row["DATE.TIME"]), {SYSTOLIC: row["SYST"]})
        )
    night = {"over": "P2D", "night_from": "22:00", "night_until": "06:00",
             "least_day": 12, "least_night": 5}  # fmt: skip
    shallow = rule("non-dipper", leaf("dip", SYSTOLIC, op="<", percent=10, **night))
    rising = rule("riser", leaf("dip", SYSTOLIC, op="<", percent=0, **night))

    def below(percent: float) -> Callable[[datetime, list[Reading]], bool]:
        def plainly(at: datetime, known: list[Reading]) -> bool:
            day = [float(v[SYSTOLIC]) for then, v in known if 6 <= then.hour < 22]
            dark = [float(v[SYSTOLIC]) for then, v in known if not 6 <= then.hour < 22]
            enough = len(day) >= 12 and len(dark) >= 5
            return enough and (fmean(day) - fmean(dark)) / fmean(day) * 100 < percent

        return plainly

    found = [
        (expect(shallow, series, below(10)), expect(rising, series, below(0)))
        for series in visits.values()
    ]
    assert len(visits) == 6
    assert any(times for times, _ in found)
    assert not all(times for times, _ in found)


# ------------------------------------------------------------------------------ weight


def weights(shared_data: Path) -> dict[str, list[Reading]]:
    """Return the series of each person; the file has days without times: mornings at seven."""
    series: dict[str, list[Reading]] = {}
    for row in rows(shared_data, "weight_fitbit.csv"):
        month, day, year = map(int, row["Date"].split("-"))
        series.setdefault(row["Id"], []).append(
            (datetime(year, month, day, 7), {WEIGHT: row["WeightKg"]})
        )
    return series


def gained(by: float) -> Callable[[datetime, list[Reading]], bool]:
    def plainly(at: datetime, known: list[Reading]) -> bool:
        recent = within(known, at, 3, WEIGHT)
        return recent[-1] - min(recent) >= by

    return plainly


def test_two_kilograms_in_three_days_never_happen_in_the_negative_series(
    shared_data: Path,
) -> None:
    heavy = rule("f2-weight-up", leaf("rise", WEIGHT, by=2, over="P3D"))

    for series in weights(shared_data).values():
        assert expect(heavy, series, gained(2)) == 0


@pytest.mark.parametrize("key", ["f2-weight-up-fast", "f3-weight-and-signs", "f7-weight-down"])
def test_the_shipped_rules_of_heart_failure_keep_still_in_the_negative_series(
    shared_data: Path, key: str
) -> None:
    asked = shipped("heart-failure", key)
    assert not any(fired(asked, series) for series in weights(shared_data).values())


def test_one_kilogram_in_three_days_is_found_where_it_happened(shared_data: Path) -> None:
    gain = rule("f1-weight-up", leaf("rise", WEIGHT, by=1, over="P3D"))
    by_person = {who: fired(gain, series) for who, series in weights(shared_data).items()}
    times = {who: expect(gain, series, gained(1)) for who, series in weights(shared_data).items()}

    assert {who: len(found) for who, found in by_person.items()} == times
    assert sum(times.values()) == 1
    [(_, hit), *_] = by_person["6962181067"]
    assert "3天内体重比最低时上升达到1 kg" in hit.lines[0]


def test_the_same_series_made_heavier_fires(shared_data: Path) -> None:
    """The negative series would prove nothing of a rule that never fires."""
    heavy = rule("f2-weight-up", leaf("rise", WEIGHT, by=2, over="P3D"))
    series = weights(shared_data)["6962181067"]
    at, values = series[-4]
    swollen = [*series[:-4], (at, {WEIGHT: str(Decimal(values[WEIGHT]) + 2)}), *series[-3:]]

    assert [then.date() for then, _ in fired(heavy, swollen)] == [date(2016, 5, 9)]
