"""Sending: claim in one short transaction, call in none, settle in another."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.outreach.decency import Rules
from app.domain.outreach.messaging import Channel, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.services.outreach import outbox

log = structlog.get_logger()

Senders = Mapping[Channel, Sender]
Answer = TypeVar("Answer")
Flying = list[tuple[int, Future[Outcome]]]  # calls on the wire, by message id
# What one process has on the wire at once; a crash makes at most so many calls `unknown`.
IN_FLIGHT: Final = 32
_BATCH: Final = 128
_USUAL: Final = Rules()
# Calls that one transaction begins: while they are on the wire, the next are begun.
_GROUP: Final = IN_FLIGHT // 2
# Seconds between tries of one transaction: long enough for a database that starts again,
# well within the lease.
_PATIENCE: Final = (0.02, 0.1, 0.5, 2.0, 4.0, 8.0)


def send_communications(
    senders: Senders,
    pool: ThreadPoolExecutor,
    now: Callable[[], datetime],
    rules: Rules = _USUAL,
) -> int:
    """Send what is due, one batch; return how many messages were claimed."""
    with unit_of_work.begin() as session:
        token, claimed = outbox.claim(session, now(), _BATCH, senders)
    flying: Flying = []
    try:
        for start in range(0, len(claimed), _GROUP):
            begun = _take_off(senders, pool, token, claimed[start : start + _GROUP], now, rules)
            before, flying = flying, begun
            _land(token, before, now)
    finally:
        _land(token, flying, now)
    return len(claimed)


def _take_off(
    senders: Senders,
    pool: ThreadPoolExecutor,
    token: str,
    ids: list[int],
    now: Callable[[], datetime],
    rules: Rules,
) -> Flying:
    calls = insist(lambda session: outbox.begin_calling(session, token, ids, now(), rules))
    # No transaction is open from here on: a platform may keep us waiting.
    return [(id_, pool.submit(_send, senders, outgoing)) for id_, outgoing in calls]


def _land(token: str, flying: Flying, now: Callable[[], datetime]) -> None:
    if flying:
        _settle(token, {id_: future.result() for id_, future in flying}, now)


def _settle(token: str, outcomes: Mapping[int, Outcome], now: Callable[[], datetime]) -> None:
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


def insist(step: Callable[[Session], Answer]) -> Answer:
    """Run one transaction, again after a deadlock or while the database is away.

    What was said on the wire cannot be said again: losing it to a deadlock would leave the
    message `unknown`.
    """
    for seconds in _PATIENCE:
        try:
            with unit_of_work.begin() as session:
                return step(session)
        except OperationalError as error:
            log.warning("worker_interrupted", exc_info=error)
            time.sleep(seconds)
    with unit_of_work.begin() as session:
        return step(session)


def _send(senders: Senders, message: Outgoing) -> Outcome:
    try:
        return senders[message.channel](message)
    except Exception as error:
        # A sender that raises broke off somewhere: whether bytes left is not known.
        log.error("sender_failed", channel=message.channel, exc_info=error)
        return Failure(ErrorClass.AMBIGUOUS)
