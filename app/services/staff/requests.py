"""What patients ask of the team in a form: a complaint, a wish to be called; each a task."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.questionnaires import parse_questionnaire, read_written
from app.domain.staff.alert_clock import Responder
from app.domain.staff.contacts import calling_hour
from app.models import CarePlan, CareTeamMember, Patient, Practitioner, QuestionnaireResponse, Task
from app.models.profile.patient_index import head_id_of
from app.models.staff.on_call import newest_plan, team_on_call
from app.models.staff.team_work import has_task, team_task


def take_requests(session: Session, response_id: int, now: datetime, zone: ZoneInfo) -> None:
    """Make a task of each request in a form that was sent; read again, it makes no second one.

    A complaint goes to the head nurse of the team that it may be about.

    :raises NoTeam: there is nobody to do it; the event stays for a person
    """
    response = session.get_one(QuestionnaireResponse, response_id)
    if response.questionnaire is None:
        return
    form = parse_questionnaire(response.questionnaire.definition)
    answers = read_written(response.answers)
    patient = session.get_one(Patient, head_id_of(session, response.patient_id))
    for request in form.requests:
        slot = f"request:{response.public_id}:{request.link_id}"
        made = request.is_made_by(answers.get(request.link_id))
        if not made or has_task(session, patient.id, slot):
            continue
        team_id = _team(session, response, patient)
        due_at = calling_hour(response.authored_at + request.within, zone)
        task = team_task(patient.id, team_id, request.kind, request.title, slot, due_at, now)
        words = answers.get(request.words_from or "")
        task.note = str(words) if words else None
        task.assignee_id = _head_nurse(session, team_id)
        session.add(task)


def _team(session: Session, response: QuestionnaireResponse, patient: Patient) -> int:
    """Return the team whose plan asked for the form, else the patient's."""
    asked_by = session.scalar(
        select(CarePlan.care_team_id)
        .join(Task, Task.care_plan_id == CarePlan.id)
        .where(Task.id == response.task_id)
    )
    if asked_by is not None:
        return asked_by
    return team_on_call(session, newest_plan(session, patient.id), patient.department_code)


def _head_nurse(session: Session, team_id: int) -> int | None:
    return session.scalar(
        select(CareTeamMember.practitioner_id)
        .join(Practitioner, Practitioner.id == CareTeamMember.practitioner_id)
        .where(
            CareTeamMember.care_team_id == team_id,
            CareTeamMember.responder == Responder.HEAD_NURSE,
            Practitioner.is_active.is_(True),
        )
        .order_by(CareTeamMember.id)
        .limit(1)
    )
