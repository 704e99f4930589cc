"""The audit trail: who did what to whose record; append-only, chained, sealed.

An append is part of the transaction it records: if it cannot be written, nothing is served.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Index,
    UniqueConstraint,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import OPERATION, Base, Big, Digest, key_column
from app.domain.trust.access import Actor
from app.encryption import keyring

# One head for all would queue every read of every record behind one row lock.
CHAINS: Final = 64
ORIGIN: Final = bytes(32)


class AuditEvent(Base):
    """Who did what to whose record, when and from where (FHIR AuditEvent).

    `hash` is an HMAC over this row and the `hash` before it in the same chain, so that an edit,
    a deletion or an insertion made in SQL shows.
    """

    __tablename__ = "audit_event"
    __table_args__ = (UniqueConstraint("chain", "sequence"), Index(None, "patient_id", "at"))

    id: Mapped[int] = key_column()
    chain: Mapped[int] = mapped_column(info=OPERATION)
    sequence: Mapped[int] = mapped_column(Big, info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
    actor_kind: Mapped[str] = mapped_column(info=OPERATION)
    actor_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    action: Mapped[str] = mapped_column(info=OPERATION)  # read, create, update, sign-in…
    entity: Mapped[str] = mapped_column(info=OPERATION)
    patient_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    origin: Mapped[str] = mapped_column(info=OPERATION)
    outcome: Mapped[str] = mapped_column(default="success", info=OPERATION)
    detail: Mapped[dict[str, Any]] = mapped_column(info=OPERATION)  # ids and codes only
    previous: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)


class AuditHead(Base):
    """The end of one chain; its row lock makes appends take turns."""

    __tablename__ = "audit_head"

    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, info=OPERATION)
    sequence: Mapped[int] = mapped_column(Big, info=OPERATION)
    hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)


class AuditSeal(Base):
    """All heads at one moment under one HMAC: a chain cut short no longer matches."""

    __tablename__ = "audit_seal"

    id: Mapped[int] = key_column()
    at: Mapped[datetime] = mapped_column(info=OPERATION)
    heads: Mapped[dict[str, Any]] = mapped_column(info=OPERATION)  # chain → [sequence, hash hex]
    previous: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)


_HEADS: Final = Base.metadata.tables["audit_head"]
# Every read of a record waits for these three: built once, and past the mapper.
_FIND_HEAD: Final = (
    select(_HEADS.c.sequence, _HEADS.c.hash)
    .where(_HEADS.c.chain == bindparam("head"))
    .with_for_update()
)
_APPEND: Final = insert(Base.metadata.tables["audit_event"])
_MOVE_HEAD: Final = update(_HEADS).where(_HEADS.c.chain == bindparam("head"))


def record(
    session: Session,
    actor: Actor,
    action: str,
    entity: str,
    now: datetime,
    *,
    patient_id: int | None = None,
    outcome: str = "success",
    detail: dict[str, Any] | None = None,
) -> None:
    """Append to the trail, in the caller's transaction.

    The head of the chain stays locked until commit: call this as the last thing before it.
    `detail` holds ids and codes, never a name, a value or free text.
    """
    chain = (patient_id if patient_id is not None else actor.id or 0) % CHAINS
    # What is recorded goes first: nothing of it is written while the head is locked.
    session.flush()
    connection = session.connection()
    sequence, previous = _lock_head(connection, chain)
    row = {
        "chain": chain,
        "sequence": sequence + 1,
        "at": now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "action": action,
        "entity": entity,
        "patient_id": patient_id,
        "origin": actor.origin,
        "outcome": outcome,
        "detail": detail or {},
        "previous": previous,
    }
    row["hash"] = chain_hash(row)
    connection.execute(_APPEND, row)
    connection.execute(_MOVE_HEAD, {"head": chain, "sequence": sequence + 1, "hash": row["hash"]})


def chain_hash(row: dict[str, Any]) -> bytes:
    """Return the HMAC over one row and the hash before it."""
    # The database gives every instant back in UTC, whatever zone it came in.
    at = row["at"].astimezone(UTC).isoformat()
    facts = {**row, "at": at, "previous": row["previous"].hex()}
    facts.pop("hash", None)
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return keyring().mac("audit", text.encode())


def seal_hash(at: datetime, heads: dict[str, Any], previous: bytes) -> bytes:
    text = json.dumps([at.astimezone(UTC).isoformat(), heads, previous.hex()], sort_keys=True)
    return keyring().mac("audit-seal", text.encode())


def _lock_head(connection: Connection, chain: int) -> tuple[int, bytes]:
    head = connection.execute(_FIND_HEAD, {"head": chain}).one_or_none()
    if head is None:
        _open_chain(connection, chain)
        head = connection.execute(_FIND_HEAD, {"head": chain}).one()
    return head.sequence, head.hash


def _open_chain(connection: Connection, chain: int) -> None:
    """Add the head of a chain, unless another transaction does.

    A plain INSERT that meets the other's row would share its lock, and two that share it wait
    for each other for ever; this one waits for the whole lock.
    """
    new = {"chain": chain, "sequence": 0, "hash": ORIGIN}
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(_HEADS).values(new).on_conflict_do_nothing())
    else:
        kept = mysql.insert(_HEADS).values(new)
        connection.execute(kept.on_duplicate_key_update(chain=_HEADS.c.chain))
