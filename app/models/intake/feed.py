"""Watching over what feeds us: alarms, replays, and what staff did with single messages."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    FREE_TEXT,
    OPERATION,
    Base,
    Big,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.intake.feed_health import AlarmKind
from app.domain.intake.replays import DeedKind, ReplayState
from app.encryption import Encrypted


class FeedAlarm(Base):
    """One episode of something wrong with one source; a second begins only after the first."""

    __tablename__ = "feed_alarm"
    __table_args__ = (Index(None, "source", "kind", "id"), Index(None, "ended_at"))

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    kind: Mapped[AlarmKind] = mapped_column(info=OPERATION)
    # source and kind while the episode lasts, NULL after: two clocks open it once.
    open_key: Mapped[str | None] = mapped_column(PlatformId(96), unique=True, info=OPERATION)
    since: Mapped[datetime] = mapped_column(info=OPERATION)
    # Since when all looks well again; the episode ends when that has lasted.
    calm_since: Mapped[datetime | None] = mapped_column(info=OPERATION)
    told_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    ended_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


class ReplayRun(Base):
    """Messages of one source to be read again, worked off by the clock process in their order."""

    __tablename__ = "replay_run"
    __table_args__ = (Index(None, "state", "id"), Index(None, "source", "id"))

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    source: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    status: Mapped[str] = mapped_column(info=OPERATION)  # of the messages: rejected held received
    reason: Mapped[str | None] = mapped_column(info=OPERATION)  # a reason's code; NULL is any
    message_id: Mapped[int | None] = mapped_column(Big, info=OPERATION)  # one alone
    requested_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), info=OPERATION
    )
    requested_at: Mapped[datetime] = mapped_column(info=OPERATION)
    state: Mapped[ReplayState] = mapped_column(default=ReplayState.WAITING, info=OPERATION)
    # Messages after `cursor` up to `last_id` are still to do: what fails again is not met twice.
    cursor: Mapped[int] = mapped_column(Big, default=0, info=OPERATION)
    last_id: Mapped[int] = mapped_column(Big, info=OPERATION)
    total: Mapped[int] = mapped_column(info=OPERATION)
    done: Mapped[int] = mapped_column(default=0, info=OPERATION)
    processed: Mapped[int] = mapped_column(default=0, info=OPERATION)
    lease_until: Mapped[datetime | None] = mapped_column(info=OPERATION)  # the database's clock
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


class InboundDeed(Base):
    """That a member of staff opened the full text of a message, or set it aside, and why."""

    __tablename__ = "inbound_deed"
    __table_args__ = (Index(None, "inbound_id", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound_message.id"), info=OPERATION)
    kind: Mapped[DeedKind] = mapped_column(info=OPERATION)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    why = Encrypted("why_sealed")
    why_sealed: Mapped[bytes] = mapped_column(Sealed, info=FREE_TEXT)
    at: Mapped[datetime] = mapped_column(info=OPERATION)
