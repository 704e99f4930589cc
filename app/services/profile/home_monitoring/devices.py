"""Who has which device: given, handed back, and what came of its readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import DomainError, NotFound
from app.domain.profile.devices import DeviceKind, DeviceName
from app.models import Device, DeviceHolding, InboundMessage, Patient, Reporter
from app.models.profile.device import find_device, holding_at, live_holding

MOST_AT_ONCE: Final = 20
_NEWEST: Final = 20


class DeviceTaken(DomainError):
    """Held by somebody else now, or in the time asked for; whose it is, is not said."""

    code = "device-taken"
    title = "这台设备正在别人名下，请先解除绑定，或联系护士"


class TooManyDevices(DomainError):
    code = "too-many-devices"
    title = "绑定的设备太多了，请先解除不用的设备"


@dataclass(frozen=True, slots=True)
class Binder:
    """Who gives a patient a device: somebody on a phone, or staff."""

    by: Reporter
    account_id: int | None = None
    practitioner_id: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is printed on a device."""

    name: DeviceName
    kind: DeviceKind
    manufacturer: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class HeldReading:
    """A reading that did not enter the record, without what it says; `reason` is a code."""

    received_at: datetime
    reason: str | None


def bind(
    session: Session,
    patient_id: int,
    facts: DeviceFacts,
    binder: Binder,
    now: datetime,
    *,
    starts_at: datetime | None = None,
) -> tuple[DeviceHolding, bool]:
    """Let a patient hold a device from `starts_at` (now), and return whether that is new.

    A device that is not known becomes so; of a known one the first word on its kind stands. Bound
    again to the same patient, nothing changes.

    :raises DeviceTaken: somebody else holds it, or held it after `starts_at`
    :raises TooManyDevices: the patient holds `MOST_AT_ONCE`
    """
    session.get_one(Patient, patient_id, with_for_update=True)
    device = _device(session, facts, now)
    live = live_holding(session, device.id)
    if live is not None:
        if live.patient_id != patient_id:
            raise DeviceTaken
        return live, False
    begins = min(starts_at or now, now)
    last_end = session.scalar(
        select(func.max(DeviceHolding.ends_at)).filter_by(device_id=device.id)
    )
    if last_end is not None and last_end > begins:
        raise DeviceTaken
    mine = select(func.count()).select_from(DeviceHolding)
    if (session.scalar(mine.filter_by(patient_id=patient_id, is_live=True)) or 0) >= MOST_AT_ONCE:
        raise TooManyDevices
    holding = DeviceHolding(
        device=device, patient_id=patient_id, bound_by=binder.by, account_id=binder.account_id,
        practitioner_id=binder.practitioner_id, starts_at=begins,
    )  # fmt: skip
    session.add(holding)
    session.flush()
    return holding, True


def unbind(session: Session, patient_id: int, public_id: str, now: datetime) -> DeviceHolding:
    """End a holding of a patient; ended before, it stays as it was.

    :raises NotFound: no such holding of this patient
    """
    session.get_one(Patient, patient_id, with_for_update=True)
    holding = session.scalar(
        select(DeviceHolding).filter_by(patient_id=patient_id, public_id=public_id)
    )
    if holding is None:
        raise NotFound
    if holding.is_live:
        holding.end(now)
    return holding


def release(session: Session, patient_id: int, account_id: int, now: datetime) -> None:
    """End every holding that somebody's phone began: they no longer agree to it."""
    for holding in session.scalars(
        select(DeviceHolding).filter_by(patient_id=patient_id, account_id=account_id, is_live=True)
    ):
        holding.end(now)


def holdings_of(session: Session, patient_id: int) -> Sequence[DeviceHolding]:
    """Return what a patient holds and held, what is held now first, each newest first."""
    rows = session.scalars(
        select(DeviceHolding)
        .where(DeviceHolding.patient_id == patient_id)
        .options(joinedload(DeviceHolding.device))
        .order_by(DeviceHolding.starts_at.desc(), DeviceHolding.id.desc())
    )
    return sorted(rows, key=lambda one: not one.is_live)


def held_readings(session: Session, patient_id: int) -> Sequence[HeldReading]:
    """Return the newest readings of a patient's devices that wait for somebody to look."""
    rows = session.execute(
        select(InboundMessage.received_at, InboundMessage.reason)
        .where(
            InboundMessage.patient_id == patient_id,
            InboundMessage.source.startswith("device:"),
            InboundMessage.status == "held",
        )
        .order_by(InboundMessage.id.desc())
        .limit(_NEWEST)
    )
    return [HeldReading(*row) for row in rows]


def device_of(session: Session, patient_id: int, public_id: str, at: datetime) -> Device:
    """Return the device of a holding under which a patient had it at a moment.

    :raises NotFound: no such holding of this patient, or not then
    """
    holding = session.scalar(
        select(DeviceHolding).filter_by(patient_id=patient_id, public_id=public_id)
    )
    if holding is None or holding_at(session, holding.device_id, at) is not holding:
        raise NotFound
    return holding.device


def _device(session: Session, facts: DeviceFacts, now: datetime) -> Device:
    """Return the device, locked: two phones that scan one box take turns."""
    found = find_device(session, facts.name)
    if found is None:
        made = Device(
            vendor=facts.name.vendor, serial=facts.name.serial, kind=facts.kind,
            manufacturer=facts.manufacturer, model=facts.model, created_at=now,
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(made)
            return made
        except IntegrityError:
            found = find_device(session, facts.name)
            if found is None:
                raise
    return session.get_one(Device, found.id, with_for_update=True)
