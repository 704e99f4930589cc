"""The MLLP process: `python -m app.integrations.hl7 [--host H] [--port P]`."""

import argparse
import ipaddress
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app import clock, settings, start
from app.database import after_collisions, unit_of_work
from app.domain.intake.rejections import Rejected
from app.integrations.hl7.acknowledge import Mode
from app.integrations.hl7.charset import configured_codec
from app.integrations.hl7.envelope import Limits
from app.integrations.hl7.gateway import Delivery, Gate, Sender, Told
from app.integrations.hl7.listener import Listener, Patience
from app.integrations.hl7.source import Source
from app.integrations.hl7.tls import Certificates, make_context
from app.services.intake import (
    Arrival,
    Settled,
    interpret_message,
    interpret_stored,
    receive,
    record_answers,
)

log = structlog.get_logger()

T = TypeVar("T")

_CONNECTIONS = 50
# What all connections of one port may hold together; large messages leave room for fewer.
_MEMORY = 128 * 1024 * 1024
# A sender on a slow line brings at least so many bytes a second.
_SLOWEST = 500_000
_NOTE_SECONDS = 1.0
_MOST_NOTES = 10_000


def senders(configured: tuple[settings.HL7Source, ...]) -> list[Sender]:
    """Return the senders of the settings.

    :raises ValueError: a charset or an address that is none
    """
    return [
        Sender(
            Source(one.name, configured_codec(one.charset), clock.HOSPITAL),
            tuple(ipaddress.ip_network(peer, strict=False) for peer in one.peers),
            frozenset(one.facilities),
            frozenset(one.certificates),
            Mode(one.acknowledgement),
        )
        for one in configured
    ]


class Keeper:
    """Keeps what comes in the hospital's database: the `Records` of the gate."""

    def __init__(self, unit_of_work: sessionmaker[Session], now: Callable[[], datetime]) -> None:
        self._unit_of_work = unit_of_work
        self._now = now
        self._pool = ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="store")
        # While the database hangs, senders repeat themselves: what waits for it stays bounded.
        self._room = threading.BoundedSemaphore(_CONNECTIONS)
        self._answers: dict[int, int] = {}
        self._notes = threading.Lock()

    def keep(self, delivery: Delivery, told: Told, seconds: float) -> int | None:
        """Return the id of the message once it is durable; None where that took too long."""
        stored = self._within(lambda: self._store(delivery, told), seconds)
        try:
            return stored.result(timeout=seconds) if stored else None
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("hl7_not_stored", error_class=type(error).__name__)
            return None

    def interpret(self, message_id: int, told: Told) -> Settled | None:
        """Write what the message says into the record; None where that failed for now."""
        if told is None:
            return None
        try:
            return interpret_stored(self._unit_of_work, message_id, lambda *_: told, self._now())
        except Exception:
            # It is kept and acknowledged: the sweep takes it up, nothing here may end the feed.
            log.exception("hl7_not_interpreted", message_id=message_id)
            return None

    def interpret_within(self, message_id: int, told: Told, seconds: float) -> Settled | None:
        """The same; None also where it takes longer, it goes on nevertheless."""
        settled = self._within(lambda: self.interpret(message_id, told), seconds)
        try:
            return settled.result(timeout=seconds) if settled else None
        except TimeoutError:
            return None

    def note_answer(self, message_id: int, milliseconds: int) -> None:
        """Keep how long the sender waited; a database that hangs loses only these figures."""
        with self._notes:
            if len(self._answers) < _MOST_NOTES:
                self._answers[message_id] = milliseconds

    def write_notes(self) -> None:
        """Write the figures of the answers since the last time."""
        with self._notes:
            answers, self._answers = self._answers, {}
        try:
            with self._unit_of_work.begin() as session:
                record_answers(session, answers)
        except SQLAlchemyError as error:
            log.warning("hl7_answers_not_noted", error_class=type(error).__name__)

    def write_notes_until(self, stopped: threading.Event) -> None:
        """Write the figures every second until told to stop, and once more then."""
        while not stopped.wait(_NOTE_SECONDS):
            self.write_notes()
        self.write_notes()

    def _within(self, work: Callable[[], T], seconds: float) -> Future[T] | None:
        if not self._room.acquire(timeout=seconds):
            return None
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _store(self, delivery: Delivery, told: Told) -> int:
        """Return the id of the message once it is durable; a collision of connections is retried.

        :raises OperationalError: the database is away, or one collision followed another
        """
        return after_collisions(lambda: self._store_once(delivery, told))

    def _store_once(self, delivery: Delivery, told: Told) -> int:
        now = self._now()
        arrival = Arrival(
            delivery.source,
            delivery.dedupe_key,
            delivery.kind,
            delivery.control_id,
            delivery.peer,
            delivery.sent_at,
        )
        with self._unit_of_work.begin() as session:
            message = receive(session, arrival, delivery.body, now)
            if isinstance(told, Rejected):
                interpret_message(session, message, told, now)
            session.flush()
            return message.id


def make_listener(door: settings.HL7Door, known: list[Sender], keeper: Keeper) -> Listener:
    """Return a listener that is bound and does not serve yet.

    :raises OSError: the port is taken, or a certificate cannot be read
    """
    limits = Limits(door.max_bytes, door.max_segments)
    patience = Patience(
        max_connections=min(_CONNECTIONS, _MEMORY // door.max_bytes),
        seconds=30 + door.max_bytes // _SLOWEST,
        max_bytes=door.max_bytes,
        per_second=door.messages_per_second,
        burst=2 * door.messages_per_second,
    )
    tls = None
    if door.tls is not None:
        files = Certificates(door.tls.certificate, door.tls.key, door.tls.client_ca)
        tls = make_context(files)
    gate = Gate(known, keeper, limits, clock.now)
    return Listener((door.host, door.port), gate, patience, tls)


def serve(listeners: list[Listener], keeper: Keeper) -> None:
    """Serve all ports until a signal comes."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    serving = [
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        for one in listeners
    ]
    for thread in serving:
        thread.start()
    keeper.write_notes_until(stopped)
    for one in listeners:
        one.shutdown()
    keeper.write_notes()


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
    keeper = Keeper(unit_of_work, clock.now)
    with ExitStack() as stack:
        listeners = []
        for door in configured.hl7.doors(options.host, options.port):
            try:
                listener = stack.enter_context(make_listener(door, known, keeper))
            except OSError as problem:
                parser.exit(2, f"{door.name}: {problem}\n")
            listeners.append(listener)
            port = listener.server_address[1]
            log.info("hl7_listening", channel=door.name, host=door.host, port=port)
        serve(listeners, keeper)
    return 0


if __name__ == "__main__":
    sys.exit(main())
