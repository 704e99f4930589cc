"""Readings of devices that were kept and not taken: after a crash, or put back by a person."""

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError

from app import clock
from app.database import unit_of_work
from app.models import InboundMessage
from app.services.intake import hold
from app.services.profile.home_monitoring import taking

log = structlog.get_logger()

# The door takes at once what it keeps; only what it left behind is taken up here.
_PATIENCE: Final = timedelta(seconds=10)
_TRIES: Final = 3
_AT_ONCE: Final = 100


def take_readings() -> int:
    """Take what waits, each reading in a transaction of its own; return how many were looked at.

    One that breaks the interpreter three times is held: neither lost nor in the way of others.
    """
    now = clock.now()
    with unit_of_work() as session:
        waiting = taking.pending(session, now - _PATIENCE, _AT_ONCE)
    for message_id in waiting:
        try:
            with unit_of_work.begin() as session:
                taking.take(session, message_id, now)
        except OperationalError:
            raise  # the database's trouble, not the reading's
        except Exception as error:
            _give_up(message_id, error)
    return len(waiting)


def _give_up(message_id: int, error: Exception) -> None:
    log.warning("device_reading_failed", message_id=message_id, exc_info=error)
    with unit_of_work.begin() as session:
        inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
        inbound.tries += 1
        if inbound.tries >= _TRIES:
            hold(inbound, error, clock.now())
