"""From the bytes of one message to what it says."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import Identifier
from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.hl7.adt import EVENTS, read_conditions, read_visit
from app.integrations.hl7.allergies import read_allergies
from app.integrations.hl7.envelope import Envelope, Header, open_envelope
from app.integrations.hl7.identity import read_links, read_merges, read_visit_moves
from app.integrations.hl7.immunizations import read_immunizations
from app.integrations.hl7.medications import read_medications
from app.integrations.hl7.observations import read_observations
from app.integrations.hl7.orders import Order, group_orders
from app.integrations.hl7.people import Reading, read_identifiers, read_patient
from app.integrations.hl7.relatives import read_relatives
from app.integrations.hl7.reports import read_documents, read_reports
from app.integrations.hl7.segments import Message, Segment
from app.integrations.hl7.service_requests import read_service_requests
from app.integrations.hl7.siu import TRIGGERS, read_appointment
from app.integrations.hl7.source import Source

# Segments of the standard that may stand in what we read; what is not here is the sender's own.
_STANDARD = frozenset(
    re.findall(
        "[A-Z0-9]{3}",
        "MSH SFT UAC EVN PID PD1 ARV ROL PRT NK1 PV1 PV2 DB1 OBX AL1 IAM IAR DG1 DRG PR1 GT1 IN1 "
        "IN2 IN3 ACC UB1 UB2 PDA NPU MRG ORC OBR NTE TQ1 TQ2 CTD CTI SPM SAC DSC FT1 BLG TXA SCH "
        "RGS AIS AIG AIL AIP DSP RF1 OH1 OH2 OH3 OH4 NST ECD SID INV RXO RXR RXC RXE RXD RXG RXA "
        "RXV CDO CON TCD PRB PTH VAR GOL",
    )
)
# What we read beside ADT and SIU, by type and trigger; the O01 of RDE and RDS is version 2.3.
_KINDS = {
    ("ORU", "R01"): EventKind.RESULT,
    **{("MDM", f"T{n:02}"): EventKind.RESULT for n in range(1, 12)},
    **dict.fromkeys(
        (("ORM", "O01"), ("OMG", "O19"), ("OML", "O21"), ("OML", "O33"), ("OML", "O35")),
        EventKind.ORDER,
    ),
    **dict.fromkeys(
        (("RDE", "O01"), ("RDE", "O11"), ("RDE", "O25"), ("RDS", "O01"), ("RDS", "O13"),
         ("OMP", "O09")),
        EventKind.PRESCRIPTION,
    ),
    ("VXU", "V04"): EventKind.VACCINATION,
}  # fmt: skip
_READ_TYPES = {"ADT", "SIU", *(kind for kind, _ in _KINDS)}
# These speak of two people, and only of who they are.
_IDENTITY = (EventKind.MERGE, EventKind.LINK, EventKind.UNLINK, EventKind.MOVE_VISIT)
_OF_SEVERAL = (EventKind.MERGE, EventKind.LINK, EventKind.UNLINK)
_TYPE = re.compile(r"[A-Z0-9]{1,4}")


def interpret(body: bytes, source: Source) -> HospitalMessage:
    """Return what a message says.

    :raises Rejected: it cannot be read or not be acted on; nothing else, whatever the bytes
    """
    envelope = open_envelope(body, source.charset, source.limits)
    event, trigger = _event(envelope.header, envelope)
    message = Message(envelope)
    header = envelope.header
    application = _first_component(header, header.sending_application)
    facility = _first_component(header, header.sending_facility)
    reading = Reading(source.zone, facility or application or source.name)
    for issue in envelope.issues:
        reading.doubt(issue)

    sent_at, recorded_at = _times(message, reading)
    patient = read_patient(_pid(message, reading, event), reading, recorded_at)
    told = HospitalMessage(
        source=source.name,
        event=event,
        control_id=header.control_id,
        sending_application=application,
        sending_facility=facility,
        recorded_at=recorded_at,
        patient=patient,
        unknown_segments=tuple(name for name in message.names if name not in _STANDARD),
    )
    if event in _IDENTITY:
        told = _of_identity(told, message, reading)
    else:
        told = _of_care(told, message, trigger, reading, sent_at)
    return replace(told, issues=tuple(reading.issues))


def _of_identity(told: HospitalMessage, message: Message, reading: Reading) -> HospitalMessage:
    """Return the message with what it says of who is whom."""
    if told.event is EventKind.MERGE:
        return replace(told, merges=read_merges(message, reading))
    if told.event is EventKind.MOVE_VISIT:
        return replace(told, visit_moves=read_visit_moves(message, reading))
    return replace(told, links=read_links(message, reading))


def _of_care(
    told: HospitalMessage,
    message: Message,
    trigger: str,
    reading: Reading,
    sent_at: datetime | None,
) -> HospitalMessage:
    """Return the message with what it says of the visit and of what was found and done."""
    is_appointment = told.event is EventKind.APPOINTMENT
    encounter = read_visit(message, told.event, told.patient, reading, told.recorded_at)
    visit = encounter.visit if encounter else None
    orders = group_orders(message)
    told = replace(
        told,
        encounter=None if is_appointment else encounter,
        conditions=read_conditions(message, encounter, reading),
        appointments=(read_appointment(message, trigger, reading),) if is_appointment else (),
        allergies=read_allergies(message, told.patient, reading),
        related_persons=read_relatives(message, reading),
    )
    if told.event is EventKind.VACCINATION:
        # The OBX of a vaccination are about it: its dose, its funding; no results of the patient.
        profile = message.segments[0].raw(21)
        return replace(told, immunizations=read_immunizations(orders, profile, visit, reading))
    told = replace(told, observations=read_observations(orders, visit, reading, sent_at))
    return _with_orders(told, message, orders, trigger, visit, reading, sent_at)


def _with_orders(
    told: HospitalMessage,
    message: Message,
    orders: list[Order],
    trigger: str,
    visit: Identifier | None,
    reading: Reading,
    sent_at: datetime | None,
) -> HospitalMessage:
    if told.event is EventKind.RESULT:
        if trigger.startswith("T"):
            if message.first("TXA") is None:
                reading.doubt("document-without-number")
            reports = read_documents(orders, trigger, visit, reading, sent_at)
        else:
            reports = read_reports(orders, visit, reading, sent_at)
        return replace(told, reports=reports)
    if told.event in (EventKind.ORDER, EventKind.PRESCRIPTION):
        return replace(
            told,
            service_requests=read_service_requests(orders, visit, reading),
            medications=read_medications(orders, visit, reading),
        )
    return told


def _event(header: Header, envelope: Envelope) -> tuple[EventKind, str]:
    """Return what happened and the trigger that says so.

    :raises Unsupported: we do not read this kind
    """
    kind, trigger = header.type_code, header.trigger
    if not trigger and kind == "ADT":
        evn = re.search(rf"\rEVN{re.escape(header.field_separator)}([A-Z0-9]{{3}})", envelope.text)
        trigger = evn[1] if evn else ""
    if kind == "ADT" and trigger in EVENTS:
        return EVENTS[trigger], trigger
    if (kind, trigger) in _KINDS:
        return _KINDS[kind, trigger], trigger
    if kind == "SIU" and trigger in TRIGGERS:
        return EventKind.APPOINTMENT, trigger
    named = "^".join(part for part in (kind, trigger) if _TYPE.fullmatch(part))
    if kind in _READ_TYPES:
        raise Unsupported(RejectionReason.UNSUPPORTED_EVENT, named)
    raise Unsupported(RejectionReason.UNSUPPORTED_TYPE, named)


def _pid(message: Message, reading: Reading, event: EventKind) -> Segment:
    """Return the PID of the one patient; a merge or link names several and means the first.

    :raises Rejected: none or, outside of those, different ones
    """
    pids = message.named("PID")
    if not pids:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "PID")
    if event not in _OF_SEVERAL and len({read_identifiers(p, 3, reading) for p in pids}) > 1:
        raise Rejected(RejectionReason.SEVERAL_PATIENTS)
    return pids[0]


def _times(message: Message, reading: Reading) -> tuple[datetime | None, datetime | None]:
    """Return when the message was sent (MSH-7) and the event recorded (EVN-2, else MSH-7)."""
    evn = message.first("EVN")
    sent_at = reading.instant(message.segments[0].text(7), "message-time-unreadable")
    recorded = reading.instant(evn.text(2), "event-time-unreadable") if evn else None
    return sent_at, recorded or sent_at


def _first_component(header: Header, value: str) -> str:
    return value.split(header.encoding_characters[0])[0]


class Reader:
    """Reads stored messages again, each as its source was configured."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = {source.name: source for source in sources}

    def __call__(self, source: str, body: bytes) -> tuple[HospitalMessage, ...] | Rejected:
        """Return what the message of a source says, or why it says nothing."""
        try:
            return (interpret(body, self._sources.get(source) or Source(source)),)
        except Rejected as rejected:
            return rejected
