"""Appointments, known by the number of the filler, the placer, or both."""

from collections.abc import Iterable
from typing import Any

from app.domain.intake.hospital_records import AppointmentRecord, AppointmentStatus
from app.models import Appointment, Patient
from app.services.intake.columns import clipped, exact
from app.services.intake.held import Held
from app.services.intake.known import Known
from app.services.intake.word import Word, tell

# Of one second: what comes later in an appointment's life was said later.
_RANKS = {
    AppointmentStatus.BOOKED: 40,
    AppointmentStatus.ARRIVED: 50,
    AppointmentStatus.FULFILLED: 60,
    AppointmentStatus.CANCELLED: 70,
    AppointmentStatus.NO_SHOW: 80,
}


def check_bookings(
    known: Known, head: Patient | None, records: Iterable[AppointmentRecord]
) -> None:
    """Make sure that no appointment is somebody else's.

    :raises Held: one is
    """
    for record in records:
        for appointment in _rows(known, record):
            if known.head(known.owner(appointment)) is not head:
                raise Held("appointment-of-another-patient")


def tell_of_bookings(
    known: Known, owner: Patient, records: Iterable[AppointmentRecord], word: Word
) -> None:
    """Keep appointments current, each field by the last word on it."""
    for record in records:
        rows = _rows(known, record)
        appointment = rows[0] if rows else _new(known, owner, record)
        before = (appointment.status, appointment.starts_at) if rows else None
        for twin in rows[1:]:
            # Each number had come alone; this message says that they are one appointment.
            _absorb(known, appointment, twin)
        known.number_booking(appointment, record)
        weight = Word(word.at, _RANKS[record.status], is_copy=False, is_early=word.is_early)
        if tell(appointment, weight, _said(record)).changed or not rows:
            known.touch(appointment)
        if (appointment.status, appointment.starts_at) != before:
            kind = f"appointment.{appointment.status}"
            known.event(kind, owner, appointment_id=appointment)


def _rows(known: Known, record: AppointmentRecord) -> list[Appointment]:
    """Return the rows known by either number, the filler's first."""
    found = (known.booking(n) for n in (record.filler, record.placer) if n is not None)
    return list({id(row): row for row in found if row is not None}.values())


def _new(known: Known, owner: Patient, record: AppointmentRecord) -> Appointment:
    appointment = Appointment(
        issuer=exact(record.identifier.issuer),
        number="",
        number_hash=b"",
        status=record.status,
        stamps={},
        created_at=known.now,
    )
    known.add_booking(appointment, owner)
    return appointment


def _said(record: AppointmentRecord) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {"status": {"status": record.status}}
    if record.start_at is not None:
        said["starts_at"] = {"starts_at": record.start_at}
    if record.end_at is not None:
        said["ends_at"] = {"ends_at": record.end_at}
    if record.department is not None:
        said["department"] = {
            "department_code": clipped(record.department.code),
            "department_name": clipped(record.department.display),
        }
    if record.practitioner is not None:
        said["practitioner"] = {"practitioner_name": clipped(record.practitioner.display)}
    return said


_FIELDS = {
    "status": ("status",),
    "starts_at": ("starts_at",),
    "ends_at": ("ends_at",),
    "department": ("department_code", "department_name"),
    "practitioner": ("practitioner_name",),
}


def _absorb(known: Known, appointment: Appointment, twin: Appointment) -> None:
    stamps = dict(appointment.stamps)
    for field, columns in _FIELDS.items():
        if twin.stamps.get(field, "") > stamps.get(field, ""):
            stamps[field] = twin.stamps[field]
            for column in columns:
                setattr(appointment, column, getattr(twin, column))
    appointment.stamps = stamps
    known.drop_booking(twin, appointment)
