"""From the spool into the one table of the inner zone that the relay may insert into."""

import threading
from typing import Final

import structlog
from sqlalchemy import Engine, LargeBinary, bindparam, text
from sqlalchemy.exc import IntegrityError

from app.database import Instant
from app.integrations.relayed_push import RelayedPush
from app.integrations.spool import Spool

log = structlog.get_logger()

# Plain SQL: the mapped classes know every table of the hospital, and this process may not.
# Nothing is asked back: the account may not read.
_HAND_IN: Final = text(
    "INSERT INTO relayed_callback (source, delivery_key, push_sealed, received_at)"
    " VALUES (:source, :delivery_key, :push_sealed, :received_at)"
).bindparams(
    bindparam("delivery_key", type_=LargeBinary()),
    bindparam("push_sealed", type_=LargeBinary()),
    bindparam("received_at", type_=Instant()),
)
_DUPLICATE: Final = 1062  # MariaDB: ER_DUP_ENTRY
_LONGEST_PAUSE: Final = 15.0


def hand_in(engine: Engine, record: bytes) -> None:
    """Insert one push; one that is there already is fine: the answer to it was lost.

    :raises sqlalchemy.exc.SQLAlchemyError: it could not be handed in
    """
    push = RelayedPush.unpack(record)
    try:
        with engine.begin() as connection:
            connection.execute(
                _HAND_IN,
                {
                    "source": push.source,
                    "delivery_key": push.delivery_key,
                    "push_sealed": record,
                    "received_at": push.received_at,
                },
            )
    except IntegrityError as error:
        if not _is_duplicate(error):
            raise


class Forwarder(threading.Thread):
    """Empties the spool in order, at once after a push and whenever the inner zone is back."""

    def __init__(self, spool: Spool, engine: Engine) -> None:
        super().__init__(name="forward", daemon=True)
        self._spool = spool
        self._engine = engine
        self._woken = threading.Event()
        self._is_stopped = False

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """End after the push at hand; the spool keeps the rest."""
        self._is_stopped = True
        self._woken.set()

    def run(self) -> None:
        pause = 1.0
        while not self._is_stopped:
            try:
                count = self._spool.replay(lambda record: hand_in(self._engine, record))
                pause = 1.0
                if count:
                    log.info("callbacks_forwarded", count=count)
            except Exception as error:
                # Its text would quote the address and the account.
                log.warning("forwarding_interrupted", exc_info=error)
                self._woken.clear()
                pause = min(pause * 2, _LONGEST_PAUSE)
            self._woken.wait(pause)
            self._woken.clear()


def _is_duplicate(error: IntegrityError) -> bool:
    said = error.orig.args if error.orig is not None else ()
    return bool(said) and said[0] == _DUPLICATE
