"""Keeping a message as it came, before anyone understands it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.database import Base, new_public_id
from app.models import InboundMessage
from app.services.intake.columns import clipped
from app.services.intake.inserting import insert_all
from app.services.intake.interpreting import Settled


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


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a batch, kept now or before (`is_new`)."""

    id: int
    status: str
    reason: str | None
    received_at: datetime
    is_new: bool


def receive_batch(
    session: Session, messages: Sequence[tuple[Arrival, bytes]], now: datetime
) -> list[Received]:
    """Keep many messages of one source; of repeats, within the batch too, only the count grows.

    :raises IntegrityError: somebody else kept one of them this moment; try them one by one
    """
    keys = {arrival.dedupe_key: None for arrival, _ in messages}
    sources = {arrival.source for arrival, _ in messages}
    columns = InboundMessage.id, InboundMessage.status, InboundMessage.reason
    rows = session.execute(
        select(
            *columns, InboundMessage.received_at, InboundMessage.source, InboundMessage.dedupe_key
        )
        .where(InboundMessage.source.in_(sources), InboundMessage.dedupe_key.in_(keys))
        .with_for_update()
    )
    known = {
        (row.source, row.dedupe_key): Received(
            row.id, row.status, row.reason, row.received_at, is_new=False
        )
        for row in rows
    }
    fresh = {
        (arrival.source, arrival.dedupe_key): (arrival, body)
        for arrival, body in reversed(messages)
        if (arrival.source, arrival.dedupe_key) not in known
    }
    order = [
        key for key in dict.fromkeys((a.source, a.dedupe_key) for a, _ in messages) if key in fresh
    ]
    table = Base.metadata.tables[InboundMessage.__tablename__]
    ids = insert_all(session, table, [_row(*fresh[key], now) for key in order])
    new = dict(zip(order, ids, strict=True))
    received, repeats = [], Counter[int]()
    for arrival, _ in messages:
        key = arrival.source, arrival.dedupe_key
        if key in new:
            first = Received(new[key], "received", None, now, is_new=True)
            known[key] = replace(first, is_new=False)
            del new[key]
            received.append(first)
        else:
            repeats[known[key].id] += 1
            received.append(known[key])
    for times in set(repeats.values()):
        ids_ = [number for number, found in repeats.items() if found == times]
        session.execute(
            update(table).where(table.c.id.in_(ids_)).values(repeats=table.c.repeats + times)
        )
    return received


def settle_batch(session: Session, settled: Mapping[int, Settled], now: datetime) -> None:
    """Write what became of the messages of a batch, by their ids, in one statement a status."""
    table = Base.metadata.tables[InboundMessage.__tablename__]
    alike: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number, one in settled.items():
        alike[one.status, one.reason].append(number)
    for (status, reason), ids in alike.items():
        people = {number: settled[number].patient_id for number in ids}
        of = {number: person for number, person in people.items() if person is not None}
        values: dict[str, Any] = {"status": status, "reason": reason, "processed_at": now}
        if of:
            values["patient_id"] = case(of, value=table.c.id, else_=table.c.patient_id)
        session.execute(update(table).where(table.c.id.in_(ids)).values(values))


def _row(arrival: Arrival, body: bytes, now: datetime) -> dict[str, Any]:
    public_id = new_public_id()
    text = body.decode("latin-1")
    return {
        "public_id": public_id,
        "source": arrival.source,
        "dedupe_key": arrival.dedupe_key,
        "kind": clipped(arrival.kind) or "",
        "control_id": clipped(arrival.control_id),
        "body_sealed": InboundMessage.body.seal(InboundMessage.__tablename__, public_id, text),
        "peer": arrival.peer,
        "status": "received",
        "repeats": 0,
        "tries": 0,
        "received_at": now,
        "sent_at": arrival.sent_at,
    }


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
