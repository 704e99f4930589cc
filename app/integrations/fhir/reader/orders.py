"""MedicationRequest, ServiceRequest, Immunization, AllergyIntolerance, and Task that answers us."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.exchange.answers import NUMBER_PREFIX
from app.domain.intake.clinical_records import (
    AllergyRecord,
    FulfilmentRecord,
    FulfilmentStatus,
    ImmunizationRecord,
    ImmunizationStatus,
    MedicationRecord,
    RequestStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_records import Coded
from app.integrations.fhir import naming
from app.integrations.fhir.reader.contents import Entry
from app.integrations.fhir.reader.reading import Reading, codings, first_coding, meant, words
from app.integrations.fhir.reader.values import unit_of
from app.integrations.fhir.reader.visits import visit_of

# The two extensions that we write and read: what R4 has no element for.
STATUS: Final = f"{naming.OURS}status"
DISPENSED_AT: Final = f"{naming.OURS}dispensed-at"


def _ours(resource: Mapping[str, Any], url: str, name: str) -> str | None:
    found = (one for one in resource.get("extension", ()) if one.get("url") == url)
    return next((str(one[name]) for one in found if name in one), None)


def _status(resource: Mapping[str, Any]) -> RequestStatus:
    own = _ours(resource, STATUS, "valueCode")
    known = own if own in frozenset(RequestStatus) else resource["status"]
    return RequestStatus(known)


def read_medication(entry: Entry, number: str, reading: Reading) -> MedicationRecord:
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "intent", "medicationCodeableConcept",
        "medicationReference", "subject", "encounter", "authoredOn", "dosageInstruction",
        "dispenseRequest",
    )  # fmt: skip
    concept = _medication(entry, reading)
    found = codings(concept)
    dosages = list(resource.get("dosageInstruction", ()))
    first = dosages[0] if dosages else {}
    dose: Mapping[str, Any] = next(
        (one["doseQuantity"] for one in first.get("doseAndRate", ()) if "doseQuantity" in one), {}
    )
    bounds = first.get("timing", {}).get("repeat", {}).get("boundsPeriod", {})
    dispensing = resource.get("dispenseRequest", {})
    quantity = dispensing.get("quantity", {})
    return MedicationRecord(
        number=number,
        code=found[0] if found else Coded("unknown"),
        status=_status(resource),
        dosage_text="\n".join(text for text in map(_dosage_text, dosages) if text),
        dose=reading.decimal(dose.get("value"), "dose"),
        dose_unit=unit_of(dose),
        route=first_coding(first.get("route")),
        frequency=_frequency(first.get("timing", {})),
        quantity=reading.decimal(quantity.get("value"), "quantity"),
        quantity_unit=unit_of(quantity),
        authored_at=reading.instant(resource.get("authoredOn"), "authored-incomplete"),
        starts_at=reading.instant(bounds.get("start"), "start-incomplete"),
        ends_at=reading.instant(bounds.get("end"), "end-incomplete"),
        dispensed_at=reading.instant(
            _ours(resource, DISPENSED_AT, "valueDateTime"), "dispensed-incomplete"
        ),
        visit=visit_of(entry, reading),
        standard_code=meant(concept),
    )


def _medication(entry: Entry, reading: Reading) -> Mapping[str, Any]:
    concept = entry.resource.get("medicationCodeableConcept")
    if concept:
        return dict(concept)
    reference = entry.resource.get("medicationReference", {})
    found = reading.contents.find(str(reference.get("reference", "")), entry)
    if found is not None and found.resource.get("code"):
        return dict(found.resource["code"])
    if reference.get("display"):
        return {"text": reference["display"]}
    reading.doubt("medication-unresolved")
    return {}


def _dosage_text(dosage: Mapping[str, Any]) -> str:
    lines = (dosage.get("text", ""), dosage.get("patientInstruction", ""))
    return " ".join(str(line) for line in lines if line)


# UCUM units of time as people order by them.
_EVERY: Final = {"h": "h", "d": "d", "wk": "wk", "mo": "mo", "min": "min", "s": "s", "a": "a"}


def _frequency(timing: Mapping[str, Any]) -> str:
    """Return how often, as ordered: BID, or 2/1d for twice a day."""
    named = first_coding(timing.get("code"))
    if named is not None:
        return named.code
    repeat = timing.get("repeat", {})
    period, unit = repeat.get("period"), _EVERY.get(repeat.get("periodUnit", ""))
    if period is None or unit is None:
        return ""
    return f"{repeat.get('frequency', 1)}/{period}{unit}"


def read_service_request(entry: Entry, number: str, reading: Reading) -> ServiceRequestRecord:
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "intent", "category", "priority", "code", "subject",
        "encounter", "occurrenceDateTime", "occurrencePeriod", "authoredOn", "requester", "note",
    )  # fmt: skip
    category = first_coding(resource.get("category"))
    period = resource.get("occurrencePeriod", {})
    return ServiceRequestRecord(
        number=number,
        code=first_coding(resource.get("code")) or Coded("unknown"),
        status=_status(resource),
        category=category.code if category else "",
        priority=str(resource.get("priority", "")),
        authored_at=reading.instant(resource.get("authoredOn"), "authored-incomplete"),
        occurs_at=reading.instant(
            resource.get("occurrenceDateTime") or period.get("start"), "occurrence-incomplete"
        ),
        requester=reading.actor(resource.get("requester"), entry),
        note="\n".join(str(one["text"]) for one in resource.get("note", ())),
        visit=visit_of(entry, reading),
    )


def read_immunization(entry: Entry, number: str, reading: Reading) -> ImmunizationRecord:
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "vaccineCode", "patient", "encounter",
        "occurrenceDateTime", "occurrenceString", "lotNumber", "protocolApplied",
    )  # fmt: skip
    doses = [one.get("doseNumberPositiveInt") for one in resource.get("protocolApplied", ())]
    return ImmunizationRecord(
        number=number,
        vaccine=first_coding(resource["vaccineCode"]) or Coded("unknown"),
        status=ImmunizationStatus(resource["status"]),
        occurred_on=reading.day(resource.get("occurrenceDateTime"), "vaccination-day-incomplete"),
        dose_number=next((dose for dose in doses if dose), None),
        lot_number=str(resource.get("lotNumber", "")),
        visit=visit_of(entry, reading),
    )


def read_allergy(entry: Entry, number: str, reading: Reading) -> AllergyRecord:
    resource = entry.resource
    reading.leave(
        entry, "identifier", "clinicalStatus", "verificationStatus", "criticality", "code",
        "patient", "recordedDate", "reaction",
    )  # fmt: skip
    verified = first_coding(resource.get("verificationStatus"))
    clinical = first_coding(resource.get("clinicalStatus"))
    is_void = verified is not None and verified.code in ("refuted", "entered-in-error")
    criticality = str(resource.get("criticality", ""))
    return AllergyRecord(
        number=number,
        code=first_coding(resource.get("code")) or Coded("unknown"),
        is_active=not is_void and (clinical is None or clinical.code == "active"),
        criticality=criticality if criticality in ("low", "high") else "",
        reaction="; ".join(_reactions(resource)),
        recorded_at=reading.instant(resource.get("recordedDate"), "recorded-incomplete"),
    )


def _reactions(resource: Mapping[str, Any]) -> list[str]:
    found = []
    for one in resource.get("reaction", ()):
        found += [words(concept) for concept in one["manifestation"]]
        found.append(str(one.get("description", "")))
    return [text for text in dict.fromkeys(found) if text]


def read_fulfilment(entry: Entry, reading: Reading) -> FulfilmentRecord | None:
    """Return how far a request of ours is; None, with a doubt, for work that is not ours."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "statusReason", "intent", "for", "code", "input", "note",
    )  # fmt: skip
    numbers = [one.value for one in reading.identifiers(resource.get("identifier", ()), "")]
    ours = next((one for one in numbers if one.startswith(NUMBER_PREFIX)), None)
    if ours is None:
        reading.doubt("task-not-ours")
        return None
    why = resource.get("statusReason", {})
    said = first_coding(why)
    return FulfilmentRecord(
        number=ours,
        status=FulfilmentStatus(resource["status"]),
        filler=next((one for one in numbers if one != ours), ""),
        reason=str(why.get("text", "")) or (said.display if said else ""),
    )
