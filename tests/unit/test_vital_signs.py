"""How a home measurement is read: edges, gates, lateness."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.domain.profile.vital_signs import (
    Interpretation,
    InvalidMeasurement,
    Limits,
    Measurement,
    MeasurementContext,
    OffScale,
    Timeliness,
    VitalSign,
    interpret,
)

NOON = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
GLUCOSE_LIMITS = Limits(
    critically_low=Decimal("3.0"),
    low=Decimal("3.9"),
    high=Decimal("10.0"),
    critically_high=Decimal("16.7"),
)


def measured(
    value: str | None,
    code: VitalSign = VitalSign.GLUCOSE,
    at: datetime = NOON,
    off_scale: OffScale | None = None,
    unit: str | None = None,
) -> Measurement:
    return Measurement(
        reference=UUID(int=1),
        code=code,
        value=None if value is None else Decimal(value),
        unit=unit or code.kind.unit,
        effective_at=at,
        off_scale=off_scale,
    )


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        ("0.6", "LL"),
        ("2.9", "LL"),
        ("2.99", "LL"),
        ("3.0", "L"),
        ("3.8", "L"),
        ("3.89", "L"),
        ("3.9", "N"),
        ("10.0", "N"),
        ("10.1", "H"),
        ("16.6", "H"),
        ("16.69", "H"),
        ("16.7", "HH"),
        ("33.3", "HH"),
    ],
)
def test_glucose_is_read_on_the_right_side_of_every_edge(value: str, reading: str) -> None:
    assert interpret(measured(value), GLUCOSE_LIMITS) == Interpretation(reading)


def test_a_limit_left_open_reads_nothing_into_a_value() -> None:
    assert Limits(low=Decimal("3.9")).interpret(Decimal(30)) is Interpretation.NORMAL
    assert Limits().interpret(Decimal(1)) is Interpretation.NORMAL


def test_limits_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        Limits(low=Decimal("3.0"), critically_low=Decimal("3.9"))


def test_what_the_meter_cannot_show_is_critical_and_not_a_number() -> None:
    low = measured(None, off_scale=OffScale.LOW)
    assert interpret(low, GLUCOSE_LIMITS) is Interpretation.CRITICALLY_LOW
    high = measured(None, off_scale=OffScale.HIGH)
    assert interpret(high, GLUCOSE_LIMITS) is Interpretation.CRITICALLY_HIGH


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        (VitalSign.GLUCOSE, ("0.6", "33.3"), ("0.5", "33.4")),
        (VitalSign.SYSTOLIC_PRESSURE, ("50", "280"), ("49", "281")),
        (VitalSign.DIASTOLIC_PRESSURE, ("30", "180"), ("29", "181")),
        (VitalSign.HEART_RATE, ("20", "250"), ("19", "251")),
        (VitalSign.OXYGEN_SATURATION, ("50", "100"), ("49", "101")),
        (VitalSign.BODY_TEMPERATURE, ("32", "43"), ("31.9", "43.1")),
        (VitalSign.PAIN_SCORE, ("0", "10"), ("-1", "11")),
    ],
)
def test_the_plausibility_gate_keeps_its_edges_and_nothing_beyond(
    code: VitalSign, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    assert all(measured(value, code).is_plausible for value in inside)
    assert not any(measured(value, code).is_plausible for value in outside)
    assert interpret(measured(outside[0], code), Limits()) is None


def test_a_reading_in_mg_per_dl_is_judged_in_mmol_per_l() -> None:
    judged = measured("53", unit="mg/dL").in_judged_unit()
    assert (judged.value, judged.unit) == (Decimal("2.9"), "mmol/L")
    assert interpret(judged, GLUCOSE_LIMITS) is Interpretation.CRITICALLY_LOW


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(0), Timeliness.ON_TIME),
        (timedelta(hours=24), Timeliness.ON_TIME),
        (timedelta(hours=24, seconds=1), Timeliness.LATE),
        (timedelta(minutes=-10), Timeliness.ON_TIME),
        (timedelta(minutes=-10, seconds=-1), Timeliness.IN_FUTURE),
    ],
)
def test_a_reading_is_late_after_24_hours_and_early_beyond_clock_skew(
    age: timedelta, expected: Timeliness
) -> None:
    assert measured("5.0", at=NOON - age).timeliness(received_at=NOON) is expected


def test_a_measurement_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidMeasurement, match="either"):
        measured(None)
    with pytest.raises(InvalidMeasurement, match="either"):
        measured("5.0", off_scale=OffScale.LOW)
    with pytest.raises(InvalidMeasurement, match="zone"):
        measured("5.0", at=datetime(2026, 3, 5, 12, 0))
    with pytest.raises(InvalidMeasurement, match="number"):
        measured("NaN")
    with pytest.raises(InvalidMeasurement, match="glucose"):
        measured(None, VitalSign.HEART_RATE, off_scale=OffScale.HIGH)
    with pytest.raises(InvalidMeasurement, match="glucose"):
        Measurement(
            UUID(int=1), VitalSign.HEART_RATE, Decimal(70), "/min", NOON, MeasurementContext.FASTING
        )
