"""Reading a patient's tags: a team's own tags are there for its members alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from app.domain.profile.tag_standing import TagSource
from app.domain.profile.tagging import TagClass
from app.models.profile.tag import Tag, TagAssignment, TagDecision, TagScope
from app.models.staff.staff_access import teams_of


@dataclass(frozen=True, slots=True)
class TagLine:
    """A tag that a patient bears, as staff see it; `evidence` is health data."""

    key: str
    name: str
    tag_class: str
    source: TagSource
    basis: str | None
    confidence: Decimal
    is_locked: bool
    starts_at: datetime
    expires_at: datetime | None
    evidence: str
    evidence_of: Sequence[Any]


def visible_to(practitioner_id: int | None) -> ColumnElement[bool]:
    """Hold for each `Tag` that somebody may see and use; without anybody: the hospital's."""
    if practitioner_id is None:
        return Tag.scope == TagScope.HOSPITAL
    return or_(Tag.scope == TagScope.HOSPITAL, Tag.care_team_id.in_(teams_of(practitioner_id)))


def tags_of(session: Session, patient_id: int, practitioner_id: int | None) -> list[TagLine]:
    """Return the tags that a patient bears and somebody may see; the caller writes the audit."""
    rows = session.execute(
        select(Tag, TagAssignment)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(
            TagAssignment.patient_id == patient_id,
            TagAssignment.is_live.is_(True),
            visible_to(practitioner_id),
        )
        .order_by(Tag.tag_class, Tag.name)
    )
    return [
        TagLine(
            tag.key, tag.name, tag.tag_class, borne.source, borne.basis, borne.confidence,
            borne.is_locked, borne.starts_at, borne.expires_at, borne.evidence or "",
            borne.evidence_of,
        )
        for tag, borne in rows
    ]  # fmt: skip


def tags_to_give(session: Session, practitioner_id: int) -> Sequence[Tag]:
    """Return the tags that somebody may give by hand, by class and name."""
    return session.scalars(
        select(Tag)
        .where(
            Tag.is_retired.is_(False),
            Tag.merged_into_id.is_(None),
            Tag.tag_class != TagClass.OPERATIONAL.value,
            visible_to(practitioner_id),
        )
        .order_by(Tag.tag_class, Tag.name)
    ).all()


def tags_taken(session: Session, patient_id: int, practitioner_id: int) -> Sequence[Tag]:
    """Return the tags that a person said a patient does not bear."""
    return session.scalars(
        select(Tag)
        .join(TagDecision, TagDecision.tag_id == Tag.id)
        .where(
            TagDecision.patient_id == patient_id,
            TagDecision.is_live.is_(True),
            TagDecision.is_borne.is_(False),
            visible_to(practitioner_id),
        )
        .order_by(Tag.name)
    ).all()
