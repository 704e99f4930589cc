"""Reactions around who is on which plan: segments, contact ways, stays, death, consent, answers."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.outreach.messaging import Lane
from app.models import Encounter, EncounterClass, EncounterStatus, EnrolmentProposal, Event
from app.models.plans.knowledge import knowledge
from app.services.outreach import patient_notices
from app.services.outreach.patient_notices import Notice
from app.services.plans import enrolment
from app.services.plans.enrolment import contacts
from app.services.profile.tags import tag_triggers
from jobs.chores import Work

_NOTICE_LIFE: Final = timedelta(days=2)


def enrol(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        # Tags come in waves, and few of them decide about plans.
        is_tag = event.kind == "tag.assigned"
        enrolment.enrol_where_due(
            session, event.patient_id, clock.now(), work.zone,
            triggers=tag_triggers.triggers_of(session, event) if is_tag else None, cause=event,
        )  # fmt: skip


def rest_after_merge(work: Work, session: Session, event: Event) -> None:
    """Of two records that are one patient, one may have known that they are in hospital."""
    stay = select(Encounter.id).filter_by(
        patient_id=event.patient_id,
        encounter_class=EncounterClass.INPATIENT,
        status=EncounterStatus.IN_PROGRESS,
    )
    if event.patient_id is not None and session.scalar(stay.limit(1)) is not None:
        enrolment.rest_while_admitted(session, event.patient_id, clock.now(), cause=event)


def rest(work: Work, session: Session, event: Event) -> None:
    """A patient in hospital is not asked to measure at home.

    Every reaction reads at its own pace: by now the stay may be over, and a plan begun.
    """
    encounter = session.get_one(Encounter, event.payload["encounter_id"])
    if (
        encounter.encounter_class is EncounterClass.INPATIENT
        and encounter.status is EncounterStatus.IN_PROGRESS
    ):
        enrolment.rest_while_admitted(session, encounter.patient_id, clock.now(), cause=event)


def enrol_by_segments(work: Work, session: Session, event: Event) -> None:
    """Ask the segments that lead into plans of whom something changed; time is the clock's."""
    if event.patient_id is not None:
        enrolment.enrol_by_segment_of(
            session, event.patient_id, clock.now(), work.zone, cause=event
        )


def offer_to_linked(work: Work, session: Session, event: Event) -> None:
    """Who came by a contact way before they were linked gets what they came for."""
    account_id = event.payload.get("account_id")
    if account_id:
        contacts.offer_to_linked(session, account_id, clock.now(), work.zone, event)


def tell_of_enrolment(work: Work, session: Session, event: Event) -> None:
    """Answer who asked for a plan; the reason of a no is the team's to tell."""
    proposal = session.get_one(EnrolmentProposal, event.payload["proposal_id"])
    if proposal.account_id is None or event.patient_id is None:
        return
    plan = knowledge(session).plans.get(proposal.plan_key)
    name = plan.name if plan else ""
    text = _ENROLLED if event.kind == "enrolment.accepted" else _NOT_ENROLLED
    now = clock.now()
    notice = Notice(
        kind="task-reminder", subject=f"event:{event.id}", title="您的申请有了答复，请查看",
        text=text.format(name=name), page="pages/inbox/index", lane=Lane.TRANSACTIONAL,
        expires_at=now + _NOTICE_LIFE,
    )  # fmt: skip
    patient_notices.notify_patient(session, event.patient_id, notice, now, work.zone, work.outlets)


_ENROLLED: Final = "您申请的“{name}”已经开始，请按“今天”里的安排做。"
_NOT_ENROLLED: Final = "您申请的“{name}”，团队看过后认为现在不合适。想了解原因，请联系护理团队。"


def resume_after_stay(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        enrolment.resume_after_stay(session, event.patient_id, clock.now(), work.zone, cause=event)


def end_for_the_dead(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        enrolment.end_for_the_dead(session, event.patient_id, clock.now(), cause=event)


def follow_consent(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        enrolment.follow_consent(
            session, event.patient_id, event.payload.get("account_id"), clock.now(), cause=event
        )
