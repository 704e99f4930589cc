"""Tags, and which patients carry them with what evidence."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint, event
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import (
    CARE,
    FREE_TEXT,
    KNOWLEDGE,
    OPERATION,
    Base,
    Big,
    PlatformId,
    Sealed,
    key_column,
    public_id_column,
)
from app.domain.profile.tag_standing import TagSource
from app.encryption import Encrypted

__all__ = [
    "ProposalStatus", "Tag", "TagAssignment", "TagDecision", "TagProposal", "TagRebuild",
    "TagScope", "TagSource", "TagWake",
]  # fmt: skip


class TagScope(StrEnum):
    HOSPITAL = "hospital"  # every department sees it
    TEAM = "team"  # its team alone


class Tag(Base):
    """A word for a kind of patient; `rules` are the condition trees that give it, if any.

    A rule of a pack names it (`"pack": key`); the others are the hospital's own. What the
    hospital wrote over a pack is in `own_fields`: a new version of the pack leaves it.
    """

    __tablename__ = "tag"

    id: Mapped[int] = key_column()
    key: Mapped[str] = mapped_column(PlatformId(64), unique=True, info=KNOWLEDGE)
    name: Mapped[str] = mapped_column(info=KNOWLEDGE)
    tag_class: Mapped[str] = mapped_column(info=KNOWLEDGE)
    parent_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    # Of one group a patient bears at most one.
    exclusion_group: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    expires_days: Mapped[int | None] = mapped_column(info=KNOWLEDGE)  # from when it is given
    synonyms: Mapped[list[Any]] = mapped_column(default=list, info=KNOWLEDGE)
    scope: Mapped[TagScope] = mapped_column(default=TagScope.HOSPITAL, info=OPERATION)
    care_team_id: Mapped[int | None] = mapped_column(
        ForeignKey("care_team.id"), index=True, info=OPERATION
    )
    owner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    # What a machine is less sure of than this waits for a person.
    review_below: Mapped[Decimal] = mapped_column(default=Decimal("0.8"), info=KNOWLEDGE)
    is_retired: Mapped[bool] = mapped_column(default=False, info=OPERATION)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), info=OPERATION)
    rules: Mapped[list[Any]] = mapped_column(default=list, info=KNOWLEDGE)
    pack_key: Mapped[str | None] = mapped_column(PlatformId(64), info=KNOWLEDGE)
    own_fields: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    # A digest of all that tagging reads here: the sum over all rows names the library's state.
    stamp: Mapped[int] = mapped_column(Big, default=0, index=True, info=OPERATION)
    updated_at: Mapped[datetime | None] = mapped_column(info=OPERATION)


_STAMPED: Final = (
    "key", "name", "tag_class", "parent_key", "exclusion_group", "expires_days", "synonyms",
    "scope", "care_team_id", "review_below", "is_retired", "merged_into_id", "rules",
)  # fmt: skip


@event.listens_for(Tag, "before_insert")
@event.listens_for(Tag, "before_update")
def _stamp(_: object, __: object, tag: Tag) -> None:
    """Keep the digest true: 48 bits, so that thousands of them add up in 64."""
    said = [getattr(tag, name) for name in _STAMPED]
    told = json.dumps(said, ensure_ascii=False, sort_keys=True, default=_plainly)
    tag.stamp = int.from_bytes(hashlib.sha256(told.encode()).digest()[:6])


def _plainly(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


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
    # What gave it: a rule's source, or a model with its version (adherence@3).
    basis: Mapped[str | None] = mapped_column(PlatformId(96), info=OPERATION)
    # The rows that the evidence speaks of: [{"kind": "observation", "id": public id}…].
    evidence_of: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    starts_at: Mapped[datetime] = mapped_column(info=OPERATION)
    expires_at: Mapped[datetime | None] = mapped_column(index=True, info=OPERATION)
    ends_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    tag: Mapped[Tag] = relationship()


class TagDecision(Base):
    """A person's word on a tag of a patient: no machine goes against it. Earlier words stay.

    `is_borne` None leaves the tag to the machines again. `before` names the rows that the word
    changed, so that it can be undone: see `app.services.profile.tags.tag_words`.
    """

    __tablename__ = "tag_decision"
    __table_args__ = (
        UniqueConstraint("patient_id", "tag_id", "is_live"),
        Index(None, "tag_id"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), info=CARE)
    is_live: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    is_borne: Mapped[bool | None] = mapped_column(info=CARE)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    reason = Encrypted("reason_sealed")
    reason_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict, info=OPERATION)
    undone_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


class ProposalStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    SUPERSEDED = "superseded"  # nothing speaks for it any more, or it came to be borne


class TagProposal(Base):
    """A tag that a machine is not sure of: it waits for a person."""

    __tablename__ = "tag_proposal"
    __table_args__ = (
        UniqueConstraint("patient_id", "tag_id", "is_open"),
        Index(None, "tag_id", "is_open"),
        Index(None, "status", "proposed_at"),
    )

    id: Mapped[int] = key_column()
    public_id: Mapped[str] = public_id_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), info=OPERATION)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), info=CARE)
    is_open: Mapped[bool | None] = mapped_column(default=True, info=OPERATION)  # True or NULL
    status: Mapped[ProposalStatus] = mapped_column(default=ProposalStatus.OPEN, info=OPERATION)
    source: Mapped[TagSource] = mapped_column(info=OPERATION)
    basis: Mapped[str | None] = mapped_column(PlatformId(96), info=OPERATION)
    evidence = Encrypted("evidence_sealed")
    evidence_sealed: Mapped[bytes | None] = mapped_column(Sealed, info=FREE_TEXT)
    evidence_of: Mapped[list[Any]] = mapped_column(default=list, info=OPERATION)
    confidence: Mapped[Decimal] = mapped_column(info=CARE)
    proposed_at: Mapped[datetime] = mapped_column(info=OPERATION)
    practitioner_id: Mapped[int | None] = mapped_column(
        ForeignKey("practitioner.id"), index=True, info=OPERATION
    )
    decided_at: Mapped[datetime | None] = mapped_column(info=OPERATION)

    tag: Mapped[Tag] = relationship()


class TagWake(Base):
    """When time alone may next change a patient's tags; until then only an event can."""

    __tablename__ = "tag_wake"

    id: Mapped[int] = key_column()
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), unique=True, info=OPERATION)
    wake_at: Mapped[datetime] = mapped_column(index=True, info=OPERATION)


class TagRebuild(Base):
    """One pass over all patients; `after_id` is how far it got."""

    __tablename__ = "tag_rebuild"

    id: Mapped[int] = key_column()
    library: Mapped[int] = mapped_column(Big, info=OPERATION)  # the state it makes true
    after_id: Mapped[int] = mapped_column(Big, default=0, info=OPERATION)
    patients: Mapped[int] = mapped_column(default=0, info=OPERATION)  # looked at
    changed: Mapped[int] = mapped_column(default=0, info=OPERATION)  # of these
    started_at: Mapped[datetime] = mapped_column(info=OPERATION)
    finished_at: Mapped[datetime | None] = mapped_column(info=OPERATION)
