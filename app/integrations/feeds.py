"""Reading a kept message again, whichever way it came."""

from collections.abc import Mapping
from typing import Protocol

from app import clock
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.fhir.reader import Reader as FhirReader
from app.integrations.hl7.charset import configured_codec
from app.integrations.hl7.interpret import Reader as HL7Reader
from app.integrations.hl7.source import Source as HL7Source
from app.integrations.tables.reader import TableReader
from app.integrations.tables.sources import configured_mappings
from app.settings import Settings


class Reader(Protocol):
    """Understands the messages of one way in; `source` is the configured short name."""

    def __call__(self, source: str, body: bytes, /) -> tuple[HospitalMessage, ...] | Rejected: ...


class Feeds:
    """Picks the reader of a message by its source: `hl7:his` is of the way `hl7`."""

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        self._readers = readers

    def __call__(self, source: str, body: bytes) -> tuple[HospitalMessage, ...] | Rejected:
        """Return what the message of a source such as `hl7:his` says, or why it says nothing."""
        way, _, name = source.partition(":")
        reader = self._readers.get(way)
        if reader is None:
            return Unsupported(RejectionReason.UNSUPPORTED_TYPE)
        return reader(name, body)


def configured_feeds(settings: Settings) -> Feeds:
    """Return the readers of every way in, each as its sources are configured.

    :raises InvalidMapping: the mapping file of a table source is wrong
    """
    return Feeds(
        {
            "hl7": HL7Reader(
                HL7Source(one.name, configured_codec(one.charset), clock.HOSPITAL)
                for one in settings.hl7.sources
            ),
            "table": TableReader(configured_mappings(settings.tables)),
            "fhir": FhirReader(),
        }
    )
