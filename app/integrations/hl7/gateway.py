"""What happens to a message that came over MLLP: kept, answered, then understood."""

import ipaddress
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.acknowledge import (
    ACCEPTED,
    FAULT,
    MERGE_HELD,
    Acknowledgement,
    Mode,
    Verdict,
    acknowledge,
    batched,
    is_enhanced,
    is_wanted,
    refusal,
)
from app.integrations.hl7.envelope import (
    Header,
    Limits,
    glimpse_header,
    identify,
    is_batch,
    split_messages,
)
from app.integrations.hl7.framing import Frame
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.listener import Caller
from app.integrations.hl7.source import Source
from app.integrations.hl7.timestamps import read_instant

log = structlog.get_logger()

# What a message says, why it says nothing, or None where our own reader broke on it.
Told = tuple[HospitalMessage, ...] | Rejected | None
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Senders give up after 5 s and send again; a flood of repeats would follow (Mirth issue 1314).
ANSWER_WITHIN_SECONDS = 4.0
# To seal and ship a large document takes its time, and its sender took some to send it.
SECONDS_A_MEGABYTE = 2.0
_LINE_END = re.compile(rb"[\r\n]+")
# The reason of a merge that waits for a person begins so.
_HELD_MERGE = "merge-"


@dataclass(frozen=True, slots=True)
class Sender:
    """A configured source and where it may come from.

    `facilities` (MSH-4) and `certificates` (names) allow any where they are empty; a sender with
    certificates is heard over TLS only.
    """

    source: Source
    networks: tuple[Network, ...]
    facilities: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    mode: Mode = Mode.ORIGINAL


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came, and what is known of it from its wrapping."""

    source: str
    dedupe_key: bytes
    kind: str
    control_id: str
    peer: str
    sent_at: datetime | None
    body: bytes


class Outcome(Protocol):
    """What became of a message that was written into the record."""

    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str | None: ...


class Records(Protocol):
    """Where messages are kept."""

    def keep(self, delivery: Delivery, told: Told, seconds: float) -> int | None:
        """Return the id of the message once it is durable; None where that took too long."""

    def interpret(self, message_id: int, told: Told) -> Outcome | None:
        """Write what the message says into the record; None where that failed for now."""

    def interpret_within(self, message_id: int, told: Told, seconds: float) -> Outcome | None:
        """The same; None also where it takes longer, it goes on nevertheless."""

    def note_answer(self, message_id: int, milliseconds: int) -> None:
        """Keep how long the sender waited for its answer."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message that is kept, or failed to be."""

    header: Header
    charset: str
    sender: Sender
    told: Told
    message_id: int | None
    deadline: float

    @property
    def is_enhanced(self) -> bool:
        return is_enhanced(self.header, self.sender.mode)

    @property
    def is_merge(self) -> bool:
        return isinstance(self.told, tuple) and any(m.event is EventKind.MERGE for m in self.told)

    @property
    def is_open(self) -> bool:
        """Whether it still has to be written into the record."""
        return self.message_id is not None and isinstance(self.told, tuple)


