"""Keeping a message as it came, before anyone understands it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import InboundMessage
from app.services.intake.columns import clipped


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a message from its wrapping.

    `dedupe_key` (32 bytes) names its sender, control id and every byte of it: a repeat has the
    same one. `source` is the feed, such as `hl7:his`; `kind` such as ADT^A01; `sent_at` is
    what the sender's clock said.
    """

    source: str
    dedupe_key: bytes
    kind: str
    control_id: str
    peer: str | None = None
    sent_at: datetime | None = None


def receive(session: Session, arrival: Arrival, body: bytes, now: datetime) -> InboundMessage:
    """Keep a message, sealed, with status `received`; a repeat counts and returns the first.

    The sender may be told AA only after the caller's transaction is committed.
    """
    kept = _kept(session, arrival)
    if kept is None:
        try:
            # Two connections may bring the same message at once: the unique key decides.
            with session.begin_nested():
                message = _new(arrival, body, now)
                session.add(message)
            return message
        except IntegrityError:
            kept = _kept(session, arrival)
            if kept is None:
                raise
    kept.repeats += 1
    return kept


def _kept(session: Session, arrival: Arrival) -> InboundMessage | None:
    return session.scalar(
        select(InboundMessage)
        .filter_by(source=arrival.source, dedupe_key=arrival.dedupe_key)
        .with_for_update()
    )


def _new(arrival: Arrival, body: bytes, now: datetime) -> InboundMessage:
    return InboundMessage(
        source=arrival.source,
        dedupe_key=arrival.dedupe_key,
        kind=clipped(arrival.kind) or "",
        control_id=clipped(arrival.control_id),
        body=body.decode("latin-1"),
        peer=arrival.peer,
        status="received",
        received_at=now,
        sent_at=arrival.sent_at,
    )
