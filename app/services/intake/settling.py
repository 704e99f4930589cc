"""Taking up kept messages one by one: as they come, after a crash, or again by hand."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.models import InboundMessage
from app.services.intake.interpreting import Settled, Told, interpret_message, reinterpret

# Other messages, such as those of WeChat, are kept in the same table.
WAYS_IN = ("hl7:", "fhir:", "table:")
# A connection interprets what it has just stored; only what it left behind is swept.
_PATIENCE = timedelta(seconds=10)
_TRIES = 3
_COLLISIONS = 5


class Reader(Protocol):
    """Understands a kept message; `source` is the whole one, such as `hl7:his`."""

    def __call__(self, source: str, body: bytes, /) -> Told: ...


class _SecondLook(Exception):
    """A message would wait for a person, maybe because it was read beside another's commit.

    Its first results make a patient and a visit. Whoever looked for the patient before that commit
    and for the visit after it sees the visit of a stranger; a second look sees both.
    """


_Interpret = Callable[[Session, InboundMessage, Told, datetime], Settled]


def interpret_stored(
    unit_of_work: sessionmaker[Session], message_id: int, read: Reader, now: datetime
) -> Settled:
    """Interpret one kept message in a transaction of its own; a collision is tried again.

    :raises Exception: whatever broke it; the message stays as it was
    """
    return _settle(unit_of_work, message_id, read, now, interpret_message)


def interpret_pending(
    unit_of_work: sessionmaker[Session], read: Reader, now: datetime, limit: int
) -> int:
    """Interpret messages that were stored but not interpreted, in their order; return how many.

    A crash between storing and interpreting leaves such messages. Each has its own transaction;
    one that breaks the interpreter three times is held: neither lost nor in the way of others.
    """
    with unit_of_work() as session:
        pending = session.scalars(
            select(InboundMessage.id)
            .where(
                InboundMessage.status == "received",
                or_(*(InboundMessage.source.startswith(way) for way in WAYS_IN)),
                InboundMessage.received_at <= now - _PATIENCE,
            )
            .order_by(InboundMessage.id)
            .limit(limit)
        ).all()
    for message_id in pending:
        try:
            interpret_stored(unit_of_work, message_id, read, now)
        except Exception as error:
            _give_up(unit_of_work, message_id, error, now)
    return len(pending)


def replay(
    unit_of_work: sessionmaker[Session],
    message_ids: Iterable[int],
    read: Reader,
    now: datetime,
    on_progress: Callable[[int, Settled], None] = lambda message_id, settled: None,
) -> int:
    """Read kept messages again and write what they say, whatever became of them; return how many.

    For those that waited for a person or could not be read, and for all of a source after its
    words were given a meaning. Each has a transaction of its own: whoever is interrupted goes on
    with the next id. One that breaks the interpreter is held.
    """
    done = 0
    for message_id in message_ids:
        try:
            settled = _settle(unit_of_work, message_id, read, now, reinterpret)
        except (IntegrityError, OperationalError):
            raise
        except Exception as error:
            with unit_of_work.begin() as session:
                inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
                hold(inbound, error, now)
                settled = Settled(inbound.status, inbound.reason, inbound.patient_id)
        done += 1
        on_progress(message_id, settled)
    return done


def hold(inbound: InboundMessage, error: Exception, now: datetime) -> None:
    """Leave to a person a message that broke the interpreter; only the error's class is kept."""
    inbound.status, inbound.reason = "held", reason_of(error)
    inbound.processed_at = now


def reason_of(error: Exception) -> str:
    return f"error:{type(error).__name__}"


def body_of(inbound: InboundMessage) -> bytes:
    """Return the bytes that came."""
    return (inbound.body or "").encode("latin-1")


def _settle(
    unit_of_work: sessionmaker[Session],
    message_id: int,
    read: Reader,
    now: datetime,
    interpret: _Interpret,
) -> Settled:
    for tries in range(1, _COLLISIONS + 1):
        try:
            with unit_of_work.begin() as session:
                inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
                was = inbound.status
                settled = interpret(session, inbound, read(inbound.source, body_of(inbound)), now)
                if settled.status == "held" and was != "held" and tries == 1:
                    raise _SecondLook
                return settled
        except _SecondLook:
            continue
        except (IntegrityError, OperationalError):
            # Two messages made the same new patient at once, or met in a deadlock.
            if tries == _COLLISIONS:
                raise
    raise AssertionError("the last try returned or raised")


def _give_up(
    unit_of_work: sessionmaker[Session], message_id: int, error: Exception, now: datetime
) -> None:
    """Count the failure; hold the message at the third, so that a person looks at it."""
    with unit_of_work.begin() as session:
        inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
        inbound.tries += 1
        if inbound.tries >= _TRIES:
            hold(inbound, error, now)
