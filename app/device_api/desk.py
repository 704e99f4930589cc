"""What the wiring gives the door of the devices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flask import Flask, current_app

_KEY: Final = "device_desk"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A maker's cloud and the secrets it may sign with."""

    name: str
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def source(self) -> str:
        """What its feed is called."""
        return f"device:{self.name}"


@dataclass(frozen=True, slots=True)
class DeviceDesk:
    vendors: Mapping[str, Vendor]
    batch_bytes: int = 256 * 1024
    batch_readings: int = 200

    def keep(self, app: Flask) -> None:
        app.extensions[_KEY] = self


def desk() -> DeviceDesk:
    """Return what this application was given."""
    found: DeviceDesk = current_app.extensions[_KEY]
    return found
