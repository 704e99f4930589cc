"""How far each table of a source was read, and each of its rows as we last saw it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
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
from app.encryption import Encrypted


class TableFeed(Base):
    """One table of a source; who reads it holds it until a moment of the database's clock."""

    __tablename__ = "table_feed"
    __table_args__ = (UniqueConstraint("source", "name"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)  # table:lis
    name: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    # Whatever the source wrote until then has been seen, but for the overlap.
    watermark_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # Of a reading under way: when it began, its last stored row (a key may be a patient's number),
    # and the latest time of writing that it met.
    began_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    position = Encrypted("position_sealed")
    position_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    highest_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    holder: Mapped[str | None] = mapped_column(PlatformId(32), info=OPERATION)
    held_until: Mapped[datetime | None] = mapped_column(info=OPERATION)
    synced_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    reconciled_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # Rows that the last look at all keys missed, and why nothing was done about them.
    vanished: Mapped[int] = mapped_column(default=0, info=OPERATION)
    halt: Mapped[str | None] = mapped_column(info=OPERATION)


class KnownRow(Base):
    """A row of a source as we last saw it: keyed hashes of its key and of what it said."""

    __tablename__ = "known_row"
    __table_args__ = (
        UniqueConstraint("feed_id", "key_digest"),
        Index(None, "feed_id", "id"),
    )

    id: Mapped[int] = key_column()
    feed_id: Mapped[int] = mapped_column(ForeignKey("table_feed.id"), info=OPERATION)
    key_digest: Mapped[bytes] = mapped_column(Digest, info=OPERATION)
    # NULL: the row is gone, and what it said was taken back.
    row_digest: Mapped[bytes | None] = mapped_column(Digest, info=OPERATION)
    updated_at: Mapped[datetime | None] = mapped_column(info=OPERATION)  # as the source tells
    recorded_at: Mapped[datetime] = mapped_column(info=OPERATION)  # orders the row's versions
    life: Mapped[int] = mapped_column(default=0, info=OPERATION)
    # The message that brought it; no key, because what was sent may be purged.
    inbound_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)
