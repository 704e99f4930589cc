"""What an event changes in who a patient is known to be: tags, risk, texts read, preferences."""

from sqlalchemy.orm import Session

from app import clock
from app.domain.errors import ConsentRequired
from app.models import Event, Observation, Origin
from app.services.profile import (
    patient_behaviour,
    patient_preferences,
    risk_assessing,
    text_tagging,
)
from app.services.profile.home_monitoring import devices
from app.services.profile.tags import tag_triggers, tagging
from app.services.trust import patient_consents
from jobs.chores import Work


def retag(work: Work, session: Session, event: Event) -> None:
    """Ask the tag rules that the event may have changed, and no others."""
    if event.patient_id is not None:
        triggers = tag_triggers.triggers_of(session, event)
        tagging.retag(
            session, event.patient_id, clock.now(), work.zone, triggers=triggers, cause=event
        )


def assess_risk(work: Work, session: Session, event: Event) -> None:
    """Ask the scores that the event can change, and no others."""
    if event.patient_id is not None:
        risk_assessing.assess(
            session, event.patient_id, _words_of(session, event), clock.now(), work.zone,
            home=work.region, cause=event,
        )  # fmt: skip


def _words_of(session: Session, event: Event) -> frozenset[str]:
    """Return what the event is about, in the words of the scores' needs."""
    if event.kind.startswith("observation."):
        observation = session.get_one(Observation, event.payload["observation_id"])
        # A reading from home is a contact, too.
        contact = {"follow-up"} if observation.origin is Origin.HOME else set()
        return frozenset({f"observation:{observation.code}", *contact})
    if event.kind in ("patient.merged", "patient.unmerged"):
        return risk_assessing.EVERYTHING
    subject = event.kind.partition(".")[0]
    return frozenset({subject if subject in ("condition", "encounter", "patient") else "follow-up"})


def release_devices(work: Work, session: Session, event: Event) -> None:
    """End what a phone began: nothing new is kept for somebody who no longer agrees to it."""
    account_id = event.payload.get("account_id")
    if event.patient_id is None or not isinstance(account_id, int):
        return
    try:
        patient_consents.require_consent(session, event.patient_id, account_id)
    except ConsentRequired:
        devices.release(session, event.patient_id, account_id, clock.now())


def read_text(work: Work, session: Session, event: Event) -> None:
    """Read what somebody wrote: an answer, why they cannot, a report's conclusion, a note."""
    if work.text is None:
        return
    now, ids = clock.now(), event.payload
    if event.kind == "response.recorded":
        text_tagging.tag_response(session, ids["response_id"], now, work.text, event)
    elif event.kind == "task.declined":
        text_tagging.tag_task_note(session, ids["task_id"], now, work.text, event)
    elif event.kind == "report.recorded":
        text_tagging.tag_report(session, ids["report_id"], now, work.text, event)
    else:
        # Of a corrected result the old version goes first: its words are not the last.
        for version in (ids.get("supersedes_id"), ids["observation_id"]):
            if version is not None:
                text_tagging.tag_observation_note(session, version, now, work.text, event)


def note_deed(work: Work, session: Session, event: Event) -> None:
    patient_behaviour.note_deed(session, event, clock.now())


def learn_preferences(work: Work, session: Session, event: Event) -> None:
    if event.patient_id is not None:
        patient_preferences.learn_preferences(
            session, event.patient_id, clock.now(), work.zone, cause=event
        )
