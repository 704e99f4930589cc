"""Documents for hospital systems, and the calls that carry them and the webhooks' news."""

import secrets
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    CREDENTIAL,
    FREE_TEXT,
    OPERATION,
    Base,
    Big,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.exchange.answers import NUMBER_PREFIX
from app.domain.exchange.delivering import DeliveryState
from app.domain.exchange.documents import DocumentKind, DocumentStatus
from app.encryption import Encrypted

# Without the letters that are read as digits; systems that fold case keep it apart.
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_number() -> str:
    """Return a number for a document: 80 random bits in 18 characters.

    HL7 v2.3 gives a control id 20 characters and a placer number 22.
    """
    return NUMBER_PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(16))


class OutboundDocument(Base):
    """Something asked of, or handed to, a hospital system (FHIR ServiceRequest, Appointment …).

    `number` is what the hospital knows it by (ORC-2, identifier), at every repeat the same.
    `subject` is what set it off, such as `alert:17`: with kind and revision it names the document,
    so that the same thing is never asked twice.
    """

    __tablename__ = "outbound_document"
    __table_args__ = (
        UniqueConstraint("identity"),
        Index(None, "patient_id", "kind", "subject"),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    number: Mapped[str] = mapped_column(
        PlatformId(32), unique=True, default=new_number, info=OPERATION
    )
    kind: Mapped[DocumentKind] = mapped_column(info=CARE)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    subject: Mapped[str] = mapped_column(PlatformId(96), info=OPERATION)
    revision: Mapped[int] = mapped_column(default=1, info=OPERATION)
    identity: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    status: Mapped[DocumentStatus] = mapped_column(info=OPERATION)
    # JSON of `app.domain.exchange.documents`; frozen, a change is a new revision.
    content = Encrypted("content_sealed")
    content_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    requester_kind: Mapped[str] = mapped_column(info=OPERATION)
    requester_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    # The request that this one gives back: must have arrived before.
    revokes_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbound_document.id"), info=OPERATION
    )
    target: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    filler_number: Mapped[str | None] = mapped_column(info=CARE)  # the hospital's own
    # The hospital's words: a refusal may quote anything.
    answer = Encrypted("answer_sealed")
    answer_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    answer_version: Mapped[str] = mapped_column(default="", info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    approved_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    sent_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    answered_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)


class OutboundDelivery(Base):
    """One thing to be told to one receiver: a document to a hospital system, or an event.

    `target` is `his:NAME` of the settings or `webhook:PUBLIC_ID`. `dedupe_key` names document or
    event and receiver, so that a replayed event makes no second call.
    """

    __tablename__ = "outbound_delivery"
    __table_args__ = (
        UniqueConstraint("dedupe_key"),
        Index(None, "state", "target", "due_at"),
        Index(None, "lease_until"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    dedupe_key: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    target: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    document_id: Mapped[int | None] = mapped_column(
        ForeignKey("outbound_document.id"), index=True, info=OPERATION
    )
    webhook_id: Mapped[int | None] = mapped_column(
        ForeignKey("webhook.id"), index=True, info=OPERATION
    )
    kind: Mapped[str] = mapped_column(PlatformId(64), info=CARE)  # document's or event's
    # What a webhook is told: public ids and a time, nothing of a patient.
    told: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    state: Mapped[DeliveryState] = mapped_column(info=OPERATION)
    claim_token: Mapped[str | None] = mapped_column(PlatformId(32), info=OPERATION)
    lease_until: Mapped[datetime | None] = mapped_column(info=OPERATION)  # the database's clock
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    error: Mapped[str | None] = mapped_column(info=OPERATION)  # `CallError` of the last call
    error_code: Mapped[int | None] = mapped_column(info=OPERATION)
    due_at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)
    first_called_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


class Webhook(Base):
    """A system that an operator lets be told of events.

    Both secrets sign while a rotation lasts. The address is sealed: it often holds a key.
    """

    __tablename__ = "webhook"

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    name: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=OPERATION)
    url = Encrypted("url_sealed")
    url_sealed: Mapped[bytes] = mapped_column(Sealed, info=CREDENTIAL)
    secret = Encrypted("secret_sealed")
    secret_sealed: Mapped[bytes] = mapped_column(Sealed, info=CREDENTIAL)
    old_secret = Encrypted("old_secret_sealed")
    old_secret_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=CREDENTIAL)
    old_secret_until: Mapped[datetime | None] = mapped_column(info=OPERATION)
    kinds: Mapped[list[Any]] = mapped_column(info=OPERATION)
    is_active: Mapped[bool] = mapped_column(default=True, info=OPERATION)
    # Since when nothing but failures; NULL after a success.
    failing_since: Mapped[datetime | None] = mapped_column(info=OPERATION)
    disabled_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    reason: Mapped[str | None] = mapped_column(info=OPERATION)  # operator, failing
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)

    @property
    def target(self) -> str:
        return f"webhook:{self.public_id}"
