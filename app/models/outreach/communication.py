"""The outbox: messages to people, every call made for them, and the rights they spend."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import (
    CARE,
    FREE_TEXT,
    OPERATION,
    Base,
    Digest,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.outreach.decency import Purpose
from app.domain.outreach.fitting import unfit
from app.domain.outreach.messaging import Channel, CommunicationState, ErrorClass, Lane
from app.encryption import Encrypted
from app.models.event import Event


class Communication(Base):
    """One message to one person (or one card to one team) by one channel (FHIR Communication).

    The row is the truth of sending: planned, sent, delivered, opened and done are its instants.
    """

    __tablename__ = "communication"
    __table_args__ = (
        # A claim reads one lane and route in its order.
        Index(None, "state", "lane", "channel", "app_key", "due_at"),
        Index(None, "patient_id", "channel", "id"),
        Index(None, "account_id", "channel", "id"),
        Index(None, "state", "falls_at"),
        Index(None, "link_id", "first_called_at"),  # what one person was called for lately
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    # kind, subject, event and version, channel: the same message is never queued twice.
    dedupe_key: Mapped[bytes] = mapped_column(Digest, unique=True, info=OPERATION)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    # By which link the recipient may know of the patient; ended, the message is pointless.
    link_id: Mapped[int | None] = mapped_column(ForeignKey("patient_link.id"), info=OPERATION)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"), index=True, info=OPERATION)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), index=True, info=OPERATION)
    # What it is about, beside a task: cancelled or over, the message is pointless.
    appointment_id: Mapped[int | None] = mapped_column(
        ForeignKey("appointment.id"), index=True, info=OPERATION
    )
    encounter_id: Mapped[int | None] = mapped_column(
        ForeignKey("encounter.id"), index=True, info=OPERATION
    )
    kind: Mapped[str] = mapped_column(info=CARE)
    purpose: Mapped[Purpose | None] = mapped_column(info=CARE)  # None: to staff, or a code
    channel: Mapped[Channel] = mapped_column(info=OPERATION)
    lane: Mapped[Lane] = mapped_column(info=OPERATION)
    state: Mapped[CommunicationState] = mapped_column(
        default=CommunicationState.QUEUED, info=OPERATION
    )
    app_key: Mapped[str | None] = mapped_column(PlatformId(32), info=OPERATION)
    template_id: Mapped[str | None] = mapped_column(PlatformId(64), info=OPERATION)
    # Whether each call spends a right of the ledger (one-time subscription messages).
    needs_right: Mapped[bool] = mapped_column(default=False, info=OPERATION)
    # JSON: what the channel's sender needs; frozen, so that a repeat is the same bytes.
    content = Encrypted("content_sealed")
    content_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    # Whose turn it takes: one call in flight per recipient (platform error 43108).
    recipient_key: Mapped[str] = mapped_column(PlatformId(96), info=OPERATION)
    in_flight: Mapped[str | None] = mapped_column(PlatformId(96), unique=True, info=OPERATION)
    claim_token: Mapped[str | None] = mapped_column(PlatformId(32), info=OPERATION)
    lease_until: Mapped[datetime | None] = mapped_column(info=OPERATION)  # the database's clock
    tries: Mapped[int] = mapped_column(default=0, info=OPERATION)
    error_class: Mapped[str | None] = mapped_column(info=OPERATION)
    errcode: Mapped[int | None] = mapped_column(info=OPERATION)
    reason: Mapped[str | None] = mapped_column(info=OPERATION)
    platform_id: Mapped[str | None] = mapped_column(PlatformId(64), index=True, info=OPERATION)
    response_code = Encrypted("response_code_sealed")  # updates a card once
    response_code_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=OPERATION)
    fallback_of_id: Mapped[int | None] = mapped_column(
        ForeignKey("communication.id"), info=OPERATION
    )
    # Why this channel and no other: see `app.models.outreach.reachability.told`.
    chosen: Mapped[dict[str, Any] | None] = mapped_column(info=OPERATION)
    # When the next channel follows, if nothing has arrived; NULL: none is left, or it has.
    falls_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    planned_at: Mapped[datetime] = mapped_column(info=OPERATION)
    due_at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime] = mapped_column(info=OPERATION)
    first_called_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    sent_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    delivered_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    opened_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    done_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    @classmethod
    def queue(cls, session: Session, *, dedupe_key: bytes, **values: Any) -> "Communication | None":
        """Put a message into the outbox, or return None where the same one is there already.

        One that the platform would refuse, or a lock screen must not show, is dead on arrival;
        the event lets another channel take it up.
        """
        there = select(cls.id).where(cls.dedupe_key == dedupe_key)
        if session.scalar(there) is not None:
            return None
        message = cls(dedupe_key=dedupe_key, **values)
        session.add(message)
        session.flush()
        message.look_over(session)
        return message

    def look_over(self, session: Session) -> None:
        """End at once what must not go out as it is; flushed before, for the event names it."""
        flaw = unfit(self.channel, json.loads(self.content or "{}"))
        if flaw is None:
            return
        self.state, self.reason = CommunicationState.DEAD, flaw
        self.error_class = ErrorClass.CONTENT
        at, who = self.planned_at, self.patient_id
        session.add(Event.of("communication.failed", at, patient_id=who, communication_id=self.id))


class CommunicationAttempt(Base):
    """One call for one message, written before its first byte leaves."""

    __tablename__ = "communication_attempt"
    __table_args__ = (Index(None, "communication_id", "id"),)

    id: Mapped[int] = key_column()
    communication_id: Mapped[int] = mapped_column(ForeignKey("communication.id"), info=OPERATION)
    claim_token: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    calling_at: Mapped[datetime] = mapped_column(info=OPERATION)
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    error_class: Mapped[str | None] = mapped_column(info=OPERATION)
    errcode: Mapped[int | None] = mapped_column(info=OPERATION)


class SubscriptionGrant(Base):
    """The ledger of rights to send: append-only, the balance is the sum of `change`."""

    __tablename__ = "subscription_grant"
    __table_args__ = (
        Index(None, "account_id", "template_id"),
        # A right is spent once and returned at most once for one message.
        UniqueConstraint("communication_id", "reason"),
        # A phone and a callback may both report one answer.
        UniqueConstraint("source_key"),
    )

    id: Mapped[int] = key_column()
    account_id: Mapped[int] = mapped_column(ForeignKey("wechat_account.id"), info=OPERATION)
    template_id: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    change: Mapped[int] = mapped_column(info=OPERATION)
    reason: Mapped[str] = mapped_column(info=OPERATION)
    communication_id: Mapped[int | None] = mapped_column(
        ForeignKey("communication.id"), info=OPERATION
    )
    source_key: Mapped[bytes | None] = mapped_column(Digest, info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


class EarlyReceipt(Base):
    """A platform's receipt that came before we knew the id it speaks of; kept until then."""

    __tablename__ = "early_receipt"
    __table_args__ = (UniqueConstraint("app_key", "platform_id", "kind"),)

    id: Mapped[int] = key_column()
    app_key: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    platform_id: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    kind: Mapped[str] = mapped_column(info=OPERATION)
    outcome: Mapped[dict[str, Any]] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
