"""What rules and flagged words set off beyond the record they were found in."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.domain.plans.rules import ChangePlan
from app.models import CarePlan, Event, Patient
from app.models.plans.knowledge import knowledge
from app.services.plans import enrolment
from app.services.staff import flagged_texts
from jobs.chores import Work


def raise_flagged_text(work: Work, session: Session, event: Event) -> None:
    """What a patient wrote cannot wait: somebody is told as of a severe reading."""
    flagged_texts.raise_flagged_text(
        session, event.payload["flag"], event.payload["row"], clock.now(), work.zone, event
    )


def change_plan_by_rule(work: Work, session: Session, event: Event) -> None:
    """A rule puts a patient onto a further plan; who has died or is on it already stays as is."""
    action = knowledge(session).rule(event.payload["rule"]).actions[event.payload["action"]]
    plan = knowledge(session).plans.get(action.plan) if isinstance(action, ChangePlan) else None
    if plan is None or event.patient_id is None:
        return
    patient = session.get_one(Patient, event.patient_id, with_for_update=True)
    on_it = select(CarePlan.id).filter_by(patient_id=patient.id, plan_key=plan.key, is_open=True)
    if patient.deceased_at is not None or session.scalar(on_it) is not None:
        return
    now = clock.now()
    enrolment.begin_plan(
        session, patient.id, plan, now.astimezone(work.zone).date(),
        event.payload["care_team_id"], now, cause=event,
    )  # fmt: skip
