"""What operators do to the sending of messages, and why."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    FREE_TEXT,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.outreach.messaging import Channel
from app.domain.outreach.sending_deeds import DeedKind
from app.encryption import Encrypted


class SendingDeed(Base):
    """That somebody paused or opened a route, or sent again or cancelled messages of it."""

    __tablename__ = "sending_deed"
    __table_args__ = (Index(None, "channel", "app_key", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    kind: Mapped[DeedKind] = mapped_column(info=OPERATION)
    channel: Mapped[Channel] = mapped_column(info=OPERATION)
    app_key: Mapped[str] = mapped_column(PlatformId(32), info=OPERATION)
    # One message alone; NULL: the route, or `messages` of one reason.
    communication_id: Mapped[int | None] = mapped_column(
        ForeignKey("communication.id"), info=OPERATION
    )
    messages: Mapped[int] = mapped_column(default=0, info=OPERATION)
    # NULL: by the command line, whose user the audit trail cannot name either.
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    why = Encrypted("why_sealed")
    why_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
