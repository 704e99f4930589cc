"""Devices that measure at home, and who held each when."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import (
    CARE,
    IDENTITY,
    KNOWLEDGE,
    OPERATION,
    Base,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.profile.devices import DeviceKind, DeviceName, normal_serial
from app.encryption import Encrypted


class Reporter(StrEnum):
    """Who brought a home measurement, a device or a photo into the record."""

    PATIENT = "patient"
    FAMILY = "family"  # somebody linked to the patient, on their own phone
    STAFF = "staff"
    DEVICE = "device"  # by the cloud of its maker; nobody typed anything


class Device(Base):
    """One thing that measures (FHIR Device); `vendor` is our key of the cloud it speaks to."""

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("vendor", "serial_index"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    vendor: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    # Whoever sees the box can tell whose it is.
    serial = Encrypted("serial_sealed", index="serial_index", normalise=normal_serial)
    serial_sealed: Mapped[bytes] = mapped_column(Sealed, info=IDENTITY)
    serial_index: Mapped[bytes] = mapped_column(Digest, info=IDENTITY)
    kind: Mapped[DeviceKind] = mapped_column(info=CARE)
    manufacturer: Mapped[str | None] = mapped_column(info=KNOWLEDGE)
    model: Mapped[str | None] = mapped_column(info=KNOWLEDGE)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    @property
    def words(self) -> str:
        """What people call it: maker, model and kind; not its number."""
        return " ".join(filter(None, (self.manufacturer, self.model, self.kind.label)))


class DeviceHolding(Base):
    """That a patient has a device, from when until when; ended ones stay.

    A device has one holder at a time. Its readings belong to whoever held it when it measured,
    however late they arrive.
    """

    __tablename__ = "device_holding"
    __table_args__ = (
        UniqueConstraint("device_id", "is_live"),
        Index(None, "patient_id", "starts_at"),
        Index(None, "device_id", "starts_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"), info=OPERATION)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    bound_by: Mapped[Reporter] = mapped_column(info=OPERATION)
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("wechat_account.id"), index=True, info=OPERATION
    )
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    is_live: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    device: Mapped[Device] = relationship()

    def end(self, now: datetime) -> None:
        """End it; a holding that was to begin later never was."""
        self.is_live, self.ends_at = None, max(now, self.starts_at)


def find_device(session: Session, name: DeviceName) -> Device | None:
    index = Device.serial.index(Device.__tablename__, name.serial)
    return session.scalar(select(Device).filter_by(vendor=name.vendor, serial_index=index))


def live_holding(session: Session, device_id: int) -> DeviceHolding | None:
    return session.scalar(select(DeviceHolding).filter_by(device_id=device_id, is_live=True))


def holding_at(session: Session, device_id: int, at: datetime) -> DeviceHolding | None:
    """Return who held a device at a moment; the end of a holding is no longer part of it."""
    return session.scalar(
        select(DeviceHolding)
        .where(
            DeviceHolding.device_id == device_id,
            DeviceHolding.starts_at <= at,
            or_(DeviceHolding.ends_at.is_(None), DeviceHolding.ends_at > at),
        )
        .order_by(DeviceHolding.id.desc())
        .limit(1)
    )
