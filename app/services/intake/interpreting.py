"""Writing a kept message into the record, once, in one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.domain.exchange.answers import answers_in
from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.rejections import Rejected
from app.models import InboundMessage
from app.models.exchange.answering import take_answers
from app.services.intake.columns import clipped
from app.services.intake.encounters import (
    record_appointments,
    record_conditions,
    record_encounter,
)
from app.services.intake.held import Held
from app.services.intake.observations import record_observations
from app.services.intake.patients import record_patient

# A connection interprets what it has just stored; only what it left behind is swept.
# Other messages, such as those of WeChat, are kept in the same table.
WAYS_IN = ("hl7:", "fhir:", "table:")
_PATIENCE = timedelta(seconds=10)
_TRIES = 3
_COLLISIONS = 5


# What a reader makes of the bytes: each message speaks of one patient, none of any.
Told: TypeAlias = tuple[HospitalMessage, ...] | Rejected


class Reader(Protocol):
    """Understands a kept message; `source` is the whole one, such as `hl7:his`."""

    def __call__(self, source: str, body: bytes, /) -> Told: ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a message; `reason` names nobody."""

    status: str
    reason: str | None


def interpret_message(
    session: Session,
    inbound: InboundMessage,
    told: Told,
    now: datetime,
) -> None:
    """Write what a message says into the record and settle its status.

    Patients are found by issuer and number, never by name. Older news than we have is kept as
    history or left out, so the order of arrival does not matter. All or nothing: a message that
    must wait (`held`) leaves no trace. One that was written or held before stays as it is; one
    that was rejected is read anew, the charset of its source may have been set right since.
    """
    if inbound.status not in ("received", "rejected"):
        return
    inbound.processed_at = now
    if isinstance(told, Rejected):
        inbound.status, inbound.reason = "rejected", clipped(str(told))
        return
    try:
        with session.begin_nested():
            notes = [
                note
                for message in told
                for note in (*_record(session, message, inbound.received_at, now), *message.issues)
            ]
        inbound.status = "processed"
        inbound.reason = clipped(";".join(dict.fromkeys(notes)))
    except Held as held:
        inbound.status, inbound.reason = "held", held.reason


def _record(
    session: Session, message: HospitalMessage, received_at: datetime, now: datetime
) -> tuple[str, ...]:
    """Return what staff should know of how the message was taken."""
    if message.event is EventKind.MERGE:
        raise Held("merge-not-yet-supported")
    # A sender whose clock runs ahead must not make everything after it look old.
    recorded_at = min(message.recorded_at or received_at, received_at)
    patient, notes = record_patient(session, message, recorded_at, now)
    encounter = record_encounter(session, patient, message, recorded_at, now)
    record_conditions(session, patient, encounter, message.conditions, recorded_at, now)
    record_appointments(session, patient, message.appointments, recorded_at, now)
    record_observations(session, patient, encounter, message, recorded_at, received_at, now)
    answered = answers_in(message, recorded_at)
    return (*notes, *take_answers(session, answered, now, patient_id=patient.id))


def interpret_stored(
    unit_of_work: sessionmaker[Session], message_id: int, read: Reader, now: datetime
) -> Settled:
    """Interpret one kept message in a transaction of its own; a collision is tried again.

    :raises Exception: whatever broke it; the message stays as it was
    """
    for tries in range(1, _COLLISIONS + 1):
        try:
            with unit_of_work.begin() as session:
                inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
                told = read(inbound.source, _body(inbound))
                interpret_message(session, inbound, told, now)
            return Settled(inbound.status, inbound.reason)
        except (IntegrityError, OperationalError):
            # Two messages made the same new patient at once, or met in a deadlock.
            if tries == _COLLISIONS:
                raise
    raise AssertionError("the last try returned or raised")


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


def hold(inbound: InboundMessage, error: Exception, now: datetime) -> None:
    """Leave to a person a message that broke the interpreter; only the error's class is kept."""
    inbound.status, inbound.reason = "held", f"error:{type(error).__name__}"
    inbound.processed_at = now


def _give_up(
    unit_of_work: sessionmaker[Session], message_id: int, error: Exception, now: datetime
) -> None:
    """Count the failure; hold the message at the third, so that a person looks at it."""
    with unit_of_work.begin() as session:
        inbound = session.get_one(InboundMessage, message_id, with_for_update=True)
        inbound.tries += 1
        if inbound.tries >= _TRIES:
            hold(inbound, error, now)


def _body(inbound: InboundMessage) -> bytes:
    return (inbound.body or "").encode("latin-1")
