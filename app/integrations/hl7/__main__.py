"""The MLLP process: `python -m app.integrations.hl7 [--host H] [--port P]`."""

import argparse
import ipaddress
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app import clock, settings, start
from app.database import unit_of_work
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.acknowledge import acknowledge, acknowledge_fault
from app.integrations.hl7.charset import configured_codec
from app.integrations.hl7.envelope import Header, glimpse_header, identify
from app.integrations.hl7.framing import Frame
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.listener import Listener, Patience
from app.integrations.hl7.source import Source
from app.integrations.hl7.timestamps import read_instant
from app.services.intake import Arrival, Told, interpret_message, interpret_stored, receive

log = structlog.get_logger()

# Senders give up after 5 s and send again; a flood of repeats would follow (Mirth issue 1314).
ANSWER_WITHIN_SECONDS = 4.0
_CONNECTIONS = 50


@dataclass(frozen=True, slots=True)
class Sender:
    """A configured source with the addresses and the facility (MSH-4) it may come from."""

    source: Source
    facility: str | None
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def senders(configured: tuple[settings.HL7Source, ...]) -> list[Sender]:
    """Return the senders of the settings.

    :raises ValueError: a charset or an address that is none
    """
    return [
        Sender(
            Source(one.name, configured_codec(one.charset), clock.HOSPITAL),
            one.facility,
            tuple(ipaddress.ip_network(peer, strict=False) for peer in one.peers),
        )
        for one in configured
    ]


class Intake:
    """Keeps what comes, answers, then interprets; a `Gateway` of the listener."""

    def __init__(
        self,
        senders: list[Sender],
        unit_of_work: sessionmaker[Session],
        now: Callable[[], datetime],
    ) -> None:
        self._senders = senders
        self._unit_of_work = unit_of_work
        self._now = now
        self._read = Reader(sender.source for sender in senders)
        self._stores = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="store")

    def knows(self, peer: str) -> bool:
        """Return whether any sender may come from this address."""
        return bool(self._from(peer))

    def receive(self, frame: Frame, peer: str) -> tuple[bytes, Callable[[], None] | None]:
        """Keep a message and return its answer, in time whatever the database does."""
        candidates = self._from(peer)
        header, charset = glimpse_header(frame.body, candidates[0].source.charset)
        sender = self._sender(candidates, header)
        source = (sender or candidates[0]).source
        told = self._tell(frame, source, sender)
        arrival = Arrival(
            f"hl7:{source.name}", identify(frame.body, header), header.kind, header.control_id,
            peer, sent_at=read_instant(header.sent, source.zone),
        )  # fmt: skip
        stored = self._stores.submit(self._store, arrival, frame.body, told)
        try:
            message_id = stored.result(timeout=ANSWER_WITHIN_SECONDS)
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("hl7_not_stored", error_class=type(error).__name__)
            return acknowledge_fault(header, self._now(), source.zone, charset), None
        if isinstance(told, Rejected):
            return acknowledge(header, told, self._now(), source.zone, charset), None
        answer = acknowledge(header, None, self._now(), source.zone, charset)
        return answer, lambda: self._interpret(message_id, told)

    def _from(self, peer: str) -> list[Sender]:
        address = ipaddress.ip_address(peer)
        return [s for s in self._senders if any(address in network for network in s.networks)]

    def _sender(self, candidates: list[Sender], header: Header) -> Sender | None:
        """Return the sender of this facility, else one that may send for any."""
        facility = header.sending_facility.split(header.encoding_characters[0])[0]
        named = [s for s in candidates if s.facility == facility]
        return next(iter(named + [s for s in candidates if s.facility is None]), None)

    def _tell(self, frame: Frame, source: Source, sender: Sender | None) -> Told:
        if frame.is_oversize:
            return Rejected(RejectionReason.TOO_LARGE, f"{source.limits.max_bytes} bytes")
        if sender is None:
            return Rejected(RejectionReason.UNKNOWN_SENDER)
        return self._read(source.name, frame.body)

    def _store(self, arrival: Arrival, body: bytes, told: Told) -> int:
        """Return the id of the message once it is durable."""
        now = self._now()
        with self._unit_of_work.begin() as session:
            message = receive(session, arrival, body, now)
            if isinstance(told, Rejected):
                interpret_message(session, message, told, now)
            session.flush()
            return message.id

    def _interpret(self, message_id: int, told: Told) -> None:
        try:
            interpret_stored(self._unit_of_work, message_id, lambda *_: told, self._now())
        except Exception:
            # It is kept and acknowledged: the sweep takes it up, nothing here may end the feed.
            log.exception("hl7_not_interpreted", message_id=message_id)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m app.integrations.hl7", description=__doc__)
    parser.add_argument("--host", help="address to listen on (CARELOOP_HL7__HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (CARELOOP_HL7__PORT)")
    options = parser.parse_args(arguments)
    try:
        configured = settings.load()
        known = senders(configured.hl7.sources)
    except (ValidationError, ValueError) as problem:
        parser.exit(2, f"{problem}\n")
    start.start("listener", configured, pool_size=_CONNECTIONS // 2)
    intake = Intake(known, unit_of_work, clock.now)
    host = options.host or configured.hl7.host
    port = configured.hl7.port if options.port is None else options.port
    with Listener((host, port), intake, Patience(max_connections=_CONNECTIONS)) as listener:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=listener.shutdown).start())
        log.info("hl7_listening", host=host, port=listener.server_address[1])
        listener.serve_forever(poll_interval=0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
