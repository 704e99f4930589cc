"""What another system sent, kept as it came."""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, UniqueConstraint, or_
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    FREE_TEXT,
    OPERATION,
    Base,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.encryption import Encrypted


class InboundMessage(Base):
    """What another system sent, kept as it came, before anyone understands it."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("source", "dedupe_key"),
        Index(None, "status", "id"),
        Index(None, "source", "status", "id"),
        Index(None, "source", "received_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)  # hl7:his, wecom:nurse…
    dedupe_key: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    kind: Mapped[str] = mapped_column(info=OPERATION)  # ADT^A01, Patient, template_card_event…
    control_id: Mapped[str | None] = mapped_column(info=OPERATION)
    # latin-1 text of the original bytes: sealed like any other text, nothing lost.
    body = Encrypted("body_sealed")
    body_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    # Whom it turned out to be about; NULL while nobody has understood it.
    patient_id: Mapped[int | None] = mapped_column(
        ForeignKey("patient.id"), index=True, info=OPERATION
    )
    peer: Mapped[str | None] = mapped_column(info=OPERATION)
    status: Mapped[str] = mapped_column(info=OPERATION)  # received processed rejected held ignored
    reason: Mapped[str | None] = mapped_column(info=OPERATION)
    repeats: Mapped[int] = mapped_column(default=0, info=OPERATION)
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    received_at: Mapped[datetime] = mapped_column(info=OPERATION)
    # What the sender's clock said, where the wrapping tells: shows a clock that is wrong.
    sent_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    answered_ms: Mapped[int | None] = mapped_column(info=OPERATION)  # from the last byte to the ACK
    processed_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    @classmethod
    def has_reason(cls, code: str) -> ColumnElement[bool]:
        """Return the condition that the reason is `code`, whatever detail stands behind it."""
        if not code:
            return or_(cls.reason.is_(None), cls.reason == "")
        return or_(cls.reason == code, cls.reason.startswith(f"{code}:", autoescape=True))
