"""Tags, and which patients carry them with what evidence."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    KNOWLEDGE,
    OPERATION,
    Base,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.encryption import Encrypted
from app.models.event import Event


class Tag(Base):
    """A word for a kind of patient; `rules` are the condition trees that give it, if any."""

    __tablename__ = "tag"

    id: Mapped[int] = key_column()
    key: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=KNOWLEDGE)
    name: Mapped[str] = mapped_column(info=KNOWLEDGE)
    tag_class: Mapped[str] = mapped_column(info=KNOWLEDGE)
    definition: Mapped[dict[str, Any]] = mapped_column(info=KNOWLEDGE)
    rules: Mapped[list[Any]] = mapped_column(default=list, info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)


class TagSource(StrEnum):
    RULE = "rule"
    PERSON = "person"
    MODEL = "model"


class TagAssignment(Base):
    """That a patient carries a tag; at most one is live for the two. Ended ones stay."""

    __tablename__ = "tag_assignment"
    __table_args__ = (
        UniqueConstraint("patient_id", "tag_id", "is_live"),
        Index(None, "tag_id", "is_live", "patient_id"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), info=CARE)
    is_live: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    source: Mapped[TagSource] = mapped_column(info=OPERATION)
    evidence = Encrypted("evidence_sealed")
    evidence_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    confidence: Mapped[Decimal] = mapped_column(default=Decimal(1), info=CARE)
    is_locked: Mapped[bool] = mapped_column(default=False, info=OPERATION)  # a person decided
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    tag: Mapped[Tag] = relationship()


def bear(
    session: Session,
    patient_id: int,
    tag_key: str,
    evidence: str,
    now: datetime,
    *,
    confidence: Decimal = Decimal(1),
    expires_at: datetime | None = None,
    cause: Event | None = None,
) -> None:
    """Give a patient a tag by rule, unless they bear it; the event lets others react."""
    tag_id = session.scalars(select(Tag.id).filter_by(key=tag_key)).one()
    borne = select(TagAssignment.id).filter_by(patient_id=patient_id, tag_id=tag_id, is_live=True)
    if session.scalar(borne) is not None:
        return
    session.add_all(
        [
            TagAssignment(
                patient_id=patient_id,
                tag_id=tag_id,
                source=TagSource.RULE,
                evidence=evidence,
                confidence=confidence,
                starts_at=now,
                expires_at=expires_at,
            ),
            Event.of("tag.assigned", now, patient_id=patient_id, cause=cause, tag=tag_key),
        ]
    )
    session.flush()
