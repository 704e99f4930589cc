"""Consent given, and the record of who did what: append-only, chained, sealed."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import CARE, OPERATION, Base, Big, Digest, key_column, public_id_column


class Consent(Base):
    """One yes or no to one purpose, by whom, for whom, to which text; never changed."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "patient_id", "purpose", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    purpose: Mapped[str] = mapped_column(info=CARE)  # health-data, guardian, messages
    is_given: Mapped[bool] = mapped_column(info=CARE)
    text_version: Mapped[str] = mapped_column(info=OPERATION)
    text_hash: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    channel: Mapped[str] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


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
