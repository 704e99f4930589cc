"""SIU: appointments booked, changed, cancelled, missed."""

from datetime import datetime, timedelta

from app.domain.intake.hospital_records import (
    AppointmentRecord,
    AppointmentStatus,
    Coded,
    Identifier,
)
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.people import Reading, read_coded, read_person
from app.integrations.hl7.segments import Message, Segment

# Triggers that decide the status whatever SCH-25 says; None leaves it to SCH-25. S18 to S22 tell of
# one resource of the appointment, not of the appointment.
TRIGGERS: dict[str, AppointmentStatus | None] = {
    "S12": None,
    "S13": None,
    "S14": None,
    "S15": AppointmentStatus.CANCELLED,
    "S16": AppointmentStatus.CANCELLED,
    "S17": AppointmentStatus.CANCELLED,
    **dict.fromkeys(("S18", "S19", "S20", "S21", "S22")),
    "S26": AppointmentStatus.NO_SHOW,
}
# HL7 table 0278, SCH-25.
_FILLER_STATUS = {
    "PENDING": AppointmentStatus.BOOKED,
    "WAITLIST": AppointmentStatus.BOOKED,
    "BOOKED": AppointmentStatus.BOOKED,
    "STARTED": AppointmentStatus.ARRIVED,
    "ARRIVED": AppointmentStatus.ARRIVED,
    "COMPLETE": AppointmentStatus.FULFILLED,
    "COMPLETED": AppointmentStatus.FULFILLED,
    "CANCELLED": AppointmentStatus.CANCELLED,
    "CANCELED": AppointmentStatus.CANCELLED,
    "DC": AppointmentStatus.CANCELLED,
    "BLOCKED": AppointmentStatus.CANCELLED,
    "OVERBOOK": AppointmentStatus.BOOKED,
    "DELETED": AppointmentStatus.CANCELLED,
    "NOSHOW": AppointmentStatus.NO_SHOW,
}
_MINUTES_PER_UNIT = {"": 1, "M": 1, "MIN": 1, "MINUTES": 1, "分钟": 1, "H": 60, "HR": 60, "S": 0}
_LONGEST_MINUTES = 24 * 60


def read_appointment(message: Message, trigger: str, reading: Reading) -> AppointmentRecord:
    """Return the appointment of SCH and its resources.

    :raises Rejected: no SCH, or no number to know the appointment by
    """
    sch = message.first("SCH")
    if sch is None:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "SCH")
    placer, filler = _number(sch, 1, reading), _number(sch, 2, reading)
    if placer is None and filler is None:
        raise Rejected(RejectionReason.NO_APPOINTMENT_IDENTIFIER)
    start_at, end_at = _times(message, sch, reading)
    return AppointmentRecord(
        placer=placer,
        filler=filler,
        status=TRIGGERS[trigger]
        or _FILLER_STATUS.get(sch.text(25).upper(), AppointmentStatus.BOOKED),
        start_at=start_at,
        end_at=end_at,
        department=_department(message),
        practitioner=_practitioner(message, sch),
    )


def _number(sch: Segment, field: int, reading: Reading) -> Identifier | None:
    value = sch.first(field)
    if not value.text(1):
        return None
    kind = "PLAC" if field == 1 else "FILL"
    return Identifier(reading.default_issuer, kind, value.text(1))


def _times(
    message: Message, sch: Segment, reading: Reading
) -> tuple[datetime | None, datetime | None]:
    """Return begin and end: SCH-11, else TQ1, else the service; the length closes what is open."""
    quantity, service, timing = sch.first(11), message.first("AIS"), message.first("TQ1")
    starts = (quantity.text(4), timing and timing.text(7), service and service.text(4))
    ends = (quantity.text(5), timing and timing.text(8))
    start = next((text for text in starts if text), "")
    end = next((text for text in ends if text), "")
    start_at = reading.instant(start, "appointment-time-unreadable")
    end_at = reading.instant(end, "appointment-time-unreadable")
    if start_at and end_at is None and sch.text(9).isdecimal():
        minutes = int(sch.text(9)[:6]) * _MINUTES_PER_UNIT.get(sch.text(10).upper(), 0)
        if 0 < minutes <= _LONGEST_MINUTES:
            end_at = start_at + timedelta(minutes=minutes)
    return start_at, end_at


def _department(message: Message) -> Coded | None:
    """Return where it takes place; the service of the same code lends a missing name."""
    place, service = message.first("AIL"), message.first("AIS")
    offered = read_coded(service.first(3)) if service else None
    code = place.text(3) if place else ""
    if place is None or not code:
        return offered
    name = place.text(3, 9) or (offered.display if offered and offered.code == code else "")
    return Coded(code, name)


def _practitioner(message: Message, sch: Segment) -> Coded | None:
    person = message.first("AIP")
    return (read_person(person.first(3)) if person else None) or read_person(sch.first(16))
