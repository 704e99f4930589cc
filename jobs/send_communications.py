"""Sending: claim in one short transaction, call in none, settle in another."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import structlog

from app.database import unit_of_work
from app.domain.messaging import Channel, ErrorClass, Failure, Outcome, Outgoing, Sender
from app.services import outbox

log = structlog.get_logger()

Senders = Mapping[Channel, Sender]
# What one process has on the wire at once; a crash makes at most so many calls `unknown`.
IN_FLIGHT: Final = 16
_BATCH: Final = 64


def send_communications(
    senders: Senders, pool: ThreadPoolExecutor, now: Callable[[], datetime]
) -> int:
    """Send what is due, one batch; return how many messages were claimed."""
    with unit_of_work.begin() as session:
        token, claimed = outbox.claim(session, now(), _BATCH, senders)
    for start in range(0, len(claimed), IN_FLIGHT):
        with unit_of_work.begin() as session:
            calls = outbox.begin_calling(session, token, claimed[start : start + IN_FLIGHT], now())
        # No transaction is open here: a platform may keep us waiting.
        outcomes = pool.map(lambda call: (call[0], _send(senders, call[1])), calls)
        settled = list(outcomes)
        with unit_of_work.begin() as session:
            for id_, outcome in settled:
                if not outbox.settle(session, token, id_, outcome, now()):
                    log.warning("claim_lost", communication_id=id_)
    return len(claimed)


def _send(senders: Senders, message: Outgoing) -> Outcome:
    try:
        return senders[message.channel](message)
    except Exception as error:
        # A sender that raises broke off somewhere: whether bytes left is not known.
        log.error("sender_failed", channel=message.channel, exc_info=error)
        return Failure(ErrorClass.AMBIGUOUS)
