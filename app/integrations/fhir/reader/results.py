"""Observation and DiagnosticReport: results, each under a name that stays the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.domain.intake.clinical_records import DiagnosticReportRecord, ReportStatus
from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    ReferenceRange,
    ResultFlag,
)
from app.integrations.fhir import naming
from app.integrations.fhir.reader.contents import Entry
from app.integrations.fhir.reader.reading import Reading, codings, first_coding, words
from app.integrations.fhir.reader.values import read_value
from app.integrations.fhir.reader.visits import visit_of
from app.integrations.hl7.results import read_reference_range

RESULT: Final = "result"
REPORT: Final = "report"
# Application, facility, order or report number; of a result also code and sub id.
_PARTS: Final = {RESULT: 5, REPORT: 3}
COMPUTED: Final = f"{naming.OURS}computed-interpretation"
_FLAGS: Final = {
    **{flag.value: flag for flag in ResultFlag},
    "HU": ResultFlag.CRITICALLY_HIGH,
    "LU": ResultFlag.CRITICALLY_LOW,
    "POS": ResultFlag.ABNORMAL,
    "NEG": ResultFlag.NORMAL,
}


@dataclass(frozen=True, slots=True)
class Named:
    """Something named by a system's application and facility, and by its number there."""

    sender: tuple[str, str]
    number: str
    rest: tuple[str, ...] = ()


def name_of(entry: Entry, kind: str, reading: Reading) -> Named | None:
    """Return what names a result or report: our own name of it, else its identifier, else its id.

    A foreign identifier stands with its system in the number: reports and the results they list
    must be of one sender, or nobody would find the ones by the others.
    """
    listed = entry.resource.get("identifier", ())
    for one in listed:
        parts = naming.parts_of(kind, str(one.get("system", "")), str(one.get("value", "")))
        if parts is not None and len(parts) == _PARTS[kind]:
            return Named((parts[0], parts[1]), parts[2], parts[3:])
    own = ("", reading.source.name)
    for one in listed:
        if one.get("value"):
            return Named(own, f"{one.get('system', '')}|{one['value']}")
    return Named(own, entry.id) if entry.id else None


def keys_of(entry: Entry, reading: Reading) -> tuple[tuple[str, str], tuple[ObservationKey, ...]]:
    """Return whose result an Observation of the body is, and the keys it becomes."""
    name = name_of(entry, RESULT, reading)
    if name is None:
        return ("", ""), ()
    if name.rest:
        return name.sender, (ObservationKey(name.number, *name.rest),)
    parts = _parts(entry)
    panel = first_coding(entry.resource["code"])
    keys, seen = [], dict[str, int]()
    for part in parts:
        found = first_coding(part["code"])
        if found is None:
            continue
        sub_id = "" if part is entry.resource else (panel.code if panel else "panel")
        seen[found.code] = seen.get(found.code, 0) + 1
        sub_id = f"{sub_id}#{seen[found.code]}" if seen[found.code] > 1 else sub_id
        keys.append(ObservationKey(name.number, found.code, sub_id))
    return name.sender, tuple(keys)


def _parts(entry: Entry) -> list[Mapping[str, Any]]:
    """Return what has a value of its own: the observation, its components, or both."""
    resource = entry.resource
    components = [one for one in resource.get("component", ()) if first_coding(one["code"])]
    has_value = any(name.startswith("value") for name in resource)
    is_one = has_value or not components
    return [*([resource] if is_one and first_coding(resource["code"]) else []), *components]


