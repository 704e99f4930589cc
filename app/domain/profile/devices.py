"""Devices that measure at home: of what kind, what each kind measures, how one is named."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.profile.vital_signs import VitalSign


class DeviceKind(StrEnum):
    GLUCOSE_METER = "glucose-meter"
    PRESSURE_MONITOR = "pressure-monitor"
    SCALE = "scale"
    THERMOMETER = "thermometer"
    OXIMETER = "oximeter"
    BAND = "band"  # worn on the wrist

    @property
    def measures(self) -> frozenset[VitalSign]:
        """What a device of this kind can measure; anything else it tells is a mix-up."""
        return _MEASURES[self]

    @property
    def label(self) -> str:
        return _LABELS[self]


_MEASURES: Final[Mapping[DeviceKind, frozenset[VitalSign]]] = {
    DeviceKind.GLUCOSE_METER: frozenset({VitalSign.GLUCOSE}),
    DeviceKind.PRESSURE_MONITOR: frozenset(
        {VitalSign.SYSTOLIC_PRESSURE, VitalSign.DIASTOLIC_PRESSURE, VitalSign.HEART_RATE}
    ),
    DeviceKind.SCALE: frozenset({VitalSign.BODY_WEIGHT}),
    DeviceKind.THERMOMETER: frozenset({VitalSign.BODY_TEMPERATURE}),
    DeviceKind.OXIMETER: frozenset({VitalSign.OXYGEN_SATURATION, VitalSign.HEART_RATE}),
    DeviceKind.BAND: frozenset(
        {VitalSign.HEART_RATE, VitalSign.OXYGEN_SATURATION, VitalSign.BODY_TEMPERATURE}
    ),
}
_LABELS: Final[Mapping[DeviceKind, str]] = {
    DeviceKind.GLUCOSE_METER: "血糖仪",
    DeviceKind.PRESSURE_MONITOR: "血压计",
    DeviceKind.SCALE: "体重秤",
    DeviceKind.THERMOMETER: "体温计",
    DeviceKind.OXIMETER: "血氧仪",
    DeviceKind.BAND: "手环",
}

_VENDOR: Final = re.compile(r"[a-z0-9-]{1,32}")
_SERIAL: Final = re.compile(r"[A-Z0-9][A-Z0-9./-]{2,62}[A-Z0-9]")


class NotASerial(ValueError):
    """What was scanned or typed names no device."""


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device as the world calls it: whose cloud it speaks to, and its serial number there.

    A serial number is unique for its maker only.
    """

    vendor: str
    serial: str

    @classmethod
    def of(cls, vendor: str, serial: str) -> "DeviceName":
        """:raises NotASerial: white space apart, it is not what is printed on a device"""
        plain = normal_serial(serial)
        if not _VENDOR.fullmatch(vendor) or not _SERIAL.fullmatch(plain):
            raise NotASerial
        return cls(vendor, plain)


def normal_serial(text: str) -> str:
    """Return a serial number as it is compared: people type it small and with blanks."""
    return "".join(text.split()).upper()
