"""What the processes share: leases, slots already run, and platforms' access tokens."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CREDENTIAL,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.encryption import Encrypted


class Lease(Base):
    """Who may act for all, until when by the database's clock; `fence` grows at each change."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(PlatformId(64), primary_key=True, info=OPERATION)
    holder: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    fence: Mapped[int] = mapped_column(info=OPERATION)
    until: Mapped[datetime] = mapped_column(info=OPERATION)


class JobRun(Base):
    """One slot of one job: its row is the promise that no other process runs it again."""

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "slot_at"),)

    id: Mapped[int] = key_column()
    job: Mapped[str] = mapped_column(PlatformId(64), info=OPERATION)
    slot_at: Mapped[datetime] = mapped_column(info=OPERATION)
    fence: Mapped[int] = mapped_column(info=OPERATION)
    started_at: Mapped[datetime] = mapped_column(info=OPERATION)
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    outcome: Mapped[str | None] = mapped_column(info=OPERATION)


class PlatformToken(Base):
    """The access token of one WeChat or WeCom app, shared by all processes."""

    __tablename__ = "platform_token"

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    app: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=OPERATION)
    token = Encrypted("token_sealed")
    token_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=CREDENTIAL)
    expires_at: Mapped[datetime | None] = mapped_column(info=OPERATION)  # the database's clock
    fetched_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    refresher: Mapped[str | None] = mapped_column(PlatformId(32), info=OPERATION)
    refreshing_until: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # When the platform last refused the token, and how often on that day: bounds the fetches.
    dropped_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    drops: Mapped[int] = mapped_column(default=0, info=OPERATION)
