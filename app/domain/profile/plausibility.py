"""Whether a reading at home can be true: kept and believed, kept and doubted, or held.

A *held* reading is not in the record: nobody can say whose it is, when it was, or what it says. A
*doubted* one is in the record, as FHIR status preliminary, for staff to see; no rule, tag, segment
or trend judges by it, because an alarm raised on a slip of a device teaches people to ignore
alarms, and a number that is hidden cannot be looked into (clinical fact sheet, G2 and G10).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.domain.profile.vital_signs import CLOCK_SKEW, Measurement, VitalSign

# Both halves of one cuff's inflation carry one time; phones round it to the minute.
TOGETHER: Final = timedelta(minutes=1)
# More weight change than this share within a day is a slip of the scale, or somebody else.
LARGEST_WEIGHT_CHANGE: Final = Decimal("0.10")
WEIGHT_MEMORY: Final = timedelta(hours=24)
# A meter with a memory is read out at a visit; what is older says nothing of today, and a clock
# that starts again at its factory date is far older still.
OLDEST: Final = timedelta(days=90)
# Less is the time a reading takes on its way.
SMALLEST_OFFSET: Final = timedelta(minutes=2)
# More is no drift and no time zone: the clock was set anew, maybe after the measurement.
LARGEST_OFFSET: Final = timedelta(hours=24)


class Doubt(StrEnum):
    """Why a reading that is kept is not believed."""

    RANGE = "range"  # outside what a body or the device can show
    JUMP = "jump"  # too far from the reading before
    PRESSURES = "pressures"  # systolic not above diastolic
    REPEAT = "repeat"  # the same value of the same device within a minute


class HoldReason(StrEnum):
    """Why a reading does not enter the record until a person has looked."""

    NOT_READABLE = "reading-not-readable"
    ANOTHER_CONTENT = "reading-changed"
    UNKNOWN_DEVICE = "device-unknown"
    NOT_HELD = "device-not-held"
    WRONG_KIND = "device-wrong-kind"
    UNKNOWN_UNIT = "unit-unknown"
    CLOCK = "device-clock"
    IN_FUTURE = "reading-in-future"
    TOO_OLD = "reading-too-old"
    AFTER_DEATH = "reading-after-death"


class ReadingHeld(Exception):
    def __init__(self, reason: HoldReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A believed reading of the same patient, in the judged unit, near in time to a new one."""

    code: VitalSign
    value: Decimal
    effective_at: datetime
    device_id: int | None = None


def clock_offset(device_at: datetime | None, arrived_at: datetime) -> timedelta:
    """Return what to add to the times of a device whose clock said `device_at` on arrival.

    Zero where it did not say, or where the difference may be the way. Two minutes and a day are
    the product's own choice: no standard bounds the clock of a home device.

    :raises ReadingHeld: so far off that the clock may have been set after the measurement
    """
    if device_at is None:
        return timedelta()
    offset = arrived_at - device_at
    if abs(offset) > LARGEST_OFFSET:
        raise ReadingHeld(HoldReason.CLOCK)
    return offset if abs(offset) > SMALLEST_OFFSET else timedelta()


def check_time(effective_at: datetime, now: datetime) -> None:
    """Refuse a moment that cannot be, or that says nothing any more.

    :raises ReadingHeld: more than `CLOCK_SKEW` ahead of us, or more than `OLDEST` ago
    """
    if effective_at - now > CLOCK_SKEW:
        raise ReadingHeld(HoldReason.IN_FUTURE)
    if now - effective_at > OLDEST:
        raise ReadingHeld(HoldReason.TOO_OLD)


def doubt_of(
    measurement: Measurement, neighbours: Iterable[Neighbour], device_id: int | None = None
) -> Doubt | None:
    """Return why a measurement in the judged unit is not to be believed, if there is a reason.

    Ranges are those of `OBSERVATION_KINDS`: glucose 0.6–33.3 mmol/L, pressures 50–280 over 30–180
    mmHg, rate 20–250, saturation 50–100 %, temperature 32–43 ℃; a weight may change by a tenth
    within 24 h (clinical fact sheet, G2; each department signs them off). A repeat is
    looked for with devices alone: people who measure twice, as the guideline asks them to
    (中国高血压防治指南 2024: 30–60 s apart), may well read the same value twice.
    """
    if measurement.value is None:
        return None  # LO and HI are what the device shows, not numbers
    if not measurement.is_plausible:
        return Doubt.RANGE
    near = list(neighbours)
    if _contradicts(measurement, measurement.value, near):
        return Doubt.PRESSURES
    if _jumps(measurement, measurement.value, near):
        return Doubt.JUMP
    if device_id is not None and _repeats(measurement, near, device_id):
        return Doubt.REPEAT
    return None


def companion_of(measurement: Measurement, neighbours: Iterable[Neighbour]) -> Neighbour | None:
    """Return the other half of a blood pressure, the nearest in time."""
    other = _OTHER_HALF.get(measurement.code)
    halves = [
        one for one in neighbours if one.code is other and _apart(measurement, one) <= TOGETHER
    ]
    return min(halves, key=lambda one: _apart(measurement, one), default=None)


_OTHER_HALF: Final = {
    VitalSign.SYSTOLIC_PRESSURE: VitalSign.DIASTOLIC_PRESSURE,
    VitalSign.DIASTOLIC_PRESSURE: VitalSign.SYSTOLIC_PRESSURE,
}


def _contradicts(measurement: Measurement, value: Decimal, near: list[Neighbour]) -> bool:
    other = companion_of(measurement, near)
    if other is None:
        return False
    is_systolic = measurement.code is VitalSign.SYSTOLIC_PRESSURE
    systolic, diastolic = (value, other.value) if is_systolic else (other.value, value)
    return systolic <= diastolic


def _jumps(measurement: Measurement, value: Decimal, near: list[Neighbour]) -> bool:
    if measurement.code is not VitalSign.BODY_WEIGHT:
        return False
    weights = [
        one
        for one in near
        if one.code is VitalSign.BODY_WEIGHT and _apart(measurement, one) <= WEIGHT_MEMORY
    ]
    last = min(weights, key=lambda one: _apart(measurement, one), default=None)
    return last is not None and abs(value - last.value) > last.value * LARGEST_WEIGHT_CHANGE


def _repeats(measurement: Measurement, near: list[Neighbour], device_id: int) -> bool:
    return any(
        (one.code, one.value, one.device_id) == (measurement.code, measurement.value, device_id)
        and _apart(measurement, one) < TOGETHER
        for one in near
    )


def _apart(measurement: Measurement, one: Neighbour) -> timedelta:
    return abs(measurement.effective_at - one.effective_at)
