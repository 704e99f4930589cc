"""What holds for a whole body while it is read, and the small things every resource has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.domain.intake.hospital_records import Coded, Identifier
from app.domain.strict_json import JSONLimits
from app.integrations.fhir import naming
from app.integrations.fhir.json_text import BY_HAND
from app.integrations.fhir.reader.contents import Contents, Entry
from app.integrations.fhir.timestamps import read_day, read_instant

# Said of every resource and kept in the raw text: identity, wording, profile, history.
_EVERYWHERE: Final = frozenset(
    {
        "resourceType", "id", "meta", "implicitRules", "language", "text", "contained",
        "extension", "modifierExtension",
    }
)  # fmt: skip
# Columns hold twelve digits before the point and six behind it.
_LARGEST: Final = Decimal(10) ** 12
_FINEST: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Source:
    """A system that gives us FHIR; `zone` is that of its whole days."""

    name: str
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    limits: JSONLimits = BY_HAND


class Reading:
    """One body of one source, with what was odd in it."""

    def __init__(self, source: Source, contents: Contents) -> None:
        self.source = source
        self.contents = contents
        self.issues: list[str] = []

    def doubt(self, issue: str) -> None:
        """Remember that something could not be read; the rest of the body stands."""
        if issue not in self.issues:
            self.issues.append(issue)

    def leave(self, entry: Entry, *read: str) -> None:
        """Name the elements of a resource that nobody reads: they are in the raw text only."""
        for name in entry.resource:
            bare = name.removeprefix("_")
            if bare not in _EVERYWHERE and bare not in read:
                self.doubt(f"not-read:{entry.kind}.{bare}")

    def instant(self, text: object, issue: str) -> datetime | None:
        """Return an instant, or None with a doubt where the text says less than a day."""
        if not isinstance(text, str):
            return None
        moment = read_instant(text, self.source.zone)
        if moment is None:
            self.doubt(issue)
        return moment

    def day(self, text: object, issue: str) -> date | None:
        if not isinstance(text, str):
            return None
        day = read_day(text, self.source.zone)
        if day is None:
            self.doubt(issue)
        return day

    def decimal(self, number: Any, issue: str) -> Decimal | None:
        """Return a number that a column can hold: of six places; None for an immense one."""
        if number is None:
            return None
        value = Decimal(number)
        if abs(value) >= _LARGEST:
            self.doubt(f"{issue}-too-large")
            return None
        if value != value.quantize(_FINEST):
            self.doubt(f"{issue}-rounded")
            return value.quantize(_FINEST)
        return value

    def recorded_at(self, entry: Entry) -> datetime | None:
        """Return when the sender last changed the resource, where it says so."""
        return self.instant(entry.resource.get("meta", {}).get("lastUpdated"), "last-updated")

    def identifiers(
        self, listed: Iterable[Mapping[str, Any]], default: str
    ) -> tuple[Identifier, ...]:
        """Return identifiers without repeats; one without a system is the source's own."""
        found = (self.identifier(one, default) for one in listed)
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def identifier(self, one: Mapping[str, Any], default: str) -> Identifier | None:
        """Return an identifier; without a type it is of type `default`."""
        value = str(one.get("value", "")).strip()
        if not value:
            return None
        assigner = one.get("assigner", {}).get("display")
        issuer = naming.issuer_of(one["system"]) if one.get("system") else assigner
        type_code = _type_code(one.get("type"), default)
        if issuer == naming.CITIZEN_NUMBER:
            type_code = "NI"
        return Identifier(issuer or self.source.name, type_code, value)

    def own_number(self, entry: Entry, type_code: str) -> Identifier | None:
        """Return the resource's id as a number that its server gave."""
        if not entry.id:
            return None
        return Identifier(f"{self.source.name}/{entry.kind}", type_code, entry.id)

    def referred(
        self, reference: Mapping[str, Any] | None, holder: Entry, kind: str, type_code: str
    ) -> tuple[Identifier, ...]:
        """Return the numbers of what a reference points to: of one `kind`, in the body or not."""
        if not reference:
            return ()
        target = str(reference.get("reference", ""))
        found = self.contents.find(target, holder) if target else None
        if found is not None:
            return self.numbers(found, type_code) if found.kind == kind else ()
        if "identifier" in reference and reference.get("type", kind) == kind:
            return self.identifiers([reference["identifier"]], type_code)
        base, found_kind, name = target.split("/_history/")[0].rpartition(f"{kind}/")
        if not found_kind or not name or "/" in name or (base and "://" not in base):
            return ()
        return (Identifier(f"{base or self.source.name + '/'}{kind}", type_code, name),)

    def numbers(self, entry: Entry, type_code: str) -> tuple[Identifier, ...]:
        """Return by what a resource of the body is known; its id where it has nothing else."""
        listed = self.identifiers(entry.resource.get("identifier", ()), type_code)
        own = self.own_number(entry, type_code)
        return listed or ((own,) if own else ())

    def display(self, reference: Mapping[str, Any] | None, holder: Entry) -> str:
        """Return how people call what a reference points to."""
        if not reference:
            return ""
        if reference.get("display"):
            return str(reference["display"])
        found = self.contents.find(str(reference.get("reference", "")), holder)
        name = found.resource.get("name", "") if found else ""
        return human_name(name[0]) if isinstance(name, list) and name else str(name or "")

    def actor(self, reference: Mapping[str, Any] | None, holder: Entry) -> Coded | None:
        """Return a person or place by number, which may be empty, and name."""
        if not reference:
            return None
        found = self.contents.find(str(reference.get("reference", "")), holder)
        listed = [reference["identifier"]] if "identifier" in reference else []
        if found is not None:
            listed += found.resource.get("identifier", ())
        code = next((str(one["value"]) for one in listed if one.get("value")), "")
        name = self.display(reference, holder)
        return Coded(code, name) if code or name else None


