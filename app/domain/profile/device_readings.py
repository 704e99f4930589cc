"""One reading as the cloud of a device's maker tells it, and as we take it.

    {"serial": "BP-0042", "id": "7f3a", "code": "8480-6", "value": "135", "unit": "mm[Hg]",
     "effective_at": "2026-11-22T07:30:00+08:00",
     "device_at": "2026-11-22T07:31:05+08:00", "arrived_at": "2026-11-22T07:31:00+08:00"}

`id` (or `sequence`, a number) names the reading for its device, for good. `device_at` is what the
device's clock said when it handed the reading over, `arrived_at` what the cloud's said then; both
may be missing. Two halves of a blood pressure are two readings of one moment.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from app.domain.profile.devices import DeviceName, NotASerial
from app.domain.profile.plausibility import HoldReason, ReadingHeld, check_time, clock_offset
from app.domain.profile.vital_signs import (
    InvalidMeasurement,
    Measurement,
    MeasurementContext,
    OffScale,
    VitalSign,
)

_ID: Final = re.compile(r"[!-~]{1,64}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """`key` (32 bytes) is what a repeat has in common with the first."""

    device: DeviceName
    id: str
    measurement: Measurement
    device_at: datetime | None
    arrived_at: datetime | None

    @property
    def key(self) -> bytes:
        return reading_key(self.device, self.id)

    def in_our_time(self, received_at: datetime) -> tuple[datetime, timedelta]:
        """Return when it was measured, and what was added to what the device said.

        :raises ReadingHeld: the device's clock, or the moment, cannot be
        """
        offset = clock_offset(self.device_at, self.arrived_at or received_at)
        effective_at = self.measurement.effective_at + offset
        check_time(effective_at, received_at)
        return effective_at, offset


def reading_key(device: DeviceName, reading_id: str) -> bytes:
    named = "\x00".join((device.vendor, device.serial, reading_id))
    return hashlib.sha256(b"device-reading\x00" + named.encode()).digest()


def name_of(vendor: str, told: object) -> tuple[DeviceName, str] | None:
    """Return which reading of which device this is; None where it does not say."""
    if not isinstance(told, Mapping):
        return None
    try:
        return DeviceName.of(vendor, _text(told, "serial")), _reading_id(told)
    except (NotASerial, ReadingHeld):
        return None


def read(vendor: str, told: object) -> DeviceReading:
    """Return what one reading says.

    :raises ReadingHeld: not readable, or in no unit or of no kind that is measured at home
    """
    named = name_of(vendor, told)
    if named is None or not isinstance(told, Mapping):
        raise ReadingHeld(HoldReason.NOT_READABLE)
    device, reading_id = named
    code = _text(told, "code")
    if code not in set(VitalSign):
        raise ReadingHeld(HoldReason.WRONG_KIND)
    value = _value(told)
    try:
        measurement = Measurement(
            reference=UUID(bytes=reading_key(device, reading_id)[:16]),
            code=VitalSign(code),
            value=value if isinstance(value, Decimal) else None,
            unit=_text(told, "unit"),
            effective_at=_required(_moment(told, "effective_at")),
            context=_context(told),
            off_scale=value if isinstance(value, OffScale) else None,
        )
    except InvalidMeasurement:
        raise ReadingHeld(HoldReason.NOT_READABLE) from None
    return DeviceReading(
        device, reading_id, measurement, _moment(told, "device_at"), _moment(told, "arrived_at")
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= 64:
        raise ReadingHeld(HoldReason.NOT_READABLE)
    return found


def _reading_id(told: Mapping[str, Any]) -> str:
    sequence = told.get("sequence")
    if "id" not in told and isinstance(sequence, int) and not isinstance(sequence, bool):
        return str(sequence)
    found = _text(told, "id")
    if not _ID.fullmatch(found):
        raise ReadingHeld(HoldReason.NOT_READABLE)
    return found


def _value(told: Mapping[str, Any]) -> Decimal | OffScale:
    """Return a number as it is written, or LO or HI; `true` is no number."""
    found = told.get("value")
    if isinstance(found, str) and found in set(OffScale):
        return OffScale(found)
    text = str(found) if isinstance(found, int | Decimal | str) else ""
    if isinstance(found, bool) or not _NUMBER.fullmatch(text):
        raise ReadingHeld(HoldReason.NOT_READABLE)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ReadingHeld(HoldReason.NOT_READABLE) from None


def _moment(told: Mapping[str, Any], name: str) -> datetime | None:
    """Return an instant with its zone: a time without one may be anybody's."""
    if told.get(name) is None:
        return None
    try:
        found = datetime.fromisoformat(_text(told, name))
    except ValueError:
        raise ReadingHeld(HoldReason.NOT_READABLE) from None
    if found.utcoffset() is None or not 1970 <= found.year < 2100:
        raise ReadingHeld(HoldReason.NOT_READABLE)
    return found


def _required(moment: datetime | None) -> datetime:
    if moment is None:
        raise ReadingHeld(HoldReason.NOT_READABLE)
    return moment


def _context(told: Mapping[str, Any]) -> MeasurementContext | None:
    found = told.get("context")
    if found is None:
        return None
    if not isinstance(found, str) or found not in set(MeasurementContext):
        raise ReadingHeld(HoldReason.NOT_READABLE)
    return MeasurementContext(found)
