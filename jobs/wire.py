"""The wire of a process: so many calls at once, on threads that keep their connections."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from app.domain.outreach.messaging import (
    Channel,
    ErrorClass,
    Failure,
    Outcome,
    Outgoing,
    Sender,
)

log = structlog.get_logger()

Senders = Mapping[Channel, Sender]


@dataclass(frozen=True, slots=True)
class Landed:
    """What came of one call of one claim."""

    token: str
    id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Flight:
    token: str
    id: int
    message: Outgoing


class Wire:
    """Makes calls on at most `size` threads, begun when there is work for them.

    A queue for the calls and one for what came of them: two hand-overs a call, where a pool of
    futures needs five times the locks.
    """

    def __init__(self, senders: Senders, size: int) -> None:
        self.size = size
        self.landed: queue.SimpleQueue[Landed | None] = queue.SimpleQueue()
        self._senders = senders
        self._waiting: queue.SimpleQueue[_Flight | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._on_it = 0  # flights handed over and not landed

    def send(self, token: str, id_: int, message: Outgoing) -> None:
        """Make a call; its outcome comes by `landed`."""
        with self._lock:
            self._on_it += 1
            if self._on_it > len(self._threads) < self.size:
                name = f"wire-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._fly, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._waiting.put(_Flight(token, id_, message))

    def close(self) -> None:
        """End the threads; what is on the wire is called to its end first."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _fly(self) -> None:
        while (flight := self._waiting.get()) is not None:
            outcome = self._call(flight.message)
            with self._lock:
                self._on_it -= 1
            self.landed.put(Landed(flight.token, flight.id, outcome))

    def _call(self, message: Outgoing) -> Outcome:
        try:
            return self._senders[message.channel](message)
        except Exception as error:
            # A sender that raises broke off somewhere: whether bytes left is not known.
            log.error("sender_failed", channel=message.channel, exc_info=error)
            return Failure(ErrorClass.AMBIGUOUS)
