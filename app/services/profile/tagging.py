"""Tags that rules give and take; what a person decided stays."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.criteria_wording import explain
from app.domain.profile import tagging as domain
from app.models import Event, Patient, Tag, TagAssignment
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts
from app.models.profile.tag import bear


def retag(
    session: Session,
    patient_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Make a patient's tags what the rules say now; each change is an event of its own."""
    # Two events of one patient take turns: the second sees what the first decided.
    session.get_one(Patient, patient_id, with_for_update=True)
    index = knowledge(session).tags
    current = _live(session, patient_id)
    desired = index.desired(load_facts(session, patient_id, now, zone))
    changes = index.reconcile(
        [
            domain.TagAssignment(
                tag.key, is_borne=True, is_locked=assignment.is_locked,
                expires_at=assignment.expires_at,
            )
            for tag, assignment in current.values()
        ],
        desired,
        now,
    )  # fmt: skip
    for key in changes.remove:
        _end(session, current[key][1], key, now, cause)
    for one in changes.renew:
        current[one.tag][1].expires_at = one.expires_at
    for one in changes.add:
        bear(
            session,
            patient_id,
            one.tag,
            "\n".join(explain(evidence, zone) for evidence in one.evidence),
            now,
            confidence=one.confidence,
            expires_at=one.expires_at,
            cause=cause,
        )


def expire_tags(session: Session, now: datetime, limit: int = 500) -> int:
    """End assignments past their date and return how many."""
    due = session.execute(
        select(TagAssignment, Tag.key)
        .join(Tag)
        .where(TagAssignment.is_live.is_(True), TagAssignment.expires_at <= now)
        .limit(limit)
    ).all()
    for assignment, key in due:
        _end(session, assignment, key, now, None)
    return len(due)


def _live(session: Session, patient_id: int) -> dict[str, tuple[Tag, TagAssignment]]:
    rows = session.execute(
        select(Tag, TagAssignment)
        .join(TagAssignment, TagAssignment.tag_id == Tag.id)
        .where(TagAssignment.patient_id == patient_id, TagAssignment.is_live.is_(True))
    )
    return {tag.key: (tag, assignment) for tag, assignment in rows}


def _end(
    session: Session, assignment: TagAssignment, key: str, now: datetime, cause: Event | None
) -> None:
    assignment.is_live = None
    assignment.ends_at = now
    session.flush()  # the next one of its exclusion group may follow in this transaction
    session.add(
        Event.of("tag.removed", now, patient_id=assignment.patient_id, cause=cause, tag=key)
    )
