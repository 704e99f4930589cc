"""Rules: parsing, waking, evaluation as of the reading, late readings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.plans.rules import Grade, RaiseAlert, RuleIndex, parse_rule
from app.domain.profile.patient_facts import Facts, ObservedValue

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
GLUCOSE = "15074-8"


def low_glucose(**changed: Any) -> dict[str, Any]:
    rule = {
        "key": "very-low",
        "version": 1,
        "name": "血糖很低",
        "grade": "severe",
        "episode": "glucose-low",
        "source": "cds",
        "condition": {
            "latest": {
                "code": GLUCOSE, "op": "<", "value": 3.0, "unit": "mmol/L", "within": "PT24H",
            }
        },
        "actions": [{"alert": {"staff_text": "联系患者", "patient_text": "请吃糖，必要时打120"}}],
        "cool_down": "PT2H",
        "clears_after": 2,
        "late_policy": "review",
    }  # fmt: skip
    return rule | changed


def facts(*readings: tuple[str, timedelta]) -> Facts:
    """Readings as (value, age), newest first."""
    return Facts(
        NOW, ZONE, {GLUCOSE: [ObservedValue(Decimal(value), NOW - age) for value, age in readings]}
    )


def test_a_rule_is_read_with_everything_it_says() -> None:
    rule = parse_rule(low_glucose())
    assert rule.grade is Grade.SEVERE
    assert rule.alert == RaiseAlert("联系患者", "请吃糖，必要时打120")
    assert rule.wakes == {"observation:15074-8"}
    assert rule.describe() == "重度：1天内最近一次血糖＜3.0 mmol/L"


def test_a_rule_is_its_own_episode_unless_it_names_one() -> None:
    data = low_glucose()
    del data["episode"]
    assert parse_rule(data).episode == "very-low"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"actions": []}, "rule.actions"),
        ({"actions": [{"call": {}}]}, "rule.actions[0]"),
        ({"actions": [{"tag": {"key": "low"}}]}, "rule.actions"),
        ({"actions": low_glucose()["actions"] * 2}, "rule.actions"),
        (
            {"actions": [{"alert": {"staff_text": "联系", "patient_text": "请吃糖"}}]},
            "rule.actions",
        ),
        ({"grade": "critical"}, "rule.grade"),
        ({"version": 0}, "rule.version"),
        ({"cool_down": "2h"}, "rule.cool_down"),
        ({"clears_after": -1}, "rule.clears_after"),
        ({"late_policy": "push"}, "rule.late_policy"),
        ({"script": "x"}, "rule.script"),
        ({"key": "Very Low"}, "rule.key"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_path(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_rule(low_glucose(**changed))
    assert refused.value.path == path


def test_only_rules_a_trigger_can_wake_are_asked() -> None:
    absent = {"absent": {"code": GLUCOSE, "days": 3}}
    index = RuleIndex(
        [
            parse_rule(low_glucose()),
            parse_rule(low_glucose(key="silent", condition=absent)),
        ]
    )
    woken = [compiled.rule.key for compiled in index.woken_by("observation:15074-8")]
    assert woken == ["very-low"]
    assert [compiled.rule.key for compiled in index.woken_by("clock")] == ["silent"]
    assert index.woken_by("observation:8480-6") == ()
    assert index.look_back("observation:15074-8") == {GLUCOSE: timedelta(days=1)}


def test_a_firing_explains_itself_with_value_and_hospital_time() -> None:
    (compiled,) = RuleIndex([parse_rule(low_glucose())]).woken_by("observation:15074-8")
    hit = compiled.evaluate(facts(("2.8", timedelta(0))), measured_at=NOW)
    assert hit is not None
    assert hit.lines == ("血糖 2.8 mmol/L（2026-03-05 12:00）：1天内最近一次血糖＜3.0 mmol/L",)
    assert not hit.must_review


@pytest.mark.parametrize(
    ("age", "must_review"),
    [
        (timedelta(hours=24), False),
        (timedelta(hours=24, seconds=1), True),
        (timedelta(days=9), True),
    ],
)
def test_a_late_reading_is_judged_by_its_own_time_but_goes_to_review(
    age: timedelta, must_review: bool
) -> None:
    (compiled,) = RuleIndex([parse_rule(low_glucose())]).woken_by("observation:15074-8")
    hit = compiled.evaluate(facts(("2.8", age)), measured_at=NOW - age)
    assert hit is not None
    assert hit.must_review is must_review
    assert hit.at == NOW - age


def test_a_low_that_arrives_after_a_newer_normal_value_still_fires() -> None:
    (compiled,) = RuleIndex([parse_rule(low_glucose())]).woken_by("observation:15074-8")
    seen = facts(("6.0", timedelta(0)), ("2.8", timedelta(hours=1)))
    assert compiled.evaluate(seen, measured_at=NOW - timedelta(hours=1)) is not None
    assert compiled.evaluate(seen, measured_at=NOW) is None


def test_a_rule_may_treat_late_readings_like_others() -> None:
    rule = parse_rule(low_glucose(late_policy="same"))
    (compiled,) = RuleIndex([rule]).woken_by("observation:15074-8")
    age = timedelta(days=2)
    hit = compiled.evaluate(facts(("2.8", age)), measured_at=NOW - age)
    assert hit is not None
    assert not hit.must_review


def test_a_rule_cools_down_to_the_minute() -> None:
    rule = parse_rule(low_glucose())
    assert not rule.is_cooling(None, NOW)
    assert rule.is_cooling(NOW - timedelta(minutes=119), NOW)
    assert not rule.is_cooling(NOW - timedelta(minutes=120), NOW)


def test_grades_are_ordered() -> None:
    assert Grade.SEVERE.is_worse_than(Grade.MODERATE)
    assert Grade.MODERATE.is_worse_than(Grade.MILD)
    assert not Grade.MILD.is_worse_than(Grade.MILD)
