"""Encounter, Condition and Appointment."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentRecord,
    AppointmentStatus,
    Coded,
    ConditionRecord,
    ConditionStatus,
    EncounterClass,
    EncounterRecord,
    EncounterStatus,
    Identifier,
    Stated,
)
from app.integrations.fhir.reader.contents import Entry
from app.integrations.fhir.reader.reading import Reading, codings, first_coding, meant

VISIT_NUMBER: Final = "VN"
_STATUS: Final = {
    "planned": EncounterStatus.PLANNED,
    "arrived": EncounterStatus.IN_PROGRESS,
    "triaged": EncounterStatus.IN_PROGRESS,
    "in-progress": EncounterStatus.IN_PROGRESS,
    "onleave": EncounterStatus.IN_PROGRESS,
    "finished": EncounterStatus.FINISHED,
    "cancelled": EncounterStatus.CANCELLED,
    "entered-in-error": EncounterStatus.CANCELLED,
}
# HL7 v3 ActCode, the value set of Encounter.class.
_CLASSES: Final = {
    "AMB": EncounterClass.AMBULATORY,
    "VR": EncounterClass.AMBULATORY,
    "HH": EncounterClass.AMBULATORY,
    "SS": EncounterClass.AMBULATORY,
    "IMP": EncounterClass.INPATIENT,
    "ACUTE": EncounterClass.INPATIENT,
    "NONAC": EncounterClass.INPATIENT,
    "OBSENC": EncounterClass.INPATIENT,
    "EMER": EncounterClass.EMERGENCY,
}
_INACTIVE: Final = ("inactive", "remission", "resolved")
_UNSURE: Final = ("unconfirmed", "provisional", "differential")
_BOOKED: Final = {
    "booked": AppointmentStatus.BOOKED,
    "arrived": AppointmentStatus.ARRIVED,
    "checked-in": AppointmentStatus.ARRIVED,
    "fulfilled": AppointmentStatus.FULFILLED,
    "cancelled": AppointmentStatus.CANCELLED,
    "entered-in-error": AppointmentStatus.CANCELLED,
    "noshow": AppointmentStatus.NO_SHOW,
}
# HL7 v3 ParticipationType: who treats, in the order of who answers for it.
_TREATS: Final = ("ATND", "PPRF", "CON", "SPRF", "")


def visit_number(entry: Entry, reading: Reading) -> Identifier | None:
    """Return the number of an Encounter of the body."""
    return next(iter(reading.numbers(entry, VISIT_NUMBER)), None)


def visit_of(entry: Entry, reading: Reading) -> Identifier | None:
    """Return the number of the visit that a resource names."""
    reference = entry.resource.get("encounter")
    found = reading.referred(reference, entry, "Encounter", VISIT_NUMBER)
    if reference and not found:
        reading.doubt("encounter-unresolved")
    return next(iter(found), None)


def read_encounter(entry: Entry, reading: Reading) -> EncounterRecord:
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "class", "subject", "period", "serviceType", "location",
        "participant",
    )  # fmt: skip
    status = _STATUS.get(resource["status"])
    if status is None:
        reading.doubt("encounter-status-unknown")
    period = resource.get("period", {})
    return EncounterRecord(
        visit=visit_number(entry, reading),
        status=status or UNCHANGED,
        encounter_class=_class(resource["class"], reading),
        department=first_coding(resource.get("serviceType")) or UNCHANGED,
        location=_location(entry, reading) or UNCHANGED,
        attending=_attending(entry, reading) or UNCHANGED,
        started_at=reading.instant(period.get("start"), "encounter-start-incomplete") or UNCHANGED,
        ended_at=reading.instant(period.get("end"), "encounter-end-incomplete") or UNCHANGED,
    )


def _class(coding: Mapping[str, Any], reading: Reading) -> Stated[EncounterClass]:
    found = _CLASSES.get(str(coding.get("code", "")))
    if found is None:
        reading.doubt("encounter-class-unknown")
    elif found != coding["code"]:
        reading.doubt("encounter-class-widened")
    return found or UNCHANGED


def _location(entry: Entry, reading: Reading) -> str:
    places = [
        one
        for one in entry.resource.get("location", ())
        if one.get("status", "active") in ("active", "completed")
    ]
    return reading.display(places[-1]["location"], entry) if places else ""


def _attending(entry: Entry, reading: Reading) -> Coded | None:
    def order(one: Mapping[str, Any]) -> int:
        kind = first_coding(one.get("type"))
        code = kind.code if kind else ""
        return _TREATS.index(code) if code in _TREATS else len(_TREATS)

    for one in sorted(entry.resource.get("participant", ()), key=order):
        found = reading.actor(one.get("individual"), entry)
        if found is not None:
            return found
    return None


def read_condition(entry: Entry, reading: Reading) -> ConditionRecord | None:
    """Return a diagnosis; None, with a doubt, for one that does not say which."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "clinicalStatus", "verificationStatus", "code", "subject",
        "encounter", "recordedDate", "onsetDateTime", "abatementDateTime",
    )  # fmt: skip
    found = codings(resource.get("code"))
    if not found:
        reading.doubt("condition-without-code")
        return None
    said = resource.get("recordedDate") or resource.get("onsetDateTime")
    return ConditionRecord(
        code=found[0],
        status=_condition_status(resource),
        is_provisional=_code(resource, "verificationStatus") in _UNSURE,
        recorded_at=reading.instant(said, "condition-date-incomplete"),
        visit=visit_of(entry, reading),
        standard_code=meant(resource.get("code")),
    )


