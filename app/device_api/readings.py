"""One call of a cloud: each reading is kept first, then taken, and answered for by itself."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import clock
from app.database import after_collisions, unit_of_work
from app.domain.profile.device_readings import name_of, reading_key
from app.services.intake import Arrival, receive
from app.services.profile.home_monitoring import taking

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """A reading as it was kept; `serial` is None where it does not say whose it is."""

    message_id: int
    id: str | None
    serial: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What the vendor hears of one reading: taken, held or duplicate."""

    id: str | None
    result: str
    reason: str | None = None
    doubt: str | None = None


def keep(source: str, told: Sequence[Any], peer: str | None) -> list[Kept]:
    """Keep the readings of one call, sealed; repeats are counted, nothing is interpreted."""

    def keep_all() -> list[Kept]:
        with unit_of_work.begin() as session:
            return [_keep(session, source, one, peer) for one in told]

    return after_collisions(keep_all)


def take(kept: Sequence[Kept]) -> list[Taken]:
    """Take each reading, those of one device in one transaction: what contradicts each other is
    doubted before anything is set off."""
    outcomes: dict[int, taking.Outcome] = {}
    for serial in dict.fromkeys(one.serial for one in kept):
        ids = [one.message_id for one in kept if one.serial == serial]
        outcomes |= after_collisions(partial(_take_together, ids))
    return [_answer(one, outcomes.get(one.message_id)) for one in kept]


def _keep(session: Session, source: str, told: Any, peer: str | None) -> Kept:
    """Keep one reading; the same name with other content is kept beside the first."""
    body = json.dumps(told, ensure_ascii=False, sort_keys=True, default=str).encode()
    vendor = source.removeprefix(taking.WAY)
    named = name_of(vendor, told)
    key = reading_key(*named) if named else hashlib.sha256(body).digest()
    arrival = Arrival(source, key, "reading", named[1] if named else "", peer)
    now = clock.now()
    message = receive(session, arrival, body, now)
    session.flush()
    if message.body != body.decode("latin-1"):
        another = hashlib.sha256(key + body).digest()
        message = receive(session, replace(arrival, dedupe_key=another), body, now)
        session.flush()
    serial = named[0].serial if named else None
    return Kept(message.id, named[1] if named else None, serial, is_new=message.repeats == 0)


def _take_together(message_ids: Sequence[int]) -> dict[int, taking.Outcome]:
    """Take readings all or none; where one breaks the interpreter they wait for the worker."""
    try:
        with unit_of_work.begin() as session:
            return {one: taking.take(session, one, clock.now()) for one in message_ids}
    except (IntegrityError, OperationalError):
        raise
    except Exception as error:
        log.error("device_readings_kept", exc_info=error, count=len(message_ids))
        return {}


def _answer(kept: Kept, outcome: taking.Outcome | None) -> Taken:
    if outcome is None:
        return Taken(kept.id, "held", "error")
    if outcome.status == "held":
        return Taken(kept.id, "held", outcome.reason)
    if not kept.is_new:
        return Taken(kept.id, "duplicate")
    return Taken(kept.id, "taken", doubt=outcome.doubt)
