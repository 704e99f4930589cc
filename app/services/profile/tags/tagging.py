"""Tags that rules give and take, after each event and when time alone may change one.

What people decided stays, and what other machines found: `app.models.profile.tagging`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.criteria.needs import FactGroup, FactNeeds
from app.domain.criteria.timing import next_change
from app.domain.criteria.tree import CLOCK
from app.domain.criteria.wording import explain
from app.domain.profile.patient_facts import Facts
from app.domain.profile.tag_standing import (
    Changes,
    FoundTag,
    Judged,
    Standing,
    TagSource,
    after,
    weigh,
)
from app.domain.profile.tagging import DesiredTag, Slot
from app.models import Event, Patient, Tag, TagAssignment, TagDecision, TagWake
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts
from app.models.profile.tag_evidence import EvidenceRows
from app.models.profile.tag_library import TagLibrary, library
from app.models.profile.tagging import TagRows

# One rule may wake another; rules that go round in a circle end here.
_MOST_ROUNDS: Final = 6
_BASIS: Final = "rule:"


def retag(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    triggers: Collection[str] | None = None,
    cause: Event | None = None,
) -> bool:
    """Make a patient's tags what the rules say now; each change is an event of its own.

    Only rules that `triggers` wake are asked, and those that read what these change; None asks
    all. Return whether anything changed.
    """
    known = library(session)
    slots = known.index.slots if triggers is None else known.index.woken(triggers)
    if not slots:
        return False
    # Two events of one patient take turns: the second sees what the first decided.
    session.get_one(Patient, patient_id, with_for_update=True)
    review = review_tags(session, patient_id, slots, known, now, zone)
    for changes in review.changes:
        review.rows.apply(_explained(session, patient_id, changes, review, zone), now, cause)
    _set_wake(session, patient_id, review, known, now, triggers)
    return bool(review.changes)


@dataclass(frozen=True, slots=True)
class Review:
    """What the rules say of a patient, and what that changes, one round after the other."""

    rows: TagRows
    facts: Facts
    asked: tuple[Slot, ...]
    desired: dict[str, DesiredTag]
    changes: tuple[Changes, ...]


def review_tags(
    session: Session,
    patient_id: int,
    slots: Iterable[Slot],
    known: TagLibrary,
    now: datetime,
    zone: ZoneInfo,
) -> Review:
    """Ask these rules, and those that what they change wakes; nothing is written."""
    index = known.index
    waiting = tuple(slots)
    rows = TagRows(session, patient_id, known)
    standing = rows.standing
    needs = FactNeeds.joined(slot.needs for slot in index.reading(waiting))
    # The tags are known already.
    needs = replace(needs, groups=needs.groups - {FactGroup.TAGS})
    facts = load_facts(session, patient_id, now, zone, needs)
    asked: dict[str, Slot] = {}
    desired: dict[str, DesiredTag] = {}
    done: list[Changes] = []
    for _ in range(_MOST_ROUNDS):
        facts = replace(facts, tags=known.tree.with_above(standing.borne))
        asked |= {slot.key: slot for slot in waiting}
        found = index.desired(facts, waiting)
        desired |= {one.tag: one for one in found}
        changes = _weigh(standing, found, waiting, known, now)
        if changes.is_empty:
            break
        done.append(changes)
        standing = after(standing, changes)
        waiting = index.woken(_tag_triggers(known, changes.moved))
        if not waiting:
            break
    return Review(rows, facts, tuple(asked.values()), desired, tuple(done))


def expire_tags(session: Session, now: datetime, limit: int = 500) -> int:
    """End assignments past their date and return how many; a person's word ends with its date."""
    due = session.execute(
        select(TagAssignment, Tag.key)
        .join(Tag)
        .where(TagAssignment.is_live.is_(True), TagAssignment.expires_at <= now)
        .limit(limit)
    ).all()
    for assignment, key in due:
        assignment.is_live, assignment.ends_at = None, now
        said = session.scalar(
            select(TagDecision).filter_by(
                patient_id=assignment.patient_id, tag_id=assignment.tag_id, is_live=True
            )
        )
        if said is not None and said.is_borne:
            said.is_live = None
        session.add(Event.of("tag.removed", now, patient_id=assignment.patient_id, tag=key))
    return len(due)


def wake_tags(session: Session, now: datetime, zone: ZoneInfo, limit: int = 20) -> int:
    """Ask the rules of those patients for whom time has come; return how many it were."""
    due = session.scalars(
        select(TagWake.patient_id)
        .where(TagWake.wake_at <= now)
        .order_by(TagWake.wake_at)
        .limit(limit)
    ).all()
    for patient_id in due:
        if _speaks_for_itself(session, patient_id):
            retag(session, patient_id, now, zone, triggers={CLOCK})
        # No rule looks at the clock any more, or another record speaks for the patient.
        session.execute(
            delete(TagWake).where(TagWake.patient_id == patient_id, TagWake.wake_at <= now)
        )
    return len(due)


def _speaks_for_itself(session: Session, patient_id: int) -> bool:
    merged = select(Patient.merged_into_id).where(Patient.id == patient_id)
    return session.scalar(merged) is None


def _tag_triggers(known: TagLibrary, tags: Iterable[str]) -> frozenset[str]:
    return frozenset(f"tag:{key}" for key in known.tree.with_above(tags))


def _weigh(
    standing: Standing,
    found: Iterable[DesiredTag],
    slots: Iterable[Slot],
    known: TagLibrary,
    now: datetime,
) -> Changes:
    judged = Judged(TagSource.RULE, frozenset(tag for slot in slots for tag in slot.tags), _BASIS)
    return weigh(standing, map(_as_found, found), judged, known.tags, now)


def _as_found(one: DesiredTag) -> FoundTag:
    """Return what a rule found; its words are put together only where they are kept."""
    basis = f"{_BASIS}{one.source}"
    return FoundTag(one.tag, one.confidence, TagSource.RULE, basis, "", expires_at=one.expires_at)


def _explained(
    session: Session, patient_id: int, changes: Changes, review: Review, zone: ZoneInfo
) -> Changes:
    rows = EvidenceRows(session, patient_id)
    names = knowledge(session).names

    def explained(one: FoundTag) -> FoundTag:
        evidence = review.desired[one.tag_key].evidence
        return replace(
            one,
            evidence="\n".join(explain(part, zone, names) for part in evidence),
            evidence_of=rows.of(evidence),
        )

    return replace(
        changes,
        give=tuple(map(explained, changes.give)),
        renew=tuple(map(explained, changes.renew)),
        ask=tuple(map(explained, changes.ask)),
    )


def _set_wake(
    session: Session,
    patient_id: int,
    review: Review,
    known: TagLibrary,
    now: datetime,
    triggers: Collection[str] | None,
) -> None:
    """Note when time may next change what was asked; what was not asked keeps its moment."""
    timed = [slot for slot in review.asked if CLOCK in slot.triggers]
    is_all = triggers is None or CLOCK in triggers
    if not timed and not is_all:
        return
    wake_at = next_change((rule.when for slot in timed for rule, _ in slot.rules), review.facts)
    kept = session.scalar(select(TagWake).filter_by(patient_id=patient_id))
    if not is_all and kept is not None:
        wake_at = kept.wake_at if wake_at is None else min(wake_at, kept.wake_at)
    if wake_at is None:
        if kept is not None and is_all:
            session.delete(kept)
    elif kept is None:
        session.add(TagWake(patient_id=patient_id, wake_at=wake_at))
    else:
        kept.wake_at = wake_at
