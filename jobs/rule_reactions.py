"""What rules and flagged words set off beyond the record they were found in."""

from contextlib import suppress
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.plans.rules import ChangePlan, PlanDeed
from app.domain.trust.access import Actor
from app.models import CarePlan, Event, Patient
from app.models.plans.knowledge import knowledge
from app.services.plans import enrolment
from app.services.plans.enrolment import NotInThisState
from app.services.staff import flagged_texts
from jobs.chores import Work

_BY_RULE: Final = Actor("job", None, "rule")


def raise_flagged_text(work: Work, session: Session, event: Event) -> None:
    """What a patient wrote cannot wait: somebody is told as of a severe reading."""
    flagged_texts.raise_flagged_text(
        session, event.payload["flag"], event.payload["row"], clock.now(), work.zone, event
    )


def change_plan_by_rule(work: Work, session: Session, event: Event) -> None:
    """A rule begins, rests, goes on with or ends a plan; where that is so already, nothing."""
    rule = knowledge(session).rule(event.payload["rule"])
    action = rule.actions[event.payload["action"]]
    plan = knowledge(session).plans.get(action.plan) if isinstance(action, ChangePlan) else None
    if plan is None or event.patient_id is None or not isinstance(action, ChangePlan):
        return
    now = clock.now()
    patient = session.get_one(Patient, event.patient_id, with_for_update=True)
    running = session.scalar(
        select(CarePlan).filter_by(patient_id=patient.id, plan_key=plan.key, is_open=True)
    )
    if patient.deceased_at is not None or (running is None) != (action.deed is PlanDeed.BEGIN):
        return
    if running is None:
        enrolment.begin_plan(
            session, patient.id, plan, now.astimezone(work.zone).date(),
            event.payload["care_team_id"], now, actor=_BY_RULE, note=rule.name, cause=event,
        )  # fmt: skip
        return
    with suppress(NotInThisState):
        _change(work, session, running, action.deed, rule.name, event)


def _change(
    work: Work, session: Session, plan: CarePlan, deed: PlanDeed, why: str, cause: Event
) -> None:
    now = clock.now()
    match deed:
        case PlanDeed.HOLD:
            enrolment.hold_plan(
                session, plan, HoldReason.CLINICAL, _BY_RULE, now, note=why, cause=cause
            )
        case PlanDeed.RESUME:
            enrolment.resume_plan(session, plan, _BY_RULE, now, work.zone, note=why, cause=cause)
        case PlanDeed.END:
            enrolment.end_plan(
                session, plan, EndReason.NOT_SUITABLE, _BY_RULE, now, note=why, cause=cause
            )
