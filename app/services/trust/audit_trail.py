"""The audit trail read back: verified link by link, sealed as a whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AuditEvent, AuditHead, AuditSeal
from app.models.trust.audit import ORIGIN, chain_hash, seal_hash


@dataclass(frozen=True, slots=True)
class Break:
    """Where the trail is not what was written."""

    chain: int
    sequence: int
    what: str


# What should be found at one place of one chain, and who says so.
_Told = dict[tuple[int, int], dict[bytes, str]]


def seal(session: Session, now: datetime) -> None:
    """Write all heads under one HMAC: a chain cut short afterwards no longer matches."""
    heads = session.scalars(select(AuditHead).order_by(AuditHead.chain).with_for_update()).all()
    last = session.scalar(select(AuditSeal.hash).order_by(AuditSeal.id.desc()).limit(1))
    told = {str(head.chain): [head.sequence, head.hash.hex()] for head in heads}
    previous = last or ORIGIN
    session.add(
        AuditSeal(at=now, heads=told, previous=previous, hash=seal_hash(now, told, previous))
    )


def verify(session: Session) -> tuple[int, list[Break]]:
    """Return how many entries were checked, and every place where the trail was touched.

    The trail may grow meanwhile: heads and seals are read first, and every entry they tell of
    must come by afterwards.
    """
    told, breaks = _told(session)
    checked = 0
    reached: dict[int, tuple[int, bytes]] = {}
    rows = session.scalars(
        select(AuditEvent)
        .order_by(AuditEvent.chain, AuditEvent.sequence)
        .execution_options(yield_per=1000)
    )
    for row in rows:
        checked += 1
        sequence, previous = reached.get(row.chain, (0, ORIGIN))
        if row.sequence != sequence + 1 or row.previous != previous:
            breaks.append(Break(row.chain, row.sequence, "an entry before this one is missing"))
        if row.hash != chain_hash(_facts(row)):
            breaks.append(Break(row.chain, row.sequence, "the entry was changed"))
        reached[row.chain] = (row.sequence, row.hash)
        for place, by in told.pop((row.chain, row.sequence), {}).items():
            if place != row.hash:
                breaks.append(Break(row.chain, row.sequence, f"not what {by} says"))
    breaks.extend(
        Break(chain, sequence, f"gone, though {by} knows it")
        for (chain, sequence), places in told.items()
        for by in places.values()
    )
    return checked, breaks


def _facts(row: AuditEvent) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key)
        for column in AuditEvent.__table__.columns
        if column.key not in ("id", "hash")
    }


def _told(session: Session) -> tuple[_Told, list[Break]]:
    """Return what heads and seals say of the trail, and which seals were touched."""
    told: _Told = {}
    breaks = []
    previous = ORIGIN
    for row in session.scalars(select(AuditSeal).order_by(AuditSeal.id)):
        if row.previous != previous or row.hash != seal_hash(row.at, row.heads, row.previous):
            breaks.append(Break(-1, row.id, "a seal was changed, or one before it is missing"))
            previous = row.hash
            continue  # nothing it says can be relied on
        previous = row.hash
        for chain, (sequence, head_hash) in row.heads.items():
            _tell(told, int(chain), sequence, bytes.fromhex(head_hash), "a seal")
    for head in session.scalars(select(AuditHead)):
        _tell(told, head.chain, head.sequence, head.hash, "the head")
    return told, breaks


def _tell(told: _Told, chain: int, sequence: int, hash_: bytes, by: str) -> None:
    if sequence:  # a chain without an entry has nothing to show
        told.setdefault((chain, sequence), {}).setdefault(hash_, by)
