"""From the bytes of one message to what it says."""

import re
from collections.abc import Iterable
from datetime import datetime

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.hl7.adt import EVENTS, read_conditions, read_merges, read_visit
from app.integrations.hl7.envelope import Envelope, Header, open_envelope
from app.integrations.hl7.oru import read_observations
from app.integrations.hl7.people import Reading, read_identifiers, read_patient
from app.integrations.hl7.segments import Message, Segment
from app.integrations.hl7.siu import TRIGGERS, read_appointment
from app.integrations.hl7.source import Source

# Segments of the standard that ADT, ORU and SIU may carry; what is not here is the sender's own.
_STANDARD = frozenset(
    re.findall(
        "[A-Z0-9]{3}",
        "MSH SFT UAC EVN PID PD1 ARV ROL PRT NK1 PV1 PV2 DB1 OBX AL1 IAM IAR DG1 DRG PR1 GT1 IN1 "
        "IN2 IN3 ACC UB1 UB2 PDA NPU MRG ORC OBR NTE TQ1 TQ2 CTD CTI SPM SAC DSC FT1 BLG TXA SCH "
        "RGS AIS AIG AIL AIP DSP RF1 OH1 OH2 OH3 OH4 NST ECD SID INV",
    )
)
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
    visit = read_visit(message, event, patient, reading, recorded_at)
    is_merge, is_appointment = event is EventKind.MERGE, event is EventKind.APPOINTMENT
    return HospitalMessage(
        source=source.name,
        event=event,
        control_id=header.control_id,
        sending_application=application,
        sending_facility=facility,
        recorded_at=recorded_at,
        patient=patient,
        encounter=None if is_merge or is_appointment else visit,
        conditions=() if is_merge else read_conditions(message, visit, reading),
        observations=read_observations(message, visit.visit if visit else None, reading, sent_at),
        appointments=(read_appointment(message, trigger, reading),) if is_appointment else (),
        merges=read_merges(message, reading) if is_merge else (),
        unknown_segments=_unknown_segments(message),
        issues=tuple(reading.issues),
    )


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
    if (kind, trigger) in (("ORU", "R01"), ("MDM", "T02")):
        return EventKind.RESULT, trigger
    if kind == "SIU" and trigger in TRIGGERS:
        return EventKind.APPOINTMENT, trigger
    named = "^".join(part for part in (kind, trigger) if _TYPE.fullmatch(part))
    if kind in ("ADT", "ORU", "SIU", "MDM"):
        raise Unsupported(RejectionReason.UNSUPPORTED_EVENT, named)
    raise Unsupported(RejectionReason.UNSUPPORTED_TYPE, named)


def _pid(message: Message, reading: Reading, event: EventKind) -> Segment:
    """Return the PID of the one patient; a merge names several and means the first.

    :raises Rejected: none or, outside a merge, different ones
    """
    pids = list(message.named("PID"))
    if not pids:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "PID")
    if event is not EventKind.MERGE and len({read_identifiers(p, 3, reading) for p in pids}) > 1:
        raise Rejected(RejectionReason.SEVERAL_PATIENTS)
    return pids[0]


def _times(message: Message, reading: Reading) -> tuple[datetime | None, datetime | None]:
    """Return when the message was sent (MSH-7) and the event recorded (EVN-2, else MSH-7)."""
    evn = message.first("EVN")
    sent_at = reading.instant(message.segments[0].text(7), "message-time-unreadable")
    recorded = reading.instant(evn.text(2), "event-time-unreadable") if evn else None
    return sent_at, recorded or sent_at


def _unknown_segments(message: Message) -> tuple[str, ...]:
    names = (segment.name for segment in message.segments)
    return tuple(dict.fromkeys(name for name in names if name not in _STANDARD))


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
