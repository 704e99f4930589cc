"""Answers that somebody must hear of today: an alert for the team, also for a form never sent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.criteria.needs import FactNeeds
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
from app.domain.plans.rules import Grade
from app.domain.profile.patient_facts import Answers
from app.domain.staff.alert_clock import AlertClock, first_level, level_when_worse
from app.domain.staff.alerting import AlertStatus
from app.domain.staff.answer_alerts import (
    TAKEN_BACK,
    question_of,
    told_line,
    told_of,
    unsent,
    waiting_for,
)
from app.models import (
    Alert,
    AlertStep,
    Event,
    Patient,
    Questionnaire,
    QuestionnaireResponse,
    SwitchScope,
)
from app.models.plans.care_plan import packs_followed
from app.models.plans.knowledge import knowledge
from app.models.plans.rule_work import switched_off
from app.models.profile.patient_facts import load_facts
from app.models.profile.patient_index import head_id_of
from app.models.staff.on_call import newest_plan, team_on_call

_CLOCK: Final = AlertClock()
_TAKEN_BACK: Final = "患者后来改了或去掉了这个回答，仍请联系"


def raise_dangerous_answers(
    session: Session,
    response_id: int,
    now: datetime,
    zone: ZoneInfo,
    *,
    cause: Event | None = None,
) -> None:
    """Open an alert for the gravest answer of a form that must not wait, or worsen the open one.

    An answer that this form has told of before is no news, also after the alert was closed; taken
    back in between and given again, it is.

    :raises NoTeam: there is nobody to tell; the event stays for a person
    """
    response = session.get_one(QuestionnaireResponse, response_id)
    row = response.questionnaire
    if row is None or response.status is FormStatus.ENTERED_IN_ERROR:
        return
    patient_id = head_id_of(session, response.patient_id)
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    form, answers = parse_questionnaire(row.definition), read_written(response.answers)
    met = list(dangers_in(form, answers))
    if response.status is FormStatus.IN_PROGRESS:
        met += _unsent(
            form, answers, _grades_of_rules(session, patient_id, form, answers, now, zone)
        )
        met.sort(key=lambda one: list(Grade).index(one.grade), reverse=True)
    told = told_of((step.kind, step.note) for step in _steps(session, response.id))
    news = [one for one in met if _line(form, one, answers) not in told]
    if news:
        lines = (f"《{form.title}》", *(_line(form, one, answers) for one in news))
        _raise(session, patient, response, row, news[0], lines, now, zone, cause)


def note_taken_back(session: Session, response_id: int, now: datetime) -> None:
    """Write onto the alert of a form which of its answers were changed or left out since.

    The alert stands and keeps its clock: whoever takes such an answer back may need help most, so
    a person asks, and closes it with an outcome.
    """
    response = session.get_one(QuestionnaireResponse, response_id)
    row = response.questionnaire
    if row is None:
        return
    session.get_one(Patient, head_id_of(session, response.patient_id), with_for_update=True)
    form, answers = parse_questionnaire(row.definition), read_written(response.answers)
    # As of a draft: also what rules look for was told of.
    met = [*dangers_in(form, answers), *_unsent(form, answers, {})]
    still = {question_of(_line(form, one, answers)) for one in met}
    steps = _steps(session, response.id)
    told = told_of((step.kind, step.note) for step in steps)
    gone = sorted(line for line in told if question_of(line) not in {None, *still})
    if not gone:
        return
    alert = session.get_one(Alert, steps[-1].alert_id, with_for_update=True)
    session.add(
        AlertStep(
            alert_id=alert.id,
            kind=TAKEN_BACK,
            response_id=response.id,
            note="\n".join(gone),
            at=now,
        )
    )
    if alert.is_open:
        alert.explanation = "\n".join(
            [alert.explanation or "", f"{_TAKEN_BACK}：{'；'.join(gone)}"]
        )


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


def _unsent(form: Form, answers: dict[str, Answer], grades: Mapping[str, Grade]) -> list[Danger]:
    """Return what rules would judge, had the form been sent, but for the form's own dangers."""
    covered = {one.link_id for one in dangers_in(form, answers)}
    return [
        unsent(link_id, grades.get(link_id, Grade.MODERATE))
        for link_id, _ in required_reactions(form, answers)
        if link_id not in covered
    ]


def _grades_of_rules(
    session: Session,
    patient_id: int,
    form: Form,
    answers: dict[str, Answer],
    now: datetime,
    zone: ZoneInfo,
) -> Mapping[str, Grade]:
    """Return of each question how grave the rules would find its answer, at least moderate.

    They are asked as of a form that was sent: what is severe keeps the severe clock unsent too.
    """
    known, off = knowledge(session), switched_off(session)
    packs = set(session.scalars(packs_followed(patient_id)))
    asked = [
        one
        for one in known.rules.woken_by(f"response:{form.key}")
        if (pack := known.pack_of_rule(one.rule.key)) in packs
        and (SwitchScope.RULE, one.rule.key) not in off
        and (SwitchScope.PACK, pack) not in off
    ]
    if not asked:
        return {}
    needs = FactNeeds.joined(one.needs for one in asked)
    facts = load_facts(session, patient_id, now, zone, needs)
    said = replace(facts, answers={**facts.answers, form.key: Answers(now, answers)})
    grades: dict[str, Grade] = {}
    for rule in (hit.rule for one in asked if (hit := one.evaluate(said)) is not None):
        for link_id in waiting_for(rule, form):
            kept = grades.get(link_id, Grade.MODERATE)
            grades[link_id] = rule.grade if rule.grade.is_worse_than(kept) else kept
    return grades


def _line(form: Form, danger: Danger, answers: dict[str, Answer]) -> str:
    return told_line(form, danger.link_id, answers) or danger.title


def _steps(session: Session, response_id: int) -> Sequence[AlertStep]:
    """Return what alerts have of this form, the oldest first."""
    return session.scalars(
        select(AlertStep).filter_by(response_id=response_id).order_by(AlertStep.id)
    ).all()
