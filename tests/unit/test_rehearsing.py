"""A rule rehearsed on the past: moments, what was known by then, numbers counted a second time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.plans.rehearsing import Rehearsal, moments
from app.domain.plans.rules import compile_rule, parse_rule
from app.domain.profile.patient_facts import Answers, Facts, ObservedValue, SettledTask

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
WEIGHT = "29463-7"


def rule(condition: dict[str, Any], cool_down: str = "PT0M") -> Any:
    return compile_rule(
        parse_rule(
            {
                "key": "gain", "version": 1, "name": "体重上升", "grade": "moderate",
                "source": "s", "condition": condition, "cool_down": cool_down, "clears_after": 0,
                "late_policy": "review",
                "actions": [{"alert": {"staff_text": "请电话了解"}}],
            }
        )
    )  # fmt: skip


GAIN = {"rise": {"code": WEIGHT, "unit": "kg", "by": 2, "over": "P3D"}}


def weights(*values: tuple[int, str]) -> Facts:
    """Weights by days before now, the newest first."""
    return Facts(
        NOW, ZONE,
        {WEIGHT: [ObservedValue(Decimal(value), NOW - timedelta(days=age))
                  for age, value in sorted(values)]},
    )  # fmt: skip


def test_what_came_later_is_not_known_before() -> None:
    facts = weights((9, "70"), (8, "72"), (7, "72"), (2, "70"), (1, "71"), (0, "69"))
    found = Rehearsal(ZONE)

    found.ask(rule(GAIN), 7, facts, NOW - timedelta(days=30))

    assert (found.asked, found.patients, found.hits, found.alerts) == (1, 1, 2, 2)
    assert found.hits_by_day == {date(2026, 3, 23): 1, date(2026, 3, 24): 1}
    (sample,) = found.samples
    assert sample.patient_id == 7
    assert "体重 70 → 72 kg" in sample.lines[0]
    by_day = found.each_day(10, NOW)
    assert (len(by_day), sum(by_day.values())) == (11, 2)


def test_a_cool_down_makes_one_alert_of_several_hits() -> None:
    facts = weights((9, "70"), (8, "72"), (7, "72"))
    found = Rehearsal(ZONE)

    found.ask(rule(GAIN, "P3D"), 7, facts, NOW - timedelta(days=30))

    assert (found.hits, found.alerts) == (2, 1)


def test_only_moments_within_the_days_are_asked() -> None:
    facts = weights((9, "70"), (8, "72"), (7, "72"))
    found = Rehearsal(ZONE)

    found.ask(rule(GAIN), 7, facts, NOW - timedelta(days=7))

    assert found.hits == 1


def test_every_trigger_has_its_moments() -> None:
    since = NOW - timedelta(days=2)
    answered, missed = NOW - timedelta(hours=5), NOW - timedelta(hours=6)
    facts = Facts(
        NOW, ZONE,
        answers={"weekly": Answers(answered, {})},
        settled_tasks={"measurement": [SettledTask(missed, True), SettledTask(NOW, False)]},
    )  # fmt: skip

    assert moments({"response:weekly"}, facts, since) == [answered]
    assert moments({"task:measurement"}, facts, since) == [missed]
    assert moments({"tag:frail"}, facts, since) == [NOW]
    assert moments({"observation:0"}, facts, since) == []
    local = [at.astimezone(ZONE).strftime("%d %H:%M") for at in moments({"clock"}, facts, since)]
    assert local == ["30 08:13", "31 08:13"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(60, 66)), max_size=25, unique_by=lambda v: v[0]
    )
)
def test_numbers_are_those_of_a_plain_count(values: list[tuple[int, int]]) -> None:
    facts = weights(*((age, str(value)) for age, value in values))
    found = Rehearsal(ZONE)
    found.ask(rule(GAIN, "P2D"), 1, facts, NOW - timedelta(days=30))

    hits = [
        -age
        for age, value in sorted(values, reverse=True)
        if age <= 30 and value - min(v for a, v in values if age <= a <= age + 3) >= 2
    ]
    assert found.hits == len(hits)
    assert found.alerts == (len(hits) and 1) + sum(b - a >= 2 for a, b in pairwise(hits))
