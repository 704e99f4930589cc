"""Whose records a member of staff may reach; a part of every query that serves staff."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, exists, or_, select, true
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.plans.plan_schedule import TaskStatus
from app.models.plans.care_plan import CarePlan, Task
from app.models.profile.patient import Patient
from app.models.profile.patient_index import head_named
from app.models.staff.alert import Alert
from app.models.staff.practitioner import CareTeamMember

# Who closed an alert may still look up what they did, and is asked about it for some weeks.
AFTER_CLOSING: Final = timedelta(days=30)
_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def teams_of(practitioner_id: int) -> Select[int]:
    """Select the ids of the care teams somebody works in."""
    return select(CareTeamMember.care_team_id).where(
        CareTeamMember.practitioner_id == practitioner_id
    )


def cares_for(practitioner_id: int, now: datetime) -> ColumnElement[bool]:
    """Hold for each `Patient` on an open plan, or with a recent alert or a task, of their teams."""
    teams = teams_of(practitioner_id)
    is_recent = or_(Alert.is_open == true(), Alert.closed_at >= now - AFTER_CLOSING)
    return or_(
        exists().where(
            CarePlan.patient_id == Patient.id,
            CarePlan.is_open == true(),
            CarePlan.care_team_id.in_(teams),
        ),
        exists().where(Alert.patient_id == Patient.id, is_recent, Alert.care_team_id.in_(teams)),
        exists().where(
            Task.patient_id == Patient.id, Task.care_team_id.in_(teams), Task.status.in_(_OPEN)
        ),
    )


def find_cared_for(
    session: Session, patient_public_id: str, practitioner_id: int, now: datetime
) -> Patient:
    """Return the patient so named, or the one a merged record forwards to.

    :raises NotFound: no such patient, or none of theirs
    """
    patient = session.scalar(
        select(Patient).where(
            Patient.id == head_named(patient_public_id), cares_for(practitioner_id, now)
        )
    )
    if patient is None:
        raise NotFound
    return patient


def cared_for_by(practitioner_id: int, now: datetime) -> Select[int]:
    """Select the ids for which `cares_for` holds: for lists, which begin at the teams."""
    teams = teams_of(practitioner_id)
    is_recent = or_(Alert.is_open == true(), Alert.closed_at >= now - AFTER_CLOSING)
    on_plan = select(CarePlan.patient_id).where(
        CarePlan.is_open == true(), CarePlan.care_team_id.in_(teams)
    )
    alerted = select(Alert.patient_id).where(is_recent, Alert.care_team_id.in_(teams))
    asked = select(Task.patient_id).where(Task.care_team_id.in_(teams), Task.status.in_(_OPEN))
    all_three = on_plan.union(alerted, asked).subquery()
    return select(all_three.c.patient_id)