def _condition_status(resource: Mapping[str, Any]) -> ConditionStatus:
    if _code(resource, "verificationStatus") in ("entered-in-error", "refuted"):
        return ConditionStatus.ENTERED_IN_ERROR
    clinical = _code(resource, "clinicalStatus")
    has_ended = any(name.startswith("abatement") for name in resource)
    if clinical in _INACTIVE or (not clinical and has_ended):
        return ConditionStatus.RESOLVED
    return ConditionStatus.ACTIVE


def _code(resource: Mapping[str, Any], name: str) -> str:
    found = first_coding(resource.get(name))
    return found.code if found else ""


def read_appointment(entry: Entry, reading: Reading) -> AppointmentRecord | None:
    """Return a booking; None, with a doubt, for one that is only wished for or has no number."""
    resource = entry.resource
    reading.leave(
        entry, "identifier", "status", "start", "end", "participant", "serviceType", "specialty"
    )
    status = _BOOKED.get(resource["status"])
    numbers = reading.numbers(entry, "FILL")
    if status is None or not numbers:
        reading.doubt("appointment-not-booked" if status is None else "appointment-without-number")
        return None
    placer = next((one for one in numbers if one.type_code == "PLAC"), None)
    filler = next((one for one in numbers if one.type_code == "FILL"), None)
    department = first_coding(resource.get("serviceType")) or first_coding(
        resource.get("specialty")
    )
    return AppointmentRecord(
        placer=placer,
        filler=filler or (None if placer else numbers[0]),
        status=status,
        start_at=reading.instant(resource.get("start"), "appointment-start"),
        end_at=reading.instant(resource.get("end"), "appointment-end"),
        department=department,
        practitioner=_practitioner(entry, reading),
    )


def _practitioner(entry: Entry, reading: Reading) -> Coded | None:
    for one in entry.resource.get("participant", ()):
        actor = one.get("actor")
        if is_of(actor, entry, reading, "Practitioner", "PractitionerRole"):
            return reading.actor(actor, entry)
    return None


def is_of(reference: Mapping[str, Any] | None, entry: Entry, reading: Reading, *kinds: str) -> bool:
    """Tell whether a reference points to one of some types of resource."""
    if not reference:
        return False
    target = str(reference.get("reference", ""))
    found = reading.contents.find(target, entry) if target else None
    named = found.kind if found else reference.get("type") or target.rpartition("/")[0]
    return str(named).rpartition("/")[2] in kinds
