"""Transactions that must be written: again after a deadlock, or while there is no connection."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from app.database import unit_of_work

log = structlog.get_logger()

Answer = TypeVar("Answer")
# Seconds between tries of one transaction: long enough for a database that starts again,
# well within the lease.
_PATIENCE: Final = (0.02, 0.1, 0.5, 2.0, 4.0, 8.0)


def insist(step: Callable[[Session], Answer]) -> Answer:
    """Run one transaction, again after a deadlock, or while the database or the pool has none.

    What was said on the wire cannot be said again: losing it to a deadlock would leave the
    message `unknown`.
    """
    for seconds in _PATIENCE:
        try:
            with unit_of_work.begin() as session:
                return step(session)
        except (OperationalError, NoConnection) as error:
            log.warning("worker_interrupted", exc_info=error)
            time.sleep(seconds)
    with unit_of_work.begin() as session:
        return step(session)
