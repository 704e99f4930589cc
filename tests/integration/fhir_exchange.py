"""Bodies in, bundles out: one hospital's record given to another."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.intake.hospital_message import HospitalMessage
from app.integrations.fhir.json_text import dump
from app.integrations.fhir.reader import Reader
from app.integrations.fhir.writer import bundle
from app.models import Patient
from app.models.profile.whole_record import load_records
from app.services.intake import Arrival, Settled, interpret_message, receive
from tests.conftest import NOON
from tests.integration.record_state import State, record_state

BASE = "https://careloop.example/fhir"
# How and when we came to know: another system tells it at another time.
_NEWS = frozenset({"version", "stamps", "recorded_at", "borrowed", "identity"})


def take(session: Session, body: bytes, now: datetime = NOON, source: str = "emr") -> Settled:
    """Keep a body and write what it says."""
    arrival = Arrival(f"fhir:{source}", hashlib.sha256(body).digest(), "Bundle", "1")
    inbound = receive(session, arrival, body, now)
    return interpret_message(session, inbound, Reader()(source, body), now)


def tell(
    session: Session, told: HospitalMessage | tuple[HospitalMessage, ...], key: str
) -> Settled:
    """Write what a message of some other way in says."""
    arrival = Arrival("hl7:his", hashlib.sha256(key.encode()).digest(), "ADT^A08", key[:20])
    inbound = receive(session, arrival, key.encode(), NOON)
    messages = (told,) if isinstance(told, HospitalMessage) else told
    return interpret_message(session, inbound, messages, NOON)


def give(session: Session, now: datetime = NOON) -> list[dict[str, Any]]:
    """Return a bundle of every person's record."""
    heads = session.scalars(
        select(Patient.id).where(Patient.merged_into_id.is_(None)).order_by(Patient.id)
    ).all()
    return [bundle(record, BASE, clock.HOSPITAL, now) for record in load_records(session, heads)]


def give_as_bytes(session: Session, now: datetime = NOON) -> list[bytes]:
    return [dump(one).encode() for one in give(session, now)]


def content(session: Session) -> State:
    """Return what the current record says, without the news by which it came to say so."""
    session.flush()
    session.expire_all()
    found = {}
    for table, rows in record_state(session).items():
        kept = (row for row in rows if _is_current(row))
        found[table] = [tuple(_without_news(row)) for row in kept]
    return found


def _is_current(row: Iterable[Any]) -> bool:
    return (
        dict(p for p in row if isinstance(p, tuple) and len(p) == 2).get("is_current", True) is True
    )


def _without_news(row: Iterable[Any]) -> Iterable[Any]:
    for part in row:
        if isinstance(part, tuple) and len(part) == 2 and part[0] in _NEWS:
            continue
        yield part


def counts(state: Mapping[str, list[Any]]) -> dict[str, int]:
    return {table: len(rows) for table, rows in state.items() if rows}