def _type_code(concept: Mapping[str, Any] | None, default: str) -> str:
    if not concept:
        return default
    for one in concept.get("coding", ()):
        code = naming.type_code_of(str(one.get("system", "")), str(one.get("code", "")))
        if code is not None:
            return code
    # A driving licence must not pass for a record number: table 0203 has U for such.
    return "U"


def codings(concept: Mapping[str, Any] | None) -> tuple[Coded, ...]:
    """Return the codings of a concept, the one its user chose first; words stand in for none."""
    if not concept:
        return ()
    text = str(concept.get("text", ""))
    listed = [one for one in concept.get("coding", ()) if one.get("code")]
    listed.sort(key=lambda one: not one.get("userSelected", False))
    found = tuple(
        naming.coded(
            str(one.get("system", "")), str(one["code"]), str(one.get("display", "") or text)
        )
        for one in listed
    )
    if found or not text:
        return found
    return (Coded(text, text),)


def meant(concept: Mapping[str, Any] | None) -> Coded | None:
    """Return the coding beside the one that a user chose: what the sender maps it to."""
    listed = [one for one in (concept or {}).get("coding", ()) if one.get("code")]
    if len(listed) < 2 or not any(one.get("userSelected") for one in listed):
        return None
    one = next((one for one in listed if not one.get("userSelected")), None)
    if one is None:
        return None
    system, code = str(one.get("system", "")), str(one["code"])
    return naming.coded(system, code, str(one.get("display", "")), is_meant=True)


def first_coding(concepts: Iterable[Mapping[str, Any]] | Mapping[str, Any] | None) -> Coded | None:
    """Return the first coding of a concept or of a list of them."""
    listed = [concepts] if isinstance(concepts, Mapping) else list(concepts or ())
    return next((one for concept in listed for one in codings(concept)), None)


def words(concept: Mapping[str, Any] | None) -> str:
    """Return a concept as people read it."""
    if not concept:
        return ""
    found = codings(concept)
    return str(concept.get("text", "")) or (found[0].display or found[0].code if found else "")


def human_name(name: Mapping[str, Any]) -> str:
    """Return a name as one reads it: 张小明, but John Smith."""
    if name.get("text"):
        return str(name["text"]).strip()
    family, given = (
        str(name.get("family", "")),
        [str(part) for part in name.get("given", ()) if part],
    )
    if any("\u3400" <= letter <= "\u9fff" for letter in family):
        return family + "".join(given)
    return " ".join([*given, family]).strip()
