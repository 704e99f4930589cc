"""What the clouds of devices tell: each kept reading is taken into the record, or held."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.profile.device_readings import name_of, read
from app.domain.profile.plausibility import Doubt, HoldReason, ReadingHeld
from app.domain.strict_json import JSONLimits, UnacceptableJSON, loads
from app.models import (
    Device,
    DeviceHolding,
    InboundMessage,
    Observation,
    Patient,
    Reporter,
)
from app.models.profile.device import find_device, holding_at
from app.models.profile.patient_index import head_id_of
from app.services.profile.home_monitoring.keeping import (
    Judged,
    Provenance,
    doubt,
    find_kept,
    keep,
)

WAY: Final = "device:"
_EXACT: Final = JSONLimits(depth=4, items=20, text=1000, exact=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a kept reading; `reason` is why it is held, `doubt` why it is not believed."""

    status: str
    reason: str | None = None
    doubt: Doubt | None = None


def take(session: Session, message_id: int, now: datetime) -> Outcome:
    """Take one kept reading into the record of whoever held the device when it measured.

    A reading goes the way of a typed one: events, rules, the task it answers. What cannot be
    taken is held with a reason and loses nothing. Taken up again, it stays as it was settled.
    """
    inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
    if inbound.status != "received":
        return Outcome(inbound.status, inbound.reason)
    try:
        with session.begin_nested():
            observation = _record(session, inbound, now)
    except ReadingHeld as held:
        inbound.status, inbound.reason = "held", held.reason.value
        inbound.patient_id = _holder_now(session, inbound)
        inbound.processed_at = now
        return Outcome("held", inbound.reason)
    inbound.status = "processed"
    inbound.reason = f"doubted: {observation.doubt}" if observation.doubt else None
    inbound.patient_id, inbound.processed_at = observation.patient_id, now
    return Outcome("processed", doubt=observation.doubt)


def _record(session: Session, inbound: InboundMessage, now: datetime) -> Observation:
    """:raises ReadingHeld: why it cannot enter the record"""
    reading = read(_vendor(inbound), _told(inbound))
    device = find_device(session, reading.device)
    if device is None:
        raise ReadingHeld(HoldReason.UNKNOWN_DEVICE)
    if reading.measurement.code not in device.kind.measures:
        raise ReadingHeld(HoldReason.WRONG_KIND)
    effective_at, offset = reading.in_our_time(inbound.received_at)
    judged = Judged.of(replace(reading.measurement, effective_at=effective_at))
    if not judged.is_convertible:
        raise ReadingHeld(HoldReason.UNKNOWN_UNIT)
    holding = holding_at(session, device.id, effective_at)
    if holding is None:
        raise ReadingHeld(HoldReason.NOT_HELD)
    patient = _patient(session, holding, effective_at)
    kept = find_kept(session, patient.id, reading.key)
    if kept is not None:
        return _the_same(kept, judged)
    provenance = Provenance(Reporter.DEVICE, device, inbound.source, inbound.id, offset)
    doubted = doubt(session, patient.id, judged, device)
    return keep(
        session, patient.id, judged, reading.key, provenance, doubted, now,
        # What is doubted is to be measured again.
        answers_task=doubted is None,
    )  # fmt: skip


def _patient(session: Session, holding: DeviceHolding, at: datetime) -> Patient:
    head = head_id_of(session, holding.patient_id)
    patient = session.get_one(Patient, head, with_for_update=True)
    if patient.deceased_at is not None and patient.deceased_at < at:
        raise ReadingHeld(HoldReason.AFTER_DEATH)  # the family may still use it
    return patient


def _the_same(kept: Observation, judged: Judged) -> Observation:
    told = judged.measurement
    if (kept.code, kept.value, kept.off_scale) != (told.code, told.value, told.off_scale):
        raise ReadingHeld(HoldReason.ANOTHER_CONTENT)
    return kept


def _holder_now(session: Session, inbound: InboundMessage) -> int | None:
    """Return whose device it is on arrival: whose team should know that a reading waits."""
    try:
        named = name_of(_vendor(inbound), _told(inbound))
    except ReadingHeld:
        return None
    device: Device | None = find_device(session, named[0]) if named else None
    holding = holding_at(session, device.id, inbound.received_at) if device else None
    return head_id_of(session, holding.patient_id) if holding else None


def _vendor(inbound: InboundMessage) -> str:
    return inbound.source.removeprefix(WAY)


def _told(inbound: InboundMessage) -> object:
    try:
        found: object = loads((inbound.body or "").encode("latin-1"), _EXACT)
    except UnacceptableJSON:
        raise ReadingHeld(HoldReason.NOT_READABLE) from None
    return found


def pending(session: Session, before: datetime, limit: int) -> list[int]:
    """Return readings that were kept but not taken up: after a crash, or put back by a person."""
    return list(
        session.scalars(
            select(InboundMessage.id)
            .where(
                InboundMessage.status == "received",
                InboundMessage.source.startswith(WAY),
                InboundMessage.received_at <= before,
            )
            .order_by(InboundMessage.id)
            .limit(limit)
        )
    )
