"""Answers that somebody must hear of today: an alert for the team, also for a form never sent."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.intake.clinical_records import FormStatus
from app.domain.plans.questionnaires import (
    Answer,
    Danger,
    dangers_in,
    parse_questionnaire,
    read_written,
    required_reactions,
)
from app.domain.plans.questionnaires import Questionnaire as Form
from app.domain.staff.alert_clock import AlertClock, first_level, level_when_worse
from app.domain.staff.alerting import AlertStatus
from app.domain.staff.answer_alerts import unsent
from app.models import Alert, AlertStep, Event, Patient, Questionnaire, QuestionnaireResponse
from app.models.profile.patient_index import head_id_of
from app.models.staff.on_call import newest_plan, team_on_call

_CLOCK: Final = AlertClock()


def raise_dangerous_answers(
    session: Session,
    response_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Open an alert for the gravest answer of a form that must not wait, or worsen the open one.

    An answer that this form has told of before is no news, also after the alert was closed.

    :raises NoTeam: there is nobody to tell; the event stays for a person
    """
    response = session.get_one(QuestionnaireResponse, response_id)
    row = response.questionnaire
    if row is None or response.status is FormStatus.ENTERED_IN_ERROR:
        return
    patient_id = head_id_of(session, response.patient_id)
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    form, answers = parse_questionnaire(row.definition), read_written(response.answers)
    met = _met(form, answers, is_draft=response.status is FormStatus.IN_PROGRESS)
    told = _told(session, response.id)
    news = [one for one in met if _line(form, one, answers) not in told]
    if news:
        lines = (f"《{form.title}》", *(_line(form, one, answers) for one in news))
        _raise(session, patient, response, row, news[0], lines, now, zone, cause)


def _raise(
    session: Session,
    patient: Patient,
    response: QuestionnaireResponse,
    row: Questionnaire,
    danger: Danger,
    lines: tuple[str, ...],
    now: datetime,
    zone: ZoneInfo,
    cause: Event | None,
) -> None:
    episode = f"answer-{row.key}"[:64]
    alert = session.scalar(
        select(Alert)
        .filter_by(patient_id=patient.id, episode=episode, is_open=True)
        .with_for_update()
    )
    kind = "opened"
    if alert is None:
        plan = newest_plan(session, patient.id)
        alert = Alert(
            patient_id=patient.id,
            care_plan_id=plan.id if plan else None,
            care_team_id=team_on_call(session, plan, patient.department_code),
            episode=episode,
            level=first_level(danger.grade),
            hits=0,
            opened_at=now,
        )
    elif not danger.grade.is_worse_than(alert.grade):
        kind = "appended"
    else:
        kind = "worsened"
        alert.owner_id = alert.told_with_id = None
        alert.level = level_when_worse(danger.grade, alert.level)
    if kind != "appended":
        alert.questionnaire_id, alert.basis = row.id, danger.link_id
        alert.title, alert.grade, alert.status = danger.title, danger.grade, AlertStatus.ACTIVE
        alert.explanation = "\n".join(lines)
        alert.acknowledge_by = _CLOCK.acknowledge_by(danger.grade, now, zone)
    alert.hits += 1
    alert.last_hit_at = now
    session.add(alert)
    session.flush()
    session.add(
        AlertStep(
            alert_id=alert.id, kind=kind, response_id=response.id, note="\n".join(lines), at=now
        )
    )
    if kind != "appended":
        told = Event.of(f"alert.{kind}", now, patient_id=patient.id, cause=cause, alert_id=alert.id)
        session.add(told)


def _met(form: Form, answers: dict[str, Answer], *, is_draft: bool) -> list[Danger]:
    """Return what must be heard of, the gravest first; a form that was sent is for rules too."""
    met = list(dangers_in(form, answers))
    if is_draft:
        covered = {one.link_id for one in met}
        waiting = [link for link, _ in required_reactions(form, answers) if link not in covered]
        met += [unsent(link_id) for link_id in waiting]
    return met


def _line(form: Form, danger: Danger, answers: dict[str, Answer]) -> str:
    item = form.item(danger.link_id)
    return f"{item.text} —— {item.said(answers[danger.link_id])}" if item else danger.title


def _told(session: Session, response_id: int) -> frozenset[str]:
    """Return the lines that alerts have of this form."""
    notes = session.scalars(select(AlertStep).filter_by(response_id=response_id)).all()
    return frozenset(line for step in notes for line in (step.note or "").split("\n"))