def read_observations(entry: Entry, reading: Reading) -> tuple[ObservationRecord, ...]:
    """Return the results of an Observation: one, or one for each component of a panel."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "code", "subject", "encounter", "effectiveDateTime",
        "effectivePeriod", "effectiveInstant", "issued", "value", "valueQuantity",
        "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange",
        "valueRatio", "valueTime", "valueDateTime", "valuePeriod", "dataAbsentReason",
        "interpretation", "note", "specimen", "referenceRange", "component", "category", "basedOn",
    )  # fmt: skip
    _, keys = keys_of(entry, reading)
    parts = _parts(entry)
    if not keys:
        reading.doubt("observation-without-code" if entry.id else "observation-without-number")
        return ()
    is_panel = len(parts) > 1 or parts[0] is not resource
    panel = first_coding(resource["code"]) if is_panel else None
    status = _status(str(resource["status"]), reading)
    visit = visit_of(entry, reading)
    return tuple(
        _observation(entry, part, key, None if part is resource else panel, status, visit, reading)
        for key, part in zip(keys, parts, strict=True)
    )


def _observation(
    entry: Entry,
    part: Mapping[str, Any],
    key: ObservationKey,
    panel: Coded | None,
    status: ObservationStatus,
    visit: Identifier | None,
    reading: Reading,
) -> ObservationRecord:
    resource = entry.resource
    value = read_value(part, reading)
    found = codings(part["code"])
    flag, flag_text = _flag(part, reading)
    notes = [str(one["text"]) for one in resource.get("note", ())]
    return ObservationRecord(
        key=key,
        codings=found,
        panel=panel,
        value=value.value,
        value_text=value.text,
        comparator=value.comparator,
        unit=value.unit,
        reference_range=_range(part.get("referenceRange", ())),
        interpretation=flag,
        flag_text=flag_text,
        status=status,
        effective_at=_effective_at(resource, reading),
        issued_at=reading.instant(resource.get("issued"), "observation-issued"),
        specimen=_specimen(entry, reading),
        note="\n".join([*notes, *([value.absent] if value.absent else [])]),
        visit=visit,
    )


def _status(status: str, reading: Reading) -> ObservationStatus:
    if status == "unknown":
        # It is not known to be final: nobody may act on it as if it were.
        reading.doubt("observation-status-unknown")
        return ObservationStatus.PRELIMINARY
    return ObservationStatus(status)


def _effective_at(resource: Mapping[str, Any], reading: Reading) -> Any:
    period = resource.get("effectivePeriod", {})
    said = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    return reading.instant(
        said or period.get("start") or period.get("end"), "observation-time-incomplete"
    )


def _flag(part: Mapping[str, Any], reading: Reading) -> tuple[ResultFlag | None, str]:
    flags = [
        one
        for concept in part.get("interpretation", ())
        if not any(c.get("system") == COMPUTED for c in concept.get("coding", ()))
        for one in codings(concept)
    ]
    if not flags:
        return None, ""
    found = next((_FLAGS[one.code] for one in flags if one.code in _FLAGS), None)
    if found is None:
        reading.doubt("flag-unknown")
    return found, flags[0].display or flags[0].code


def _range(ranges: Any) -> ReferenceRange | None:
    """Return the interval; several, for men and women say, are words and bind nobody."""
    listed = [one for one in ranges if _range_text(one)]
    if not listed:
        return None
    if len(listed) > 1:
        return ReferenceRange("; ".join(_range_text(one) for one in listed))
    one = listed[0]
    low, high = (_bound(one.get(name)) for name in ("low", "high"))
    if low is None and high is None:
        return read_reference_range(_range_text(one))
    return ReferenceRange(_range_text(one), low, high)


def _bound(quantity: Mapping[str, Any] | None) -> Decimal | None:
    value = (quantity or {}).get("value")
    return None if value is None else Decimal(value)


def _range_text(one: Mapping[str, Any]) -> str:
    if one.get("text"):
        return str(one["text"])
    low, high = (_bound(one.get(name)) for name in ("low", "high"))
    if low is not None and high is not None:
        return f"{low}-{high}"
    if low is not None:
        return f">={low}"
    return "" if high is None else f"<={high}"


def _specimen(entry: Entry, reading: Reading) -> str:
    reference = entry.resource.get("specimen")
    if not reference:
        return ""
    found = reading.contents.find(str(reference.get("reference", "")), entry)
    kind = words(found.resource.get("type")) if found else ""
    return str(reference.get("display", "")) or kind


def read_report(entry: Entry, name: Named, reading: Reading) -> DiagnosticReportRecord:
    """Return a report; of its results those that the body holds and the same system numbers."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "category", "code", "subject", "encounter",
        "effectiveDateTime", "effectivePeriod", "issued", "result", "conclusion", "conclusionCode",
        "basedOn",
    )  # fmt: skip
    category = first_coding(resource.get("category"))
    conclusions = [
        str(resource.get("conclusion", "")),
        *(words(concept) for concept in resource.get("conclusionCode", ())),
    ]
    return DiagnosticReportRecord(
        number=name.number,
        code=first_coding(resource["code"]) or Coded("unknown"),
        status=ReportStatus(resource["status"]),
        category=category.code if category else "",
        conclusion="\n".join(text for text in conclusions if text),
        effective_at=_effective_at(resource, reading),
        issued_at=reading.instant(resource.get("issued"), "report-issued"),
        visit=visit_of(entry, reading),
        results=tuple(_results(entry, name.sender, reading)),
    )


def _results(entry: Entry, sender: tuple[str, str], reading: Reading) -> list[ObservationKey]:
    found: list[ObservationKey] = []
    for reference in entry.resource.get("result", ()):
        target = reading.contents.find(str(reference.get("reference", "")), entry)
        if target is None and "identifier" in reference:
            target = Entry(
                {"resourceType": "Observation", "identifier": [reference["identifier"]], "code": {}}
            )
        of, keys = keys_of(target, reading) if target else (("", ""), ())
        if keys and of == sender:
            found += keys
        else:
            reading.doubt("report-result-unresolved")
    return found
