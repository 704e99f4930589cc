"""Sending: claim a chunk in one short transaction, call in none, settle in another.

The pump keeps the wire full: while calls are out, the next group of the chunk is begun, and what
landed is settled together. `calling` is committed for a group before its first byte leaves; a
crash makes at most what was begun `unknown`.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty
from types import TracebackType
from typing import Final, Self

import structlog
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.outreach.decency import Rules
from app.domain.outreach.messaging import Lane, Outcome, Outgoing
from app.services.outreach import outbox
from jobs.insisting import insist
from jobs.wire import Landed, Senders, Wire

log = structlog.get_logger()

IN_FLIGHT: Final = 200  # calls of one process on the wire at once
CHUNK: Final = 500  # messages of one claim
# Calls that one transaction begins; as many wait for a thread, so that none rests meanwhile.
_GROUP: Final = 64
# Outcomes written together: as many as landed while the last were written, and at least these
# unless nothing more lands for a moment.
_FEW: Final = 32
_MANY: Final = 256
_MOMENT: Final = 0.01  # seconds

_USUAL: Final = Rules()

Now = Callable[[], datetime]


@dataclass(slots=True)
class _Chunk:
    """Calls of one claim that were begun and are not settled yet."""

    open: int = 0


class Pump:
    """Sends claims through a wire; any number of threads may hand it claims.

    A context: at its end everything begun is called to its end and settled.
    """

    def __init__(
        self, senders: Senders, now: Now, in_flight: int = IN_FLIGHT, rules: Rules = _USUAL
    ) -> None:
        self._senders = senders
        self._now = now
        self._rules = rules
        self._wire = Wire(senders, in_flight)
        self._group = max(1, min(_GROUP, in_flight))
        self._room = in_flight + self._group
        self._chunks: dict[str, _Chunk] = {}
        self._change = threading.Condition()
        self._is_stopping = False
        self._settler = threading.Thread(target=self._settle_all, name="settle", daemon=True)

    def __enter__(self) -> Self:
        self._settler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._wire.close()
        self._wire.landed.put(None)
        self._settler.join()

    def stop(self) -> None:
        """Begin no more calls; what is claimed and not begun goes back to the queue at once."""
        with self._change:
            self._is_stopping = True
            self._change.notify_all()

    def send_due(self, lanes: Sequence[Lane] = tuple(Lane), limit: int = CHUNK) -> int:
        """Claim what is due and send it; return how many messages were claimed."""
        with unit_of_work.begin() as session:
            token, ids = outbox.claim(session, self._now(), limit, self._senders, lanes)
        self.send(token, ids)
        return len(ids)

    def send(self, token: str, ids: Sequence[int]) -> None:
        """Send a claim; return when all of it is settled."""
        chunk = self._chunks.setdefault(token, _Chunk())
        try:
            for start in range(0, len(ids), self._group):
                group = ids[start : start + self._group]
                if not self._wait_for_room(len(group)):
                    unbegun = list(ids[start:])
                    insist(lambda session: outbox.release(session, token, unbegun))  # noqa: B023
                    break
                self._begin(token, chunk, group)
        finally:
            self._wait_for_the_end(token, chunk)

    def _begin(self, token: str, chunk: _Chunk, group: Sequence[int]) -> None:
        def step(session: Session) -> list[tuple[int, Outgoing]]:
            return outbox.begin_calling(session, token, group, self._now(), self._rules)

        calls = []
        try:
            calls = insist(step)
        finally:
            with self._change:
                self._room += len(group) - len(calls)
                chunk.open += len(calls)
                self._change.notify_all()
        # No transaction is open from here on: a platform may keep us waiting.
        for id_, message in calls:
            self._wire.send(token, id_, message)

    def _wait_for_room(self, count: int) -> bool:
        """Reserve `count` places on the wire; False when no more may be begun."""
        with self._change:
            self._change.wait_for(lambda: self._is_stopping or self._room >= count)
            if self._is_stopping:
                return False
            self._room -= count
            return True

    def _wait_for_the_end(self, token: str, chunk: _Chunk) -> None:
        with self._change:
            self._change.wait_for(lambda: chunk.open == 0)
            self._chunks.pop(token, None)

    def _settle_all(self) -> None:
        """Write what landed, until the end is handed over."""
        is_over = False
        while not is_over:
            landed, is_over = self._next_landed()
            by_token: dict[str, dict[int, Outcome]] = defaultdict(dict)
            for one in landed:
                by_token[one.token][one.id] = one.outcome
            for token, outcomes in by_token.items():
                _settle(token, outcomes, self._now)
                with self._change:
                    self._room += len(outcomes)
                    self._chunks[token].open -= len(outcomes)
                    self._change.notify_all()

    def _next_landed(self) -> tuple[list[Landed], bool]:
        """Return what landed, waiting for some; True with it when there will be no more."""
        queue = self._wire.landed
        found: list[Landed] = []
        wait: float | None = None
        while len(found) < _MANY:
            try:
                one = queue.get(timeout=wait)
            except Empty:
                break
            if one is None:
                return found, True
            found.append(one)
            wait = _MOMENT if len(found) < _FEW else 0
        return found, False


def _settle(token: str, outcomes: Mapping[int, Outcome], now: Now) -> None:
    """Write the outcomes together; if one of them cannot be written, the others all the same."""
    try:
        lost = insist(lambda session: outbox.settle(session, token, outcomes, now()))
    except Exception as error:
        if len(outcomes) == 1:
            # The sweeper will find a call without an outcome.
            log.error("settling_failed", communication_id=next(iter(outcomes)), exc_info=error)
            return
        for id_, outcome in outcomes.items():
            _settle(token, {id_: outcome}, now)
        return
    for id_ in lost:
        log.warning("claim_lost", communication_id=id_)
