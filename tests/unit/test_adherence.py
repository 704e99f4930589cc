"""Proportion of days covered: supply, carry-over, and when nobody can say."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.profile.adherence import (
    Coverage,
    Dispensing,
    Supply,
    Unknown,
    coverage,
    runs_out_on,
    supply,
    times_a_day,
)

TODAY = date(2026, 5, 4)


def dispensed(days_ago: int, quantity: str = "60", **more: Any) -> Dispensing:
    given = {
        "quantity_unit": "片", "dose": Decimal(1), "dose_unit": "片", "frequency": "BID", **more,
    }  # fmt: skip
    return Dispensing(TODAY - timedelta(days=days_ago), Decimal(quantity), **given)


@pytest.mark.parametrize(
    ("said", "daily"),
    [
        ("QD", 1), ("qn", 1), ("b.i.d.", 2), ("TID", 3), ("Q8H", 3), ("q12h", 2), ("QOD", 0.5),
        ("2/1d", 2), ("1/12h", 2), ("3/7d", 3 / 7), ("1/1wk", 1 / 7), ("每日三次", 3),
        ("一天2次", 2), ("每8小时一次", 3), ("隔日一次", 0.5),
    ],
)  # fmt: skip
def test_a_frequency_is_read_as_times_a_day(said: str, daily: float) -> None:
    found = times_a_day(said)

    assert not isinstance(found, Unknown)
    assert float(found) == pytest.approx(daily)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, Unknown.NO_FREQUENCY), ("", Unknown.NO_FREQUENCY), ("遵医嘱", Unknown.NO_FREQUENCY),
        ("Q0H", Unknown.NO_FREQUENCY), ("1/0d", Unknown.NO_FREQUENCY),
        ("0/1d", Unknown.NO_FREQUENCY),
        ("ST", Unknown.NO_FREQUENCY), ("PRN", Unknown.AS_NEEDED), ("BID PRN", Unknown.AS_NEEDED),
        ("必要时一天三次", Unknown.AS_NEEDED),
    ],
)  # fmt: skip
def test_a_frequency_that_is_not_understood_is_not_guessed(said: str | None, why: Unknown) -> None:
    assert times_a_day(said) is why


def test_supply_is_quantity_through_dose_and_times() -> None:
    assert supply(dispensed(0, "28")) == Supply(TODAY, 14)
    assert supply(dispensed(0, "29")) == Supply(TODAY, 14)
    assert supply(dispensed(0, quantity_unit="{tbl}", dose_unit="TAB")) == Supply(TODAY, 30)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"dose": None}, Unknown.NO_DOSE),
        ({"dose": Decimal(0)}, Unknown.NO_DOSE),
        ({"quantity_unit": "盒"}, Unknown.OTHER_UNIT),
        ({"dose": Decimal(500), "dose_unit": "mg"}, Unknown.OTHER_UNIT),
        ({"quantity_unit": None, "dose_unit": None}, Unknown.OTHER_UNIT),
        ({"frequency": "PRN"}, Unknown.AS_NEEDED),
    ],
)
def test_what_is_missing_is_named(changed: dict[str, Any], why: Unknown) -> None:
    assert supply(dispensed(0, **changed)) is why
    assert coverage([dispensed(90), dispensed(60, **changed)], TODAY).why_not is why
    assert why.sentence


def test_supply_that_overlaps_is_carried_over() -> None:
    # 30 days of supply each, the second fetched ten days early: 60 of 60 days, none twice.
    found = coverage([dispensed(60), dispensed(40)], TODAY)

    assert (found.covered_days, found.period_days, found.share) == (60, 60, Decimal("1.00"))
    assert found.is_adherent


def test_a_gap_counts_against_it_whatever_was_fetched_later() -> None:
    found = coverage([dispensed(10), dispensed(100)], TODAY)

    assert (found.covered_days, found.period_days) == (40, 100)
    assert found.share == Decimal("0.40")
    assert found.is_adherent is False


def test_more_than_everything_is_one() -> None:
    found = coverage([dispensed(50, "600"), dispensed(40, "600")], TODAY)

    assert found.share == 1


def test_what_was_left_when_the_window_began_still_covers() -> None:
    # Fetched 200 days ago for 60 days: 20 of them used before the window of 180 days.
    found = coverage([dispensed(200, "120")], TODAY)

    assert (found.covered_days, found.period_days) == (40, 180)


def test_eighty_of_a_hundred_is_adherent_and_less_is_not() -> None:
    assert coverage([dispensed(100, "160")], TODAY).is_adherent
    assert coverage([dispensed(100, "158")], TODAY).is_adherent is False
    # 0.7955 reads as 0.80 in two places and still is not.
    near = Coverage(covered_days=140, period_days=176)
    assert (near.share, near.is_adherent) == (Decimal("0.80"), False)


def test_a_short_time_says_nothing() -> None:
    assert coverage([dispensed(29)], TODAY).why_not is Unknown.TOO_SHORT
    assert coverage([dispensed(30)], TODAY).share == 1
    assert coverage([], TODAY).why_not is Unknown.NOT_DISPENSED


def test_medicine_runs_out_the_day_after_the_last_one_covered() -> None:
    assert runs_out_on([dispensed(10)], TODAY) == TODAY + timedelta(days=20)


def test_what_was_fetched_early_is_used_up_later() -> None:
    found = runs_out_on([dispensed(2), dispensed(27)], TODAY)

    assert found == TODAY + timedelta(days=33)  # 27 days ago, 30 days twice


def test_a_gap_is_not_made_up_for() -> None:
    assert runs_out_on([dispensed(90), dispensed(5)], TODAY) == TODAY + timedelta(days=25)


def test_one_dispensing_that_cannot_be_counted_leaves_the_end_unknown() -> None:
    found = runs_out_on([dispensed(5), dispensed(1, quantity_unit="盒")], TODAY)

    assert found is Unknown.OTHER_UNIT
    assert runs_out_on([], TODAY) is Unknown.NOT_DISPENSED
    # What lies half a year back says nothing of today.
    assert runs_out_on([dispensed(200, quantity_unit="盒"), dispensed(5)], TODAY) == (
        TODAY + timedelta(days=25)
    )
