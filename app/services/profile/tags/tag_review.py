"""待确认标签: what machines were not sure of, for those who care for the patient."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.profile.tag_standing import TagSource
from app.domain.trust.access import Actor
from app.models import Patient, Tag, TagProposal
from app.models.profile.tag_reading import visible_to
from app.models.staff.staff_access import cares_for
from app.models.trust.audit import record
from app.services.profile.tags import tag_words
from app.services.profile.tags.tag_words import ProposalSettled, TagRetired

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class ProposalLine:
    id: str
    tag_key: str
    tag_name: str
    patient_name: str
    patient_id: str
    source: TagSource
    confidence: Decimal
    evidence: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The oldest proposals first; `tags` counts those of each tag, for all on one go."""

    lines: list[ProposalLine]
    tags: list[tuple[str, str, int]]  # key, name, how many
    total: int


def list_proposals(
    session: Session, actor: Actor, now: datetime, *, tag_key: str | None = None
) -> ReviewQueue:
    """Return what waits for the asker: patients of their teams, tags that they may see.

    The names and evidence shown are noted in the trail.
    """
    waiting = _theirs(actor, now)
    counted = Counter(session.execute(waiting.with_only_columns(Tag.key, Tag.name)).all())
    shown = waiting if tag_key is None else waiting.where(Tag.key == tag_key)
    rows = session.execute(
        shown.order_by(TagProposal.proposed_at, TagProposal.id).limit(PAGE)
    ).all()
    lines = [
        ProposalLine(
            one.public_id, tag.key, tag.name, patient.name or "", patient.public_id, one.source,
            one.confidence, one.evidence or "", one.proposed_at,
        )
        for one, tag, patient in rows
    ]  # fmt: skip
    detail = {"patients": sorted({patient.id for _, _, patient in rows})}
    record(session, actor, "list", "tag-proposal", now, detail=detail)
    tags = [(key, name, count) for (key, name), count in counted.most_common()]
    return ReviewQueue(lines, tags, sum(counted.values()))


def decide(
    session: Session, proposal_id: str, actor: Actor, now: datetime, *, is_accepted: bool
) -> tuple[str, str]:
    """Accept or decline a proposal; return patient and tag key, by which it can be undone.

    :raises NotFound: no such proposal, or its patient is none of the asker's
    :raises ProposalSettled: somebody was faster
    """
    own = _theirs(actor, now, only_open=False).where(TagProposal.public_id == proposal_id)
    row = session.execute(own).one_or_none()
    if row is None:
        raise NotFound
    _, tag, patient = row
    verb = tag_words.accept_proposal if is_accepted else tag_words.decline_proposal
    verb(session, proposal_id, actor, now)
    return patient.public_id, tag.key


def decide_all(
    session: Session, proposal_ids: list[str], actor: Actor, now: datetime, *, is_accepted: bool
) -> int:
    """Settle several proposals; those settled meanwhile are passed over. Return how many it was."""
    done = 0
    for proposal_id in proposal_ids[:PAGE]:
        try:
            decide(session, proposal_id, actor, now, is_accepted=is_accepted)
            done += 1
        except (ProposalSettled, TagRetired, NotFound):
            continue
    return done


def undo(session: Session, patient_id: str, tag_key: str, actor: Actor, now: datetime) -> None:
    """Take back the last word on a tag of a patient of the asker's.

    :raises NotFound: none of the asker's
    """
    patient = session.scalar(
        select(Patient).where(Patient.public_id == patient_id, _in_care(actor, now))
    )
    if patient is None:
        raise NotFound
    tag_words.undo_word(session, patient.id, tag_key, actor, now)


def _theirs(
    actor: Actor, now: datetime, *, only_open: bool = True
) -> Select[TagProposal, Tag, Patient]:
    rows = (
        select(TagProposal, Tag, Patient)
        .join(Tag, Tag.id == TagProposal.tag_id)
        .join(Patient, Patient.id == TagProposal.patient_id)
        .where(
            Patient.merged_into_id.is_(None),
            Tag.is_retired.is_(False),
            visible_to(actor.id),
            _in_care(actor, now),
        )
    )
    return rows.where(TagProposal.is_open.is_(True)) if only_open else rows


def _in_care(actor: Actor, now: datetime) -> ColumnElement[bool]:
    return cares_for(actor.id or 0, now)
