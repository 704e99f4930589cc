"""Patients of retired and merged tags, followed up in batches; nothing is left behind."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, union
from sqlalchemy.orm import Session

from app.domain.profile.tag_standing import rivals_of
from app.models import (
    Event,
    Patient,
    ProposalStatus,
    Tag,
    TagAssignment,
    TagDecision,
    TagProposal,
    TagSource,
)
from app.models.profile.tag_library import library
from app.models.profile.tagging import TagRows


def sweep_tags(session: Session, now: datetime, limit: int = 200) -> int:
    """Follow up some patients of tags that were retired or merged; return how many it were."""
    tags = session.scalars(select(Tag).filter_by(is_retired=True).order_by(Tag.id)).all()
    done = 0
    for tag in tags:
        if done < limit:
            done += sweep_tag(session, tag, now, limit - done)
    return done


def sweep_tag(session: Session, tag: Tag, now: datetime, limit: int = 200) -> int:
    """Follow up some patients of one tag; 0 when nobody is left."""
    of_merged = tag.merged_into_id is not None
    for patient_id in (ids := _concerned(session, tag.id, of_merged, limit)):
        session.get_one(Patient, patient_id, with_for_update=True)
        if of_merged:
            _follow(session, patient_id, tag, now)
        else:
            _let_go(session, patient_id, tag.key, now)
    session.flush()
    return len(ids)


def _concerned(session: Session, tag_id: int, of_merged: bool, limit: int) -> Sequence[int]:
    borne = select(TagAssignment.patient_id).filter_by(tag_id=tag_id, is_live=True)
    asked = select(TagProposal.patient_id).filter_by(tag_id=tag_id, is_open=True)
    said = select(TagDecision.patient_id).filter_by(tag_id=tag_id, is_live=True)
    if not of_merged:
        borne = borne.where(
            TagAssignment.source != TagSource.PERSON, TagAssignment.is_locked.is_(False)
        )
    concerned = union(borne, asked, said) if of_merged else union(borne, asked)
    return session.scalars(concerned.limit(limit)).all()


def _let_go(session: Session, patient_id: int, key: str, now: datetime) -> None:
    """End what machines gave; a person's word stays."""
    rows = TagRows(session, patient_id, library(session))
    kept = rows.borne.get(key)
    if kept is not None and kept.source is not TagSource.PERSON and not kept.is_locked:
        rows.end(key, now)
    if key in rows.waiting:
        rows.settle(key, ProposalStatus.SUPERSEDED, now)


def _follow(session: Session, patient_id: int, tag: Tag, now: datetime) -> None:
    """Let one patient's tag be the one it was merged into: words first, then what is borne."""
    known = library(session)
    rows = TagRows(session, patient_id, known)
    old, new = tag.key, known.tree.now_called(tag.key)
    if old in rows.waiting:
        rows.settle(old, ProposalStatus.SUPERSEDED, now)  # machines ask again for the new one
    said = rows.decided.pop(old, None)
    if said is not None:
        other = rows.decided.get(new)
        if other is None or other.at < said.at:
            if other is not None:
                other.is_live = None
                session.flush()
            said.tag_id = known.ids[new]
            rows.decided[new] = said
        else:
            said.is_live = None
    word = rows.decided[new].is_borne if new in rows.decided else None
    theirs = rows.borne.pop(old, None)
    if theirs is None:
        return
    ours = rows.borne.get(new)
    is_kept = word is not False and (ours is None or (theirs.is_locked and not ours.is_locked))
    if ours is not None and is_kept:
        rows.end(new, now)
        session.flush()
    if is_kept and _yields_to_a_rival(rows, new, theirs):
        is_kept = False
    if is_kept:
        for rival in rivals_of(known.tags[new], rows.borne, known.tags):
            rows.end(rival, now)
        theirs.tag_id = known.ids[new]
        session.add(Event.of("tag.assigned", now, patient_id=patient_id, tag=new))
    else:
        theirs.is_live, theirs.ends_at = None, now
    session.add(Event.of("tag.removed", now, patient_id=patient_id, tag=old))


def _yields_to_a_rival(rows: TagRows, key: str, row: TagAssignment) -> bool:
    """Tell whether a rival of the new group goes first: a person's word, else the surer, older."""
    tags = rows.known.tags
    for rival in rivals_of(tags[key], rows.borne, tags):
        other = rows.borne[rival]
        if (other.is_locked, other.confidence) >= (row.is_locked, row.confidence):
            return True
    return False


def count_concerned(session: Session, tag: Tag) -> dict[str, int]:
    """Return how many patients bear a tag by machine and by people's word, and are asked about."""
    live = select(func.count(TagAssignment.id)).filter_by(tag_id=tag.id, is_live=True)
    by_person = or_(TagAssignment.source == TagSource.PERSON, TagAssignment.is_locked.is_(True))
    waiting = select(func.count(TagProposal.id)).filter_by(tag_id=tag.id, is_open=True)
    every, person = session.scalar(live) or 0, session.scalar(live.where(by_person)) or 0
    return {
        "machine": every - person,
        "person": person,
        "waiting": session.scalar(waiting) or 0,
    }