class Gate:
    """A `Gateway` of the listener; one for each port, as ports differ in what they take."""

    def __init__(
        self,
        senders: list[Sender],
        records: Records,
        limits: Limits,
        now: Callable[[], datetime],
    ) -> None:
        self._senders = senders
        self._records = records
        self._limits = limits
        self._now = now
        self._read = Reader(sender.source for sender in senders)

    def knows(self, peer: str) -> bool:
        """Return whether any sender may come from this address."""
        return bool(self._from(peer))

    def receive(self, frame: Frame, caller: Caller, ended_at: float) -> Iterator[bytes]:
        """Keep a message, or each of a batch, and yield its answers, in time whatever happens."""
        bodies = _bodies(frame)
        taken = [self._take(body, frame, caller) for body in bodies]
        answers = [answer for one in taken if (answer := self._first_answer(one))]
        if answers:
            yield answers[0] if len(bodies) == 1 else batched(answers)
        for one in taken:
            if one.message_id is not None:
                waited = round((time.monotonic() - ended_at) * 1000)
                self._records.note_answer(one.message_id, waited)
        for one in taken:
            later = self._finish(one)
            if later:
                yield later

    def _take(self, body: bytes, frame: Frame, caller: Caller) -> _Taken:
        # Not from its last byte: who sends a hundred at once knows that they are taken in turn.
        seconds = ANSWER_WITHIN_SECONDS + SECONDS_A_MEGABYTE * len(body) / 1_000_000
        deadline = time.monotonic() + seconds
        candidates = self._from(caller.peer)
        header, charset = glimpse_header(body, candidates[0].source.charset)
        sender = self._sender(candidates, header, caller)
        chosen = sender or replace(candidates[0], mode=Mode.ORIGINAL)
        told = self._tell(body, frame, chosen.source) if sender else _UNKNOWN
        delivery = Delivery(
            f"hl7:{chosen.source.name}",
            identify(body, header),
            header.kind,
            header.control_id,
            caller.peer,
            read_instant(header.sent, chosen.source.zone),
            body,
        )
        message_id = self._records.keep(delivery, told, _left(deadline))
        return _Taken(header, charset, chosen, told, message_id, deadline)

    def _tell(self, body: bytes, frame: Frame, source: Source) -> Told:
        if frame.is_oversize:
            return Rejected(RejectionReason.TOO_LARGE, f"{self._limits.max_bytes} bytes")
        if len(_LINE_END.findall(body)) > self._limits.max_segments:
            detail = f"{self._limits.max_segments} segments"
            return Rejected(RejectionReason.TOO_MANY_SEGMENTS, detail)
        try:
            return self._read(source.name, body)
        except Exception:
            # A fault in our reader must not cost the message: it is kept for a person to see.
            log.exception("hl7_not_read")
            return None

    def _first_answer(self, one: _Taken) -> bytes | None:
        """Return what is answered before the message is understood, if anything."""
        if one.is_enhanced:
            return self._commit_answer(one)
        verdict = self._verdict(one)
        if verdict is ACCEPTED and one.is_merge and one.message_id is not None:
            outcome = self._records.interpret_within(one.message_id, one.told, _left(one.deadline))
            verdict = _verdict_of(one, outcome)
        return self._answer(one, verdict)

    def _commit_answer(self, one: _Taken) -> bytes | None:
        """Return CA, CE or CR, or where the sender wants none of these its refusal as AE or AR."""
        verdict = self._verdict(one)
        if is_wanted(one.header.accept_acknowledgement, verdict):
            return self._answer(one, verdict, of_commit=True)
        is_refused = verdict.acknowledgement is not Acknowledgement.ACCEPT
        if is_refused and is_wanted(one.header.application_acknowledgement, verdict):
            return self._answer(one, verdict)
        return None

    def _finish(self, one: _Taken) -> bytes | None:
        """Write the message into the record; return the answer to that, where one is wanted."""
        if not one.is_open or one.message_id is None:
            return None
        if one.is_merge and not one.is_enhanced:
            return None  # done before the answer
        verdict = _verdict_of(one, self._records.interpret(one.message_id, one.told))
        wish = one.header.application_acknowledgement
        if one.is_enhanced and is_wanted(wish, verdict):
            return self._answer(one, verdict)
        return None

    @staticmethod
    def _verdict(one: _Taken) -> Verdict:
        """Return how the keeping of a message went."""
        if one.message_id is None:
            return FAULT
        return refusal(one.told) if isinstance(one.told, Rejected) else ACCEPTED

    def _answer(self, one: _Taken, verdict: Verdict, *, of_commit: bool = False) -> bytes:
        zone = one.sender.source.zone
        return acknowledge(one.header, verdict, self._now(), zone, one.charset, of_commit=of_commit)

    def _from(self, peer: str) -> list[Sender]:
        address = ipaddress.ip_address(peer)
        return [s for s in self._senders if any(address in network for network in s.networks)]

    @staticmethod
    def _sender(candidates: list[Sender], header: Header, caller: Caller) -> Sender | None:
        """Return the sender of this certificate and facility, the most exactly named first."""
        facility = header.sending_facility.split(header.encoding_characters[0])[0]
        fitting = [
            s
            for s in candidates
            if (not s.certificates or s.certificates & caller.names)
            and (not s.facilities or facility in s.facilities)
        ]
        fitting.sort(key=lambda s: (not s.certificates, not s.facilities))
        return next(iter(fitting), None)


_UNKNOWN = Rejected(RejectionReason.UNKNOWN_SENDER)


def _bodies(frame: Frame) -> list[bytes]:
    """Return the messages of a frame, which may hold a batch."""
    if frame.is_oversize or not is_batch(frame.body):
        return [frame.body]
    return split_messages(frame.body) or [frame.body]


def _verdict_of(one: _Taken, outcome: Outcome | None) -> Verdict:
    """Return what is said of a message that was written: a merge that waits is no success."""
    if outcome and one.is_merge and outcome.status == "held":
        return MERGE_HELD if (outcome.reason or "").startswith(_HELD_MERGE) else ACCEPTED
    return ACCEPTED


def _left(deadline: float) -> float:
    """Return the seconds until the sender must have its answer."""
    return max(0.0, deadline - time.monotonic())
