"""The audit trail read back: verified link by link, sealed as a whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AuditEvent, AuditHead, AuditSeal
from app.models.audit import ORIGIN, chain_hash, seal_hash


@dataclass(frozen=True, slots=True)
class Break:
    """Where the trail is not what was written."""

    chain: int
    sequence: int
    what: str


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
    """Return how many entries were checked, and every place where the trail was touched."""
    checked = 0
    breaks: list[Break] = []
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
    breaks.extend(_short(session, reached))
    breaks.extend(_unsealed(session))
    return checked, breaks


def _facts(row: AuditEvent) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key)
        for column in AuditEvent.__table__.columns
        if column.key not in ("id", "hash")
    }


def _short(session: Session, reached: dict[int, tuple[int, bytes]]) -> list[Break]:
    """Find chains that end before their head."""
    return [
        Break(head.chain, head.sequence, "the end of the chain is missing")
        for head in session.scalars(select(AuditHead))
        if reached.get(head.chain, (0, ORIGIN)) != (head.sequence, head.hash)
    ]


def _unsealed(session: Session) -> list[Break]:
    """Find seals that were changed, and entries that a seal knew and that are gone."""
    breaks = []
    previous = ORIGIN
    for row in session.scalars(select(AuditSeal).order_by(AuditSeal.id)):
        if row.previous != previous or row.hash != seal_hash(row.at, row.heads, row.previous):
            breaks.append(Break(-1, row.id, "a seal was changed"))
        previous = row.hash
        for chain, (sequence, head_hash) in row.heads.items():
            if sequence == 0:
                continue
            kept = session.scalar(
                select(AuditEvent.hash).filter_by(chain=int(chain), sequence=sequence)
            )
            if kept is None or kept.hex() != head_hash:
                breaks.append(Break(int(chain), sequence, "not what was sealed"))
    return breaks
