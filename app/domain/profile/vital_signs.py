"""Vital signs measured at home, and how to read them against a patient's limits."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from app.domain.profile.observation_kinds import OBSERVATION_KINDS, ObservationKind
from app.domain.profile.units import in_judged_unit

# Older than this a reading goes to review, not to an emergency push.
LATE_AFTER = timedelta(hours=24)
# How far a phone's clock may run ahead of ours.
CLOCK_SKEW = timedelta(minutes=10)


class VitalSign(StrEnum):
    """LOINC codes of what a patient may measure at home."""

    GLUCOSE = "15074-8"
    SYSTOLIC_PRESSURE = "8480-6"
    DIASTOLIC_PRESSURE = "8462-4"
    HEART_RATE = "8867-4"
    BODY_WEIGHT = "29463-7"
    BODY_TEMPERATURE = "8310-5"
    OXYGEN_SATURATION = "59408-5"
    PAIN_SCORE = "72514-3"

    @property
    def kind(self) -> ObservationKind:
        """Name, unit and plausible range."""
        return OBSERVATION_KINDS[self.value]


class MeasurementContext(StrEnum):
    """When, in the day's meals, a glucose was taken."""

    FASTING = "fasting"
    BEFORE_MEAL = "before-meal"
    AFTER_MEAL = "after-meal"
    BEDTIME = "bedtime"


class OffScale(StrEnum):
    """What a meter shows instead of a number it cannot measure."""

    LOW = "LO"
    HIGH = "HI"


class Interpretation(StrEnum):
    """HL7 v3 ObservationInterpretation."""

    NORMAL = "N"
    LOW = "L"
    CRITICALLY_LOW = "LL"
    HIGH = "H"
    CRITICALLY_HIGH = "HH"


class Timeliness(StrEnum):
    """How the moment of measuring stands to the moment of arrival."""

    ON_TIME = "on-time"
    LATE = "late"
    IN_FUTURE = "in-future"


class InvalidMeasurement(ValueError):
    """A measurement that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value a patient measured; `reference` is the phone's own name for it.

    Exactly one of `value` and `off_scale` is given; only glucose meters go off the scale.
    """

    reference: UUID
    code: VitalSign
    value: Decimal | None
    unit: str
    effective_at: datetime
    context: MeasurementContext | None = None
    off_scale: OffScale | None = None

    def __post_init__(self) -> None:
        if self.effective_at.utcoffset() is None:
            raise InvalidMeasurement("effective_at has no zone")
        if (self.value is None) == (self.off_scale is None):
            raise InvalidMeasurement("either a value or LO/HI")
        if self.value is not None and not self.value.is_finite():
            raise InvalidMeasurement("the value is not a number")
        if self.code is not VitalSign.GLUCOSE and (self.off_scale or self.context):
            raise InvalidMeasurement("LO/HI and meal context belong to glucose")

    def in_judged_unit(self) -> "Measurement":
        """Return the same measurement in the unit of its vital sign.

        :raises UnitNotConvertible: keep it as it came and judge nothing by it
        """
        if self.value is None:
            return self
        value = in_judged_unit(self.code, self.value, self.unit)
        return replace(self, value=value, unit=self.code.kind.unit)

    @property
    def is_plausible(self) -> bool:
        """Whether the number, in the judged unit, can be true; LO and HI are no numbers."""
        return self.value is None or self.code.kind.is_plausible(self.value)

    def timeliness(self, received_at: datetime) -> Timeliness:
        """Compare with arrival; exactly 24 h old is still on time."""
        if received_at - self.effective_at > LATE_AFTER:
            return Timeliness.LATE
        if self.effective_at - received_at > CLOCK_SKEW:
            return Timeliness.IN_FUTURE
        return Timeliness.ON_TIME


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits a clinician set, in the judged unit of the vital sign; None leaves one open.

    `low` and `critically_low` are the lowest values still inside: below is past them
    (glucose 3.9 is normal, 3.0 is low but not critical). `high` is the highest value still
    inside: above is past it (glucose 10.0 is normal). `critically_high` is itself past
    (glucose 16.7 is critical), because guidelines write "<3.9", ">10.0" and "≥16.7".
    """

    low: Decimal | None = None
    critically_low: Decimal | None = None
    high: Decimal | None = None
    critically_high: Decimal | None = None

    def __post_init__(self) -> None:
        bounds = (self.critically_low, self.low, self.high, self.critically_high)
        given = [bound for bound in bounds if bound is not None]
        if given != sorted(given):
            raise ValueError("limits are not in ascending order")

    def interpret(self, value: Decimal) -> Interpretation:
        """Return how to read `value`, given in the judged unit."""
        if self.critically_low is not None and value < self.critically_low:
            return Interpretation.CRITICALLY_LOW
        if self.critically_high is not None and value >= self.critically_high:
            return Interpretation.CRITICALLY_HIGH
        if self.low is not None and value < self.low:
            return Interpretation.LOW
        if self.high is not None and value > self.high:
            return Interpretation.HIGH
        return Interpretation.NORMAL


def interpret(measurement: Measurement, limits: Limits) -> Interpretation | None:
    """Return how to read a measurement in the judged unit; None where it cannot be true.

    LO and HI are always critical: the value is beyond what the meter can show.
    """
    if measurement.off_scale is OffScale.LOW:
        return Interpretation.CRITICALLY_LOW
    if measurement.off_scale is OffScale.HIGH:
        return Interpretation.CRITICALLY_HIGH
    if measurement.value is None or not measurement.is_plausible:
        return None
    return limits.interpret(measurement.value)
