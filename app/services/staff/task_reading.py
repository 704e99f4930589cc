"""One task of the team as the person sees it who is to do it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.masking import masked_phone
from app.domain.staff.alerting import Outcome
from app.domain.staff.contacts import ENDS_PLANS
from app.models import CareTeam, ContactAttempt, Patient, Practitioner, Task
from app.models.plans.knowledge import knowledge
from app.models.staff.staff_access import teams_of
from app.models.staff.team_work import OPEN_TASK, is_work_of, team_of_task, with_team


@dataclass(frozen=True, slots=True)
class Attempt:
    outcome: Outcome
    who: str | None
    note: str | None
    call_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskView:
    """What is to do for whom, what was tried, and who is at it."""

    public_id: str
    kind: str
    title: str
    instructions: str | None
    patient_id: int
    patient_public_id: str
    patient_name: str | None
    needs: str | None
    masked_phone: str | None
    team_name: str
    status: TaskStatus
    outcome: Outcome | None
    starts_at: datetime
    due_at: datetime
    finished_at: datetime | None
    assignee_name: str | None
    is_mine: bool
    asks_to_confirm: bool  # plans end if it is so
    is_own_report: bool  # who reported it cannot confirm it
    form: str | None  # the key of the form to fill in with the patient
    attempts: tuple[Attempt, ...]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_TASK


def read_task(session: Session, public_id: str, practitioner_id: int) -> TaskView:
    """Return a task of one of the asker's teams, open or ended.

    :raises NotFound: no such task, or none of theirs
    """
    row = session.execute(
        with_team(select(Task, Patient, CareTeam.name, Practitioner))
        .join(Patient, Patient.id == Task.patient_id)
        .join(CareTeam, CareTeam.id == team_of_task())
        .outerjoin(Practitioner, Practitioner.id == Task.assignee_id)
        .where(Task.public_id == public_id, is_work_of(teams_of(practitioner_id)))
    ).one_or_none()
    if row is None:
        raise NotFound
    task, patient, team_name, who = row
    return TaskView(
        public_id=task.public_id,
        kind=task.kind,
        title=task.title,
        instructions=task.note or _instructions(task),
        patient_id=patient.id,
        patient_public_id=patient.public_id,
        patient_name=patient.name,
        needs=patient.needs,
        masked_phone=masked_phone(patient.phone) if patient.phone else None,
        team_name=team_name,
        status=task.status,
        outcome=task.outcome,
        starts_at=task.starts_at,
        due_at=task.due_at,
        finished_at=task.finished_at,
        assignee_name=who.name if who else None,
        is_mine=task.assignee_id == practitioner_id,
        asks_to_confirm=task.kind in ENDS_PLANS,
        is_own_report=task.reported_by_id == practitioner_id,
        form=task.subject if task.subject in knowledge(session).questionnaires else None,
        attempts=_attempts(session, task.id),
    )


def _instructions(task: Any) -> str | None:
    return task.plan_action.definition.get("instructions") if task.plan_action else None


def _attempts(session: Session, task_id: int) -> tuple[Attempt, ...]:
    rows = session.scalars(
        select(ContactAttempt)
        .filter_by(task_id=task_id)
        .options(joinedload(ContactAttempt.practitioner))
        .order_by(ContactAttempt.at, ContactAttempt.id)
    )
    return tuple(
        Attempt(one.outcome, one.practitioner.name, one.note, one.call_at, one.at) for one in rows
    )
