"""A pack being written until a second person signs it; running plans on the way to a version."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    KNOWLEDGE,
    OPERATION,
    Base,
    Big,
    PlatformId,
    Text,
    key_column,
    public_id_column,
)
from app.models.plans.plan_definition import PlanDefinition
from app.models.staff.practitioner import Practitioner


class DraftStatus(StrEnum):
    EDITING = "editing"
    SUBMITTED = "submitted"
    APPROVED = "approved"  # in force, or waiting for its first day
    DROPPED = "dropped"


class PackDraft(Base):
    """The next version of a pack as somebody writes it; what is approved never changes."""

    __tablename__ = "pack_draft"
    __table_args__ = (Index(None, "status", "pack_key"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    pack_key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    base_version: Mapped[str] = mapped_column(PlatformId(32), info=KNOWLEDGE)
    content: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    status: Mapped[DraftStatus] = mapped_column(default=DraftStatus.EDITING, info=KNOWLEDGE)
    # Counts saves: who opened an older one cannot overwrite a newer.
    revision: Mapped[int] = mapped_column(default=1, info=OPERATION)
    author_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    # Everybody who wrote at it: none of them may sign.
    editor_ids: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    # Why it was sent back; about texts and times, of no patient.
    returned_because: Mapped[str | None] = mapped_column(Text(255), info=KNOWLEDGE)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)
    approved_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    # When it came into force; NULL while its first day has not come.
    installed_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)

    author: Mapped[Practitioner] = relationship(foreign_keys=[author_id])
    approver: Mapped[Practitioner | None] = relationship(foreign_keys=[approver_id])


class MigrationStatus(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"


class PlanMigration(Base):
    """Running plans of one key on their way to another version; it can be stopped and go on."""

    __tablename__ = "plan_migration"
    __table_args__ = (Index(None, "status", "id"),)

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    plan_key: Mapped[str] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    to_definition_id: Mapped[int] = mapped_column(ForeignKey("plan_definition.id"), info=KNOWLEDGE)
    status: Mapped[MigrationStatus] = mapped_column(default=MigrationStatus.RUNNING, info=OPERATION)
    # The last care plan looked at.
    position: Mapped[int] = mapped_column(Big, default=0, info=OPERATION)
    moved: Mapped[int] = mapped_column(default=0, info=OPERATION)
    practitioner_id: Mapped[int] = mapped_column(ForeignKey("practitioner.id"), info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)

    to_definition: Mapped[PlanDefinition] = relationship()
