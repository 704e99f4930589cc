"""Whose records a member of staff may reach; a part of every query that serves staff."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, exists, or_, select, true

from app.models.plans.care_plan import CarePlan
from app.models.profile.patient import Patient
from app.models.staff.alert import Alert
from app.models.staff.practitioner import CareTeamMember

# Who closed an alert may still look up what they did, and is asked about it for some weeks.
AFTER_CLOSING: Final = timedelta(days=30)


def teams_of(practitioner_id: int) -> Select[int]:
    """Select the ids of the care teams somebody works in."""
    return select(CareTeamMember.care_team_id).where(
        CareTeamMember.practitioner_id == practitioner_id
    )


def cares_for(practitioner_id: int, now: datetime) -> ColumnElement[bool]:
    """Hold for each `Patient` on an open plan, or with a recent alert, of their teams."""
    teams = teams_of(practitioner_id)
    is_recent = or_(Alert.is_open == true(), Alert.closed_at >= now - AFTER_CLOSING)
    return or_(
        exists().where(
            CarePlan.patient_id == Patient.id,
            CarePlan.is_open == true(),
            CarePlan.care_team_id.in_(teams),
        ),
        exists().where(Alert.patient_id == Patient.id, is_recent, Alert.care_team_id.in_(teams)),
    )
