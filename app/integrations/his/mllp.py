"""A hospital system that takes HL7 v2 over MLLP: send one message, wait for its answer.

AA and CA: taken. AE and CE: send again. AR and CR: never acceptable. An answer that speaks of
another message, is torn or does not come leaves open what happened; the same number is then sent
again. Some systems answer with the order itself (ORR, ORG, SRR): its ORC or SCH says whether the
request is accepted, and under which number of theirs.
"""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from app.domain.exchange.answers import Answer, Verdict
from app.domain.exchange.delivering import Broken, CallError, CallOutcome, Taken
from app.domain.exchange.documents import OutgoingDocument
from app.domain.intake.rejections import Rejected
from app.integrations.bounded_http import Bounds
from app.integrations.his.hl7_messages import Dialect, message_of
from app.integrations.hl7.envelope import Limits, open_envelope
from app.integrations.hl7.framing import Frame, FrameReader, enframe
from app.integrations.hl7.segments import Message, Segment

log = structlog.get_logger()

# HL7 table 0119 in ORC-1, as answers use it.
_VERDICTS: Final = {
    "OK": Verdict.ACCEPTED, "SC": Verdict.ACCEPTED, "NA": Verdict.ACCEPTED,
    "UA": Verdict.REFUSED, "OC": Verdict.CANCELLED, "CR": Verdict.CANCELLED,
}  # fmt: skip
# HL7 table 0278 in SCH-25.
_BOOKED: Final = {
    "BOOKED": Verdict.ACCEPTED, "COMPLETE": Verdict.COMPLETED, "CANCELLED": Verdict.CANCELLED,
    "REFUSED": Verdict.REFUSED, "DC": Verdict.REFUSED,
}  # fmt: skip
_CHUNK: Final = 65536


@dataclass(frozen=True, slots=True)
class Door:
    """Where the system listens; with `ca_file` by TLS, with our certificate where it wants one."""

    host: str
    port: int
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext | None:
        if self.ca_file is None:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


def mllp_sender(
    door: Door,
    dialect: Dialect,
    now: Callable[[], datetime],
    bounds: Bounds = Bounds(),  # noqa: B008  # frozen
) -> Callable[[OutgoingDocument], CallOutcome]:
    """Return the sender of documents to one system; a connection for each message."""
    context = door.context()

    def send(document: OutgoingDocument) -> CallOutcome:
        try:
            message = message_of(document, dialect, now())
        except UnicodeEncodeError:
            return Broken(CallError.CONTENT)
        told = _exchange(door, context, message, bounds)
        outcome = told if isinstance(told, Broken) else _read(told, document, dialect, now())
        if isinstance(outcome, Broken):
            log.warning(
                "hl7_call_failed", host=door.host, error_class=outcome.error.value,
                errcode=outcome.code,
            )  # fmt: skip
        return outcome

    return send


def _exchange(
    door: Door, context: ssl.SSLContext | None, message: bytes, bounds: Bounds
) -> Frame | Broken:
    until = time.monotonic() + bounds.total
    has_sent = False
    try:
        with socket.create_connection((door.host, door.port), bounds.connect) as plain:
            wire = context.wrap_socket(plain, server_hostname=door.host) if context else plain
            with wire:
                wire.settimeout(bounds.read)
                has_sent = True
                wire.sendall(enframe(message))
                return _first_frame(wire, until, bounds)
    except OSError:
        return Broken(CallError.AMBIGUOUS if has_sent else CallError.NOT_SENT)


def _first_frame(wire: socket.socket, until: float, bounds: Bounds) -> Frame | Broken:
    reader, seen = FrameReader(bounds.answer), 0
    while seen <= bounds.answer:
        left = until - time.monotonic()
        if left <= 0:
            break
        wire.settimeout(min(left, bounds.read))
        data = wire.recv(_CHUNK)
        seen += len(data)
        # A sender that closes may have left the CR away.
        frames = reader.feed(data) if data else reader.flush()
        if frames:
            return frames[0]
        if not data:
            break
    return Broken(CallError.AMBIGUOUS)


def _read(frame: Frame, document: OutgoingDocument, dialect: Dialect, now: datetime) -> CallOutcome:
    try:
        envelope = open_envelope(frame.body, dialect.charset, Limits())
        answer = Message(envelope)
    except Rejected:
        return Broken(CallError.AMBIGUOUS)
    acknowledged = answer.first("MSA")
    if acknowledged is None or acknowledged.text(2) != document.number:
        return Broken(CallError.AMBIGUOUS)
    code = acknowledged.text(1)
    if code in ("AA", "CA"):
        return Taken(_answer(answer, document.number, now))
    error = CallError.CONTENT if code in ("AR", "CR") else CallError.BUSY
    return Broken(error, _error_code(answer))


def _error_code(answer: Message) -> int | None:
    """Return the number of HL7 table 0357 in ERR-3, or ERR-1.4 before version 2.5."""
    err = answer.first("ERR")
    if err is None:
        return None
    text = err.text(3) or err.text(1, 4)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _answer(message: Message, number: str, now: datetime) -> Answer | None:
    order, booked = message.first("ORC"), message.first("SCH")
    if order is not None:
        verdict, filler = _VERDICTS.get(order.text(1)), order.text(3)
        reason = order.text(16, 2)
    elif booked is not None:
        verdict, filler = _BOOKED.get(booked.text(25).upper()), booked.text(2)
        reason = booked.text(6, 2)
    else:
        return None
    if verdict is None:
        return None
    return Answer(number, verdict, now, filler, reason or _note(message.first("NTE")))


def _note(note: Segment | None) -> str:
    return "" if note is None else note.text(3)
