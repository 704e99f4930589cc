"""Visits: which one a message means, whose it is, and how it stands."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import EncounterRecord, Identifier, Unchanged
from app.models import Encounter, EncounterClass, EncounterStatus, Patient
from app.services.intake.columns import clipped, exact
from app.services.intake.held import Held
from app.services.intake.known import Known
from app.services.intake.word import Word, tell

ENDINGS = (EventKind.DISCHARGE, EventKind.CANCEL_ADMIT)
_EVENTS = {
    EncounterStatus.IN_PROGRESS: "encounter.started",
    EncounterStatus.FINISHED: "encounter.finished",
    EncounterStatus.CANCELLED: "encounter.cancelled",
}


def visits_of(message: HospitalMessage) -> Iterator[Identifier]:
    """Yield the visits that a message names, its own first."""
    if message.encounter is not None and message.encounter.visit is not None:
        yield message.encounter.visit
    for records in (
        message.conditions,
        message.observations,
        message.reports,
        message.medications,
        message.service_requests,
        message.immunizations,
    ):
        for record in records:
            if record.visit is not None:
                yield record.visit


def owner_of_content(
    known: Known, head: Patient | None, message: HospitalMessage, word: Word
) -> Patient | None:
    """Return whose record a message's content belongs to; None for a patient we do not know.

    It is the head of the message's patient, unless its visit was since moved to another: then
    what the old booking still sends follows the visit.

    :raises Held: the visit is another patient's
    """
    movers: list[Patient | None] = []
    for visit in dict.fromkeys(visits_of(message)):
        encounter = known.visit(visit)
        if encounter is None:
            movers.append(head)
            continue
        owner = known.head(known.owner(encounter))
        if owner is not head and encounter.stamps.get("patient", "") <= word.version():
            raise Held("visit-of-another-patient")
        movers.append(owner)
    if not movers:
        return head
    if any(owner is not movers[0] for owner in movers):
        raise Held("visits-of-several-patients")
    return movers[0]


def known_visit(known: Known, owner: Patient, visit: Identifier | None) -> Encounter | None:
    """Return the visit of that number; one that we have not heard of is made known, no more."""
    if visit is None:
        return None
    encounter = known.visit(visit)
    if encounter is None:
        encounter = _new(known, owner, visit)
        _announce(known, owner, encounter, None, EncounterClass.AMBULATORY)
    return encounter


def tell_of_visit(
    known: Known, owner: Patient, message: HospitalMessage, word: Word
) -> Encounter | None:
    """Return the visit of the message, up to date; None where the message means none."""
    record = message.encounter
    if record is None:
        return None
    encounter, is_new = _find(known, owner, record, message.event), False
    if encounter is None:
        if record.visit is None:
            return None
        encounter, is_new = _new(known, owner, record.visit), True
    before = None if is_new else encounter.status
    before_class = encounter.encounter_class
    outcome = tell(encounter, word, _said(record), is_again=known.is_rereading)
    if "status" not in encounter.stamps:
        # Nobody said how it stands: it is over when its end is known.
        is_over = encounter.ended_at is not None
        encounter.status = EncounterStatus.FINISHED if is_over else EncounterStatus.IN_PROGRESS
    if outcome.changed or is_new:
        known.touch(encounter)
    _announce(known, owner, encounter, before, before_class)
    return encounter


def _find(
    known: Known, owner: Patient, record: EncounterRecord, event: EventKind
) -> Encounter | None:
    if record.visit is not None:
        return known.visit(record.visit)
    # A sender without visit numbers ends the stay that is open.
    return known.open_stay(owner) if event in ENDINGS else None


def _new(known: Known, owner: Patient, visit: Identifier) -> Encounter:
    encounter = Encounter(
        issuer=exact(visit.issuer),
        visit_number=exact(visit.value),
        encounter_class=EncounterClass.AMBULATORY,
        status=EncounterStatus.IN_PROGRESS,
        stamps={},
        created_at=known.now,
    )
    known.add_visit(visit, encounter, owner)
    return encounter


def _said(record: EncounterRecord) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {}
    # A stay is of some kind and stands somehow: these cannot be deleted.
    if record.status is not None and not isinstance(record.status, Unchanged):
        said["status"] = {"status": record.status}
    if record.encounter_class is not None and not isinstance(record.encounter_class, Unchanged):
        said["encounter_class"] = {"encounter_class": record.encounter_class}
    for field, coded in (("department", record.department), ("attending", record.attending)):
        if not isinstance(coded, Unchanged):
            code, name = (coded.code, coded.display) if coded else (None, None)
            said[field] = {f"{field}_code": clipped(code), f"{field}_name": clipped(name)}
    if not isinstance(record.location, Unchanged):
        said["location"] = {"location": clipped(record.location)}
    times: dict[str, datetime | Unchanged | None] = {
        "started_at": record.started_at,
        "ended_at": record.ended_at,
    }
    said.update(
        {field: {field: at} for field, at in times.items() if not isinstance(at, Unchanged)}
    )
    return said


def _announce(
    known: Known,
    owner: Patient,
    encounter: Encounter,
    before: EncounterStatus | None,
    before_class: EncounterClass,
) -> None:
    status, started = encounter.status, EncounterStatus.IN_PROGRESS
    # A result makes a stay known before it is known to be one: then it starts again.
    became_stay = encounter.encounter_class is not before_class and status is started
    if status not in _EVENTS or (status is before and not became_stay):
        return
    is_reopened = before is EncounterStatus.FINISHED and status is started
    kind = "encounter.reopened" if is_reopened else _EVENTS[status]
    known.event(kind, owner, encounter_id=encounter)
