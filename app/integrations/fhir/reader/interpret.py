"""Putting the resources of one body together: what each patient's messages are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import Identifier, PatientRecord
from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.domain.strict_json import UnacceptableJSON
from app.integrations.fhir.checking import check
from app.integrations.fhir.json_text import parse
from app.integrations.fhir.reader.contents import BUNDLES, Contents, Entry
from app.integrations.fhir.reader.forms import read_form
from app.integrations.fhir.reader.orders import (
    read_allergy,
    read_fulfilment,
    read_immunization,
    read_medication,
    read_service_request,
)
from app.integrations.fhir.reader.people import (
    SERVER_ID,
    read_contacts,
    read_department,
    read_links,
    read_numbers,
    read_patient,
    read_related_person,
)
from app.integrations.fhir.reader.reading import Reading, Source
from app.integrations.fhir.reader.results import (
    REPORT,
    RESULT,
    name_of,
    read_observations,
    read_report,
)
from app.integrations.fhir.reader.visits import (
    is_of,
    read_appointment,
    read_condition,
    read_encounter,
)

# Resources that are ours to begin with carry this tag: they come back as copies, not as news.
OWN_TAG: Final = "urn:x-careloop:origin"
_PATIENT_ELEMENT: Final = {
    "RelatedPerson": "patient",
    "Immunization": "patient",
    "AllergyIntolerance": "patient",
    "Task": "for",
}
READ: Final = frozenset(
    {
        "Patient", "RelatedPerson", "Encounter", "Condition", "Observation", "DiagnosticReport",
        "MedicationRequest", "ServiceRequest", "Immunization", "AllergyIntolerance", "Appointment",
        "QuestionnaireResponse", "Task",
    }
)  # fmt: skip


@dataclass(slots=True)
class _Part:
    """What will be one message: of one patient, one numbering system, one time of recording."""

    patient: tuple[Identifier, ...]
    sender: tuple[str, str]  # application, facility
    recorded_at: datetime | None
    # Fields of `HospitalMessage`, and lists for those that hold several records.
    said: dict[str, Any] = field(default_factory=dict)
    records: dict[str, list[Any]] = field(default_factory=dict)


def interpret(body: bytes, source: Source) -> tuple[HospitalMessage, ...]:
    """Return what a resource or bundle says, patient by patient; the same body says the same.

    :raises Rejected: it cannot be read, breaks the rules of R4, or speaks of no patient
    """
    resource = _open(body, source)
    reading = Reading(source, Contents.of(resource))
    parts = _gather(reading, resource)
    control_id = str(resource.get("id", ""))
    messages = tuple(
        _message(part, source, f"{control_id}#{index}") for index, part in enumerate(parts, 1)
    )
    if not messages:
        raise _nothing_said(reading)
    # What was odd is said once, with the first message: staff read it at the body they keep.
    return (replace(messages[0], issues=tuple(reading.issues)), *messages[1:])


def _nothing_said(reading: Reading) -> Rejected:
    kind = _first_kind(reading)
    left = ("modified:", "own-record:", "task-not-ours")
    is_left = any(issue.startswith(left) for issue in reading.issues)
    if not is_left and any(entry.kind in READ for entry in reading.contents.entries):
        return Rejected(RejectionReason.NO_PATIENT_IDENTIFIER, kind)
    return Unsupported(RejectionReason.UNSUPPORTED_TYPE, kind)


def _first_kind(reading: Reading) -> str:
    return reading.contents.entries[0].kind if reading.contents.entries else "Bundle"


def _open(body: bytes, source: Source) -> Mapping[str, Any]:
    try:
        resource = parse(body, source.limits)
    except UnacceptableJSON as problem:
        raise Rejected(RejectionReason.NOT_FHIR, str(problem)) from None
    issues = check(resource)
    wrong = next((one for one in issues if one.severity == "error"), None)
    if wrong is not None:
        if wrong.code == "not-supported" and "." not in wrong.expression:
            raise Unsupported(RejectionReason.UNSUPPORTED_TYPE, wrong.expression)
        raise Rejected(RejectionReason.INVALID_RESOURCE, f"{wrong.expression} {wrong.code}")
    if resource["resourceType"] == "Bundle" and resource["type"] not in BUNDLES:
        raise Unsupported(RejectionReason.UNSUPPORTED_TYPE, "Bundle")
    found: Mapping[str, Any] = resource
    return found


def _message(part: _Part, source: Source, control_id: str) -> HospitalMessage:
    bare = HospitalMessage(
        source=source.name,
        event=EventKind.SNAPSHOT,
        control_id=control_id,
        sending_application=part.sender[0],
        sending_facility=part.sender[1],
        recorded_at=part.recorded_at,
        patient=PatientRecord(part.patient),
    )
    said: dict[str, Any] = {name: tuple(listed) for name, listed in part.records.items()}
    return replace(bare, **part.said, **said)


class _Gathering:
    """Collects records into parts, in the order of their first appearance."""

    def __init__(self, reading: Reading, stated_at: datetime | None) -> None:
        self.reading = reading
        self.stated_at = stated_at
        self.alone: list[_Part] = []
        self._shared: dict[tuple[object, ...], _Part] = {}
        # Reports come after the results they list.
        self.last: list[_Part] = []

    def recorded_at(self, entry: Entry) -> datetime | None:
        return self.reading.recorded_at(entry) or self.stated_at

    def shared(
        self, entry: Entry, patient: tuple[Identifier, ...], sender: tuple[str, str]
    ) -> _Part:
        at = self.recorded_at(entry)
        key = (patient, sender, at)
        if key not in self._shared:
            self._shared[key] = _Part(patient, sender, at)
        return self._shared[key]

    def part(
        self,
        entry: Entry,
        patient: tuple[Identifier, ...],
        sender: tuple[str, str] | None = None,
    ) -> _Part:
        own = ("", self.reading.source.name)
        return _Part(patient, sender or own, self.recorded_at(entry))

    def parts(self) -> list[_Part]:
        return [*self.alone, *self._shared.values(), *self.last]


def _gather(reading: Reading, body: Mapping[str, Any]) -> list[_Part]:
    stated_at = reading.instant(body.get("timestamp"), "bundle-time")
    gathering = _Gathering(reading, stated_at)
    # Patients, then their visits: what follows finds both, though any order ends in one state.
    order = {"Patient": 0, "Encounter": 1}
    for entry in sorted(reading.contents.entries, key=lambda entry: order.get(entry.kind, 2)):
        if entry.kind not in READ:
            reading.doubt(f"not-read:{entry.kind}")
        elif _is_ours(entry):
            reading.doubt(f"own-record:{entry.kind}")
        elif _turns_meaning(entry):
            reading.doubt(f"modified:{entry.kind}")
        elif entry.kind == "Patient":
            gathering.alone += _patient(entry, gathering)
        else:
            _clinical(entry, gathering)
    return gathering.parts()


def _turns_meaning(entry: Entry) -> bool:
    """Tell whether a resource says that it means something else than its elements say.

    R4 forbids to act on a modifier that one does not understand: "do not give" is no order.
    """
    resource = entry.resource
    has_modifier = "modifierExtension" in resource or "implicitRules" in resource
    return has_modifier or resource.get("doNotPerform") is True


def _is_ours(entry: Entry) -> bool:
    tags = entry.resource.get("meta", {}).get("tag", ())
    return any(tag.get("system") == OWN_TAG for tag in tags)


def _patient(entry: Entry, gathering: _Gathering) -> Iterator[_Part]:
    reading = gathering.reading
    numbers = read_numbers(entry, reading)
    if not numbers:
        reading.doubt("patient-without-number")
        return
    part = gathering.part(entry, numbers)
    part.said["patient"] = read_patient(entry, reading, part.recorded_at)
    part.said["encounter"] = read_department(entry)
    part.records["related_persons"] = list(read_contacts(entry, reading))
    yield part
    merges, links = read_links(entry, reading)
    for merge in merges:
        told = gathering.part(entry, merge.survivor)
        told.said |= {"event": EventKind.MERGE, "merges": (merge,)}
        yield told
    for link in links:
        told = gathering.part(entry, link.first)
        told.said |= {"event": EventKind.LINK, "links": (link,)}
        yield told


def _clinical(entry: Entry, gathering: _Gathering) -> None:
    reading = gathering.reading
    patient = _subject(entry, reading)
    if not patient:
        reading.doubt(f"no-patient:{entry.kind}")
        return
    if entry.kind == "Encounter":
        part = gathering.part(entry, patient)
        part.said["encounter"] = read_encounter(entry, reading)
        if part.said["encounter"].visit is None:
            reading.doubt("encounter-without-number")
            return
        gathering.alone.append(part)
    elif entry.kind == "Observation":
        name = name_of(entry, RESULT, reading)
        if name is None:
            reading.doubt("without-number:Observation")
            return
        part = gathering.shared(entry, patient, name.sender)
        part.records.setdefault("observations", []).extend(read_observations(entry, reading))
    elif entry.kind == "DiagnosticReport":
        name = name_of(entry, REPORT, reading)
        if name is None:
            reading.doubt("without-number:DiagnosticReport")
            return
        part = gathering.part(entry, patient, name.sender)
        part.records["reports"] = [read_report(entry, name, reading)]
        gathering.last.append(part)
    elif entry.kind in _UNNUMBERED:
        slot, read = _UNNUMBERED[entry.kind]
        record = read(entry, reading)
        if record is not None:
            part = gathering.shared(entry, patient, ("", reading.source.name))
            part.records.setdefault(slot, []).append(record)
    else:
        _numbered(entry, patient, gathering)


def _numbered(entry: Entry, patient: tuple[Identifier, ...], gathering: _Gathering) -> None:
    reading = gathering.reading
    listed = entry.resource.get("identifier", ())
    listed = [listed] if isinstance(listed, Mapping) else listed
    number = next(iter(reading.identifiers(listed, "")), None)
    if number is None and entry.id:
        number = Identifier(reading.source.name, "", entry.id)
    if number is None:
        reading.doubt(f"without-number:{entry.kind}")
        return
    slot, read = _NUMBERED[entry.kind]
    part = gathering.shared(entry, patient, ("", number.issuer))
    part.records.setdefault(slot, []).append(read(entry, number.value, reading))


_UNNUMBERED: Final[dict[str, tuple[str, Callable[[Entry, Reading], Any]]]] = {
    "Condition": ("conditions", read_condition),
    "Appointment": ("appointments", read_appointment),
    "RelatedPerson": ("related_persons", read_related_person),
    "Task": ("fulfilments", read_fulfilment),
}
_NUMBERED: Final[dict[str, tuple[str, Callable[[Entry, str, Reading], Any]]]] = {
    "MedicationRequest": ("medications", read_medication),
    "ServiceRequest": ("service_requests", read_service_request),
    "Immunization": ("immunizations", read_immunization),
    "AllergyIntolerance": ("allergies", read_allergy),
    "QuestionnaireResponse": ("forms", read_form),
}


def _subject(entry: Entry, reading: Reading) -> tuple[Identifier, ...]:
    """Return the numbers of the patient whom a resource is about; none for groups and devices."""
    if entry.kind == "Appointment":
        for one in entry.resource["participant"]:
            if is_of(one.get("actor"), entry, reading, "Patient"):
                return reading.referred(one["actor"], entry, "Patient", SERVER_ID)
        return ()
    reference = entry.resource.get(_PATIENT_ELEMENT.get(entry.kind, "subject"))
    return reading.referred(reference, entry, "Patient", SERVER_ID)


class Reader:
    """Reads kept bodies, each as its source was configured."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources = {source.name: source for source in sources}

    def __call__(self, source: str, body: bytes) -> tuple[HospitalMessage, ...] | Rejected:
        """Return what the body of a source says, or why it says nothing."""
        try:
            return interpret(body, self._sources.get(source) or Source(source))
        except Rejected as rejected:
            return rejected
