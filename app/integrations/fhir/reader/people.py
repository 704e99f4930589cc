"""Patient and RelatedPerson: who somebody is, and who is close to them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from app.domain.intake.clinical_records import RelatedPersonRecord
from app.domain.intake.hospital_message import LinkRecord, MergeRecord
from app.domain.intake.hospital_records import (
    UNCHANGED,
    WHEN_TOLD,
    Coded,
    EncounterRecord,
    Gender,
    HumanName,
    Identifier,
    PatientRecord,
    Stated,
)
from app.domain.profile.places import region_of_parts
from app.integrations.fhir import naming
from app.integrations.fhir.reader.contents import Entry
from app.integrations.fhir.reader.reading import Reading, first_coding, human_name

# What a patient's record number is where nobody says: the same as in HL7 v2.
RECORD_NUMBER: Final = "MR"
SERVER_ID: Final = "PI"
# The department that a patient was last seen in, which R4 has no element for; written by us.
DEPARTMENT: Final = f"{naming.OURS}department"
_NAME_USES: Final = {"official": "L", "usual": "D", "nickname": "N", "maiden": "M", "old": "B"}
_NOT_NOW: Final = ("old", "maiden", "temp", "anonymous")
_NOT_READ: Final = "patient-name-empty"


def read_numbers(entry: Entry, reading: Reading) -> tuple[Identifier, ...]:
    """Return the patient's numbers; where there are none, the id at their server."""
    listed = reading.identifiers(entry.resource.get("identifier", ()), RECORD_NUMBER)
    own = reading.own_number(entry, SERVER_ID)
    return listed or ((own,) if own else ())


def read_patient(entry: Entry, reading: Reading, recorded_at: datetime | None) -> PatientRecord:
    """Return what a Patient says; what it leaves out is unchanged, views are often partial."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "name", "birthDate", "gender", "telecom", "address", "contact",
        "deceasedBoolean", "deceasedDateTime", "link", "active",
    )  # fmt: skip
    return PatientRecord(
        identifiers=read_numbers(entry, reading),
        names=_names(resource.get("name", ()), reading),
        birth_date=reading.day(resource.get("birthDate"), "birth-date-incomplete") or UNCHANGED,
        gender=Gender(resource["gender"]) if "gender" in resource else UNCHANGED,
        phone=_phone(resource.get("telecom", ())) or UNCHANGED,
        address=_address(resource.get("address", ())) or UNCHANGED,
        region=_region(resource.get("address", ())),
        deceased_at=_deceased_at(resource, reading, recorded_at),
    )


def read_department(entry: Entry) -> EncounterRecord | None:
    """Return where the patient was last seen, as far as we said so ourselves."""
    for one in entry.resource.get("extension", ()):
        if one.get("url") == DEPARTMENT and "valueString" in one:
            return EncounterRecord(visit=None, department=Coded(str(one["valueString"])))
    return None


def _names(names: Iterable[Mapping[str, Any]], reading: Reading) -> Stated[tuple[HumanName, ...]]:
    listed = sorted(names, key=lambda name: name.get("use") in _NOT_NOW)
    found = tuple(
        HumanName(human_name(name), _NAME_USES.get(name.get("use", ""), ""))
        for name in listed
        if human_name(name)
    )
    if listed and not found:
        reading.doubt(_NOT_READ)
    return found or UNCHANGED


def _phone(points: Iterable[Mapping[str, Any]]) -> str:
    """Return the number to call: a mobile before others, the lowest rank first."""
    phones = [
        one
        for one in points
        if one.get("system") in ("phone", "sms") and one.get("value") and one.get("use") != "old"
    ]
    phones.sort(key=lambda one: (one.get("use") != "mobile", one.get("rank", 99)))
    return str(phones[0]["value"]).strip() if phones else ""


def _current(addresses: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    current = [one for one in addresses if one.get("use") not in ("old", "billing")]
    return current[0] if current else {}


def _region(addresses: Iterable[Mapping[str, Any]]) -> str | None:
    one = _current(addresses)
    return region_of_parts(str(one.get("state", "")), str(one.get("city", "")))


def _address(addresses: Iterable[Mapping[str, Any]]) -> str:
    """Return where somebody lives, as one line in the order of the country."""
    one = _current(addresses)
    if not one:
        return ""
    if one.get("text"):
        return str(one["text"]).strip()
    parts = [str(one.get(name, "")) for name in ("state", "city", "district")]
    parts = [*parts, *(str(line) for line in one.get("line", ()) if line)]
    text = "".join(parts)
    is_chinese = any("\u3400" <= letter <= "\u9fff" for letter in text)
    if is_chinese:
        return text
    rest = [str(one.get(name, "")) for name in ("postalCode", "country")]
    return ", ".join(part for part in [*reversed(parts), *rest] if part)


def _deceased_at(
    resource: Mapping[str, Any], reading: Reading, recorded_at: datetime | None
) -> Stated[datetime]:
    """Return when somebody died; a death without a time counts from when it was recorded."""
    if "deceasedDateTime" in resource:
        moment = reading.instant(resource["deceasedDateTime"], "death-incomplete")
        return moment or recorded_at or WHEN_TOLD
    if resource.get("deceasedBoolean") is True:
        return recorded_at or WHEN_TOLD
    # `false` says that somebody lives: a death noted by mistake is taken back.
    return None if resource.get("deceasedBoolean") is False else UNCHANGED


def read_contacts(entry: Entry, reading: Reading) -> tuple[RelatedPersonRecord, ...]:
    """Return the contacts that a Patient names."""
    return tuple(
        RelatedPersonRecord(
            relationship=_relationship(one.get("relationship", ())),
            name=human_name(one.get("name", {})),
            phone=_phone(one.get("telecom", ())),
        )
        for one in entry.resource.get("contact", ())
        if one.get("name") or one.get("telecom")
    )


def read_related_person(entry: Entry, reading: Reading) -> RelatedPersonRecord:
    resource = entry.resource
    reading.leave(entry, "identifier", "patient", "relationship", "name", "telecom", "active")
    names = resource.get("name", ())
    return RelatedPersonRecord(
        relationship=_relationship(resource.get("relationship", ())),
        name=human_name(names[0]) if names else "",
        phone=_phone(resource.get("telecom", ())),
        identifiers=reading.identifiers(resource.get("identifier", ()), RECORD_NUMBER),
    )


def _relationship(concepts: Iterable[Mapping[str, Any]]) -> str:
    found = first_coding(concepts)
    return found.code if found else ""


def read_links(
    entry: Entry, reading: Reading
) -> tuple[tuple[MergeRecord, ...], tuple[LinkRecord, ...]]:
    """Return which records a Patient says are one: replaced for good, or only to be seen also."""
    own = read_numbers(entry, reading)
    merges, links = [], []
    for link in entry.resource.get("link", ()):
        other = reading.referred(link["other"], entry, "Patient", SERVER_ID)
        if not own or not other:
            reading.doubt("link-to-nobody")
        elif link["type"] == "replaced-by":
            merges.append(MergeRecord(survivor=other, retired=own))
        elif link["type"] == "replaces":
            merges.append(MergeRecord(survivor=own, retired=other))
        else:
            links.append(LinkRecord(own, other))
    return tuple(merges), tuple(links)
