"""What of a home reading can be true: bounds, neighbours, clocks."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.domain.profile.plausibility import (
    Doubt,
    HoldReason,
    Neighbour,
    ReadingHeld,
    check_time,
    clock_offset,
    doubt_of,
)
from app.domain.profile.vital_signs import Measurement, OffScale, VitalSign
from tests.conftest import NOON

SYSTOLIC, DIASTOLIC = VitalSign.SYSTOLIC_PRESSURE, VitalSign.DIASTOLIC_PRESSURE
WEIGHT, GLUCOSE = VitalSign.BODY_WEIGHT, VitalSign.GLUCOSE
MINUTE = timedelta(minutes=1)


def measured(code: VitalSign, value: str, ago: timedelta = timedelta()) -> Measurement:
    return Measurement(UUID(int=1), code, Decimal(value), code.kind.unit, NOON - ago)


def beside(
    code: VitalSign, value: str, ago: timedelta = timedelta(), device_id: int | None = 7
) -> Neighbour:
    return Neighbour(code, Decimal(value), NOON - ago, device_id)


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        (GLUCOSE, ("0.6", "33.3"), ("0.59", "33.31")),
        (SYSTOLIC, ("50", "280"), ("49", "281")),
        (DIASTOLIC, ("30", "180"), ("29", "181")),
        (VitalSign.HEART_RATE, ("20", "250"), ("19", "251")),
        (VitalSign.OXYGEN_SATURATION, ("50", "100"), ("49", "101")),
        (VitalSign.BODY_TEMPERATURE, ("32", "43"), ("31.9", "43.1")),
    ],
)
def test_a_value_outside_what_a_body_can_show_is_doubted(
    code: VitalSign, inside: tuple[str, str], outside: tuple[str, str]
) -> None:
    assert [doubt_of(measured(code, value), []) for value in inside] == [None, None]
    assert [doubt_of(measured(code, value), []) for value in outside] == [Doubt.RANGE] * 2


def test_what_the_meter_shows_instead_of_a_number_is_never_doubted() -> None:
    low = Measurement(UUID(int=1), GLUCOSE, None, "mmol/L", NOON, off_scale=OffScale.LOW)

    assert doubt_of(low, [beside(GLUCOSE, "6.1")], 7) is None


@pytest.mark.parametrize(
    ("value", "hours", "expected"),
    [
        ("66", 24, None), ("66.1", 24, Doubt.JUMP), ("53.9", 1, Doubt.JUMP), ("80", 25, None),
        ("66.1", -3, Doubt.JUMP),
    ],
)  # fmt: skip
def test_a_tenth_of_the_weight_does_not_come_or_go_in_a_day(
    value: str, hours: int, expected: Doubt | None
) -> None:
    earlier = beside(WEIGHT, "60", timedelta(hours=hours))

    assert doubt_of(measured(WEIGHT, value), [earlier]) is expected


def test_a_weight_is_compared_with_the_nearest_of_the_day() -> None:
    day = [beside(WEIGHT, "60", timedelta(hours=20)), beside(WEIGHT, "65", timedelta(hours=2))]

    assert doubt_of(measured(WEIGHT, "70"), day) is None


@pytest.mark.parametrize(
    ("mine", "other", "ago", "expected"),
    [
        ((SYSTOLIC, "80"), (DIASTOLIC, "120"), MINUTE, Doubt.PRESSURES),
        ((DIASTOLIC, "120"), (SYSTOLIC, "120"), timedelta(), Doubt.PRESSURES),
        ((DIASTOLIC, "80"), (SYSTOLIC, "81"), timedelta(), None),
        ((DIASTOLIC, "120"), (SYSTOLIC, "110"), timedelta(seconds=61), None),
        ((DIASTOLIC, "120"), (VitalSign.HEART_RATE, "60"), timedelta(), None),
    ],
)
def test_the_upper_pressure_is_above_the_lower_one(
    mine: tuple[VitalSign, str],
    other: tuple[VitalSign, str],
    ago: timedelta,
    expected: Doubt | None,
) -> None:
    assert doubt_of(measured(*mine), [beside(*other, ago)]) is expected


@pytest.mark.parametrize(
    ("neighbour", "device_id", "expected"),
    [
        (beside(GLUCOSE, "6.1", timedelta(seconds=59)), 7, Doubt.REPEAT),
        (beside(GLUCOSE, "6.1", MINUTE), 7, None),
        (beside(GLUCOSE, "6.2"), 7, None),
        (beside(GLUCOSE, "6.1"), 8, None),
        (beside(GLUCOSE, "6.1"), None, None),
    ],
)
def test_the_same_value_of_one_device_within_a_minute_is_a_repeat(
    neighbour: Neighbour, device_id: int | None, expected: Doubt | None
) -> None:
    assert doubt_of(measured(GLUCOSE, "6.1"), [neighbour], device_id) is expected


@pytest.mark.parametrize(
    ("ahead", "offset"),
    [
        (timedelta(minutes=2), timedelta()),
        (timedelta(minutes=7), timedelta(minutes=-7)),
        (timedelta(hours=-8), timedelta(hours=8)),
        (timedelta(hours=24), timedelta(hours=-24)),
    ],
)
def test_a_clock_that_is_off_is_set_right(ahead: timedelta, offset: timedelta) -> None:
    assert clock_offset(NOON + ahead, NOON) == offset


def test_a_clock_more_than_a_day_off_was_set_anew_and_says_nothing() -> None:
    with pytest.raises(ReadingHeld) as held:
        clock_offset(NOON - timedelta(hours=24, seconds=1), NOON)

    assert held.value.reason is HoldReason.CLOCK
    assert clock_offset(None, NOON) == timedelta()


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        (timedelta(minutes=-10), None),
        (timedelta(minutes=-10, seconds=-1), HoldReason.IN_FUTURE),
        (timedelta(days=90), None),
        (timedelta(days=90, seconds=1), HoldReason.TOO_OLD),
    ],
)
def test_a_moment_that_cannot_be_or_says_nothing_any_more_is_held(
    ago: timedelta, reason: HoldReason | None
) -> None:
    found = None
    try:
        check_time(NOON - ago, NOON)
    except ReadingHeld as held:
        found = held.reason

    assert found is reason
