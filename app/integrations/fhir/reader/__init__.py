"""From the bytes of a FHIR R4 resource or bundle to what it says."""

from app.integrations.fhir.reader.interpret import Reader, interpret
from app.integrations.fhir.reader.reading import Source

__all__ = ["Reader", "Source", "interpret"]
