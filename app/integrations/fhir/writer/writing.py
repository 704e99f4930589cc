"""What every resource we write has: its id, its version, and references that stand alone."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from app.domain.intake.hospital_records import Coded, Identifier
from app.integrations.fhir import naming
from app.integrations.fhir.reader.interpret import OWN_TAG
from app.integrations.fhir.timestamps import write_instant
from app.models import Encounter, Patient

Resource = dict[str, Any]

# The versions of the last word on a thing end with the time it was said.
_TIME: Final = re.compile(r"(?!0001)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}")
# What stands in a code column for a code that is not printable ASCII.
_STAND_IN: Final = re.compile(r"x-[0-9a-f]{32}")


class Writing:
    """One patient's record on its way out, in the hospital's `zone`."""

    def __init__(self, zone: tzinfo, encounters: Mapping[int, Encounter]) -> None:
        self.zone = zone
        self._encounters = encounters

    def resource(self, kind: str, row: Any, told: str, *, is_ours: bool = False) -> Resource:
        """Return a resource with id and version; `told` is the row's version or stamps.

        What is ours to begin with is tagged: it is no news to us when it comes back.
        """
        times = _TIME.findall(told)
        last = times[-1] if times else None
        meta: Resource = {"versionId": hashlib.sha256(told.encode()).hexdigest()[:16]}
        at = datetime.fromisoformat(last).replace(tzinfo=UTC) if last else _kept_at(row)
        if at is not None:
            meta["lastUpdated"] = self.instant(at)
        if is_ours:
            meta["tag"] = [{"system": OWN_TAG, "code": "own"}]
        return {"resourceType": kind, "id": naming.fhir_id(row.public_id), "meta": meta}

    def instant(self, at: datetime | None) -> str | None:
        return write_instant(at, self.zone) if at is not None else None

    def encounter(self, encounter_id: int | None) -> Resource | None:
        """Return a reference to a visit, with the number it is known by."""
        row = self._encounters.get(encounter_id) if encounter_id is not None else None
        if row is None:
            return None
        number = Identifier(row.issuer, "VN", row.visit_number)
        return {
            "reference": f"Encounter/{naming.fhir_id(row.public_id)}",
            "type": "Encounter",
            "identifier": naming.identifier(number),
        }


def patient_reference(patient: Patient) -> Resource:
    """Return a reference to a patient, with a number: it means the same outside its bundle."""
    found: Resource = {
        "reference": f"Patient/{naming.fhir_id(patient.public_id)}",
        "type": "Patient",
    }
    numbers = numbers_of(patient)
    if numbers:
        found["identifier"] = naming.identifier(numbers[0])
    return found


def numbers_of(patient: Patient) -> list[Identifier]:
    """Return a patient's numbers, those of hospital records first."""
    rows = sorted(patient.identifiers, key=lambda row: (row.type_code not in ("MR", "PI"), row.id))
    return [Identifier(row.issuer, row.type_code, row.value or "") for row in rows]


def put(resource: Resource, **elements: Any) -> Resource:
    """Add elements that say something: what is None, empty or only blanks is left out."""
    for name, value in elements.items():
        said = not value.strip() if isinstance(value, str) else value in (None, [], {})
        if not said:
            resource[name.rstrip("_")] = value
    return resource


def concept(
    code: str | None, system: str | None, local: str | None, display: str | None
) -> Resource:
    """Return a coded column: the sender's own code first, what it was mapped to beside it."""
    own = local or code or ""
    if not _is_mapped(code or "", system or "", local):
        return coded(Coded(own, display or "", system or ""))
    chosen = naming.coding(Coded(own, display or ""))
    meant = Coded(code or "", "", system or "")
    return {"coding": [{**chosen, "userSelected": True}, naming.coding(meant, is_meant=True)]}


def _is_mapped(code: str, system: str, local: str | None) -> bool:
    """Tell whether a code column holds what our tables made of the sender's own code.

    Senders' codes of ICD-10 stand under its short name; its address is what they were mapped to.
    """
    if not local or _STAND_IN.fullmatch(code):
        return False
    return code != local or (naming.has_short_name(system) and system != naming.LOINC)


def coded(concept: Coded) -> Resource:
    """Return a concept of one coding."""
    return {"coding": [naming.coding(concept)]}


def quantity(
    value: Decimal | None, unit: str | None, comparator: str | None = None, *, is_ucum: bool = False
) -> Resource:
    """Return a quantity with the digits that its value has: 4.1, not 4.100000."""
    number = plain(value) if value is not None else None
    found: Resource = put({}, value=number, comparator=comparator, unit=unit)
    if unit and is_ucum:
        found |= {"system": naming.UCUM, "code": unit}
    return found


def plain(value: Decimal) -> Decimal:
    """Return a number without the zeros that its column added."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def day(on: date | None) -> str | None:
    return on.isoformat() if on is not None else None


def _kept_at(row: Any) -> datetime | None:
    for name in ("updated_at", "recorded_at", "issued_at", "created_at"):
        at = getattr(row, name, None)
        if isinstance(at, datetime):
            return at
    return None


def stamps_text(stamps: Mapping[str, Any]) -> str:
    """Return the versions of a row's fields as one text that ends with the newest."""
    return newest_last(map(str, stamps.values()))


def newest_last(versions: Iterable[str]) -> str:
    return "\n".join(sorted(versions, key=_said_at))


def _said_at(stamp: str) -> str:
    times = _TIME.findall(stamp)
    return times[-1] if times else ""
