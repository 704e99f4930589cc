"""What the wiring gives the FHIR face."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app

from app.domain.trust.access import SystemClient
from app.services.intake import Reader

_KEY: Final = "fhir_desk"


@dataclass(frozen=True, slots=True)
class FhirDesk:
    """`base` is our address as others see it; the rest bounds what they may send at once."""

    base: str
    read: Reader
    clients: Sequence[SystemClient]
    resource_bytes: int = 1_000_000
    bundle_bytes: int = 5_000_000
    bundle_entries: int = 200

    def keep(self, app: Flask) -> None:
        app.extensions[_KEY] = self


def desk() -> FhirDesk:
    """Return what this application was given."""
    found: FhirDesk = current_app.extensions[_KEY]
    return found
