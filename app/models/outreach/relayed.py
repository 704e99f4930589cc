"""What the relay in the outer zone handed in: callbacks, still encrypted by the platform."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import FREE_TEXT, OPERATION, Base, Digest, PlatformId, Sealed, key_column


class RelayedCallback(Base):
    """One push as the platform sent it. The relay's account may insert here and nothing else.

    The columns it may not write (`taken_at`, `outcome`) are the inner tier's.
    """

    __tablename__ = "relayed_callback"
    __table_args__ = (Index(None, "taken_at", "id"),)

    id: Mapped[int] = key_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)  # wechat:KEY, wecom:KEY
    # Of everything that came: the relay may forward a push twice, it is one row.
    delivery_key: Mapped[bytes] = mapped_column(Digest, unique=True, info=OPERATION)
    # Query and body as JSON; the text in it is sealed with the platform's AES key, not ours.
    push_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    received_at: Mapped[datetime] = mapped_column(info=OPERATION)  # the relay's clock
    taken_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    outcome: Mapped[str | None] = mapped_column(info=OPERATION)  # kept, repeat, refused
