"""Saved segments, and the audiences frozen from them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database import (
    CARE,
    KNOWLEDGE,
    OPERATION,
    Base,
    Digest,
    key_column,
    public_id_column,
)


class SegmentScope(StrEnum):
    HOSPITAL = "hospital"
    TEAM = "team"


class Segment(Base):
    """A kind of patient by criteria (FHIR Group, actual = false); plans and campaigns use it."""

    __tablename__ = "segment"

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    name: Mapped[str] = mapped_column(unique=True, info=KNOWLEDGE)
    tree: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)  # as `parse_criterion` reads it
    version: Mapped[int] = mapped_column(default=1, info=OPERATION)
    scope: Mapped[SegmentScope] = mapped_column(default=SegmentScope.HOSPITAL, info=OPERATION)
    care_team_id: Mapped[int | None] = mapped_column(
        ForeignKey("care_team.id"), index=True, info=OPERATION
    )
    owner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    is_retired: Mapped[bool] = mapped_column(default=False, info=OPERATION)
    created_at: Mapped[datetime] = mapped_column(info=OPERATION)
    updated_at: Mapped[datetime] = mapped_column(info=OPERATION)


class Audience(Base):
    """The patients whom criteria meant at one moment, frozen (FHIR Group, actual = true)."""

    __tablename__ = "audience"

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    segment_id: Mapped[int | None] = mapped_column(
        ForeignKey("segment.id"), index=True, info=OPERATION
    )
    tree: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)  # as it was then
    size: Mapped[int] = mapped_column(info=OPERATION)
    digest: Mapped[bytes] = mapped_column(Digest, info=OPERATION)  # SHA-256 of the ids, in order
    taken_at: Mapped[datetime] = mapped_column(info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )


class AudienceChunk(Base):
    """Some hundreds of an audience's patients: what one piece of work sends to.

    Ids and not rows: a patient merged later is found by who reads, through the retired id.
    """

    __tablename__ = "audience_chunk"
    __table_args__ = (UniqueConstraint("audience_id", "number"),)

    id: Mapped[int] = key_column()
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"), info=OPERATION)
    number: Mapped[int] = mapped_column(info=OPERATION)
    size: Mapped[int] = mapped_column(info=OPERATION)
    # Patient ids, ascending, as little-endian unsigned 64-bit numbers.
    patient_ids: Mapped[bytes] = mapped_column(LargeBinary(65_535), info=CARE)
