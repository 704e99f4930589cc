"""Why one patient is in a segment or not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.criteria.bounds import LONGEST_LOOK_BACK
from app.domain.criteria.names import Names
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.tree import Criterion, HasTag, leaves
from app.domain.errors import NotFound
from app.domain.profile.masking import list_name
from app.domain.segments.why import Reason, reason_of
from app.domain.trust.access import Actor
from app.models import Patient, PatientIdentifier, Tag, TagAssignment, TagSource
from app.models.profile.patient_facts import load_facts
from app.models.profile.patient_index import head_named, heads_of
from app.models.profile.tag_tree import tag_tree
from app.models.staff.staff_access import cares_for
from app.models.trust.audit import record

_SOURCES: Final = {
    TagSource.RULE: "按规则",
    TagSource.PERSON: "由医护人员",
    TagSource.TEXT: "从文字中",
    TagSource.MODEL: "由模型",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`is_in` besides the criteria asks that the patient lives."""

    public_id: str
    masked_name: str
    is_deceased: bool
    reason: Reason

    @property
    def is_in(self) -> bool:
        return self.reason.holds and not self.is_deceased


def explain(
    session: Session,
    criterion: Criterion,
    names: Names,
    patient_public_id: str,
    actor: Actor,
    now: datetime,
    zone: ZoneInfo,
) -> Explanation:
    """Return why a patient whom the actor cares for is meant or not, and note the reading.

    :raises NotFound: no such patient, or none of theirs
    """
    asked = select(Patient).where(Patient.id == head_named(patient_public_id))
    patient = session.scalar(_within_reach(asked, actor, now))
    if patient is None:
        raise NotFound
    facts = load_facts(session, patient.id, now, zone, _needs(criterion))
    reason = reason_of(criterion, facts, names, _borne(session, patient.id, criterion, zone))
    record(session, actor, "read", "segment-why", now, patient_id=patient.id)
    return Explanation(
        public_id=patient.public_id,
        masked_name=list_name(patient.name),
        is_deceased=patient.deceased_at is not None,
        reason=reason,
    )


def find_by_number(session: Session, number: str, actor: Actor, now: datetime) -> str:
    """Return the public id of the patient with this record number, whoever issued it.

    :raises NotFound: no such number, of none of theirs, or of two of them
    """
    index = PatientIdentifier.value.index(PatientIdentifier.__tablename__, number)
    owners = select(PatientIdentifier.patient_id).where(PatientIdentifier.value_index == index)
    asked = select(Patient).where(Patient.id.in_(heads_of(owners)))
    found = session.scalars(_within_reach(asked, actor, now).limit(2)).all()
    if len(found) != 1:
        raise NotFound
    one: str = found[0].public_id
    return one


def _needs(criterion: Criterion) -> FactNeeds:
    """Return what the tree reads, and of results and deeds all of a year: also what is too old."""
    needs = FactNeeds.of(criterion)
    return replace(
        needs,
        observations=dict.fromkeys(needs.observations, LONGEST_LOOK_BACK),
        interactions=dict.fromkeys(needs.interactions, LONGEST_LOOK_BACK),
    )


def _within_reach(asked: Select[Patient], actor: Actor, now: datetime) -> Select[Patient]:
    """Keep to whom the actor cares for; the operator at the command line reads all, audited."""
    return asked if actor.id is None else asked.where(cares_for(actor.id, now))


def _borne(
    session: Session, patient_id: int, criterion: Criterion, zone: ZoneInfo
) -> Mapping[str, str]:
    """Return by asked tag how the patient came by it, or by one below it."""
    asked = {leaf.key for leaf in leaves(criterion) if isinstance(leaf, HasTag)}
    if not asked:
        return {}
    tree = tag_tree(session)
    rows = session.execute(
        select(TagAssignment, Tag)
        .join(Tag, Tag.id == TagAssignment.tag_id)
        .where(TagAssignment.patient_id == patient_id, TagAssignment.is_live.is_(True))
        .order_by(TagAssignment.starts_at)
    ).all()
    found: dict[str, str] = {}
    for key in asked:
        below = tree.below(key)
        for assignment, tag in rows:
            if tag.key in below and key not in found:
                found[key] = _told(assignment, tag, zone)
    return found


def _told(assignment: TagAssignment, tag: Tag, zone: ZoneInfo) -> str:
    day = f"{assignment.starts_at.astimezone(zone):%Y-%m-%d}"
    told = f"{day} {_SOURCES[assignment.source]}得到“{tag.name}”"
    return f"{told}：{assignment.evidence}" if assignment.evidence else told
