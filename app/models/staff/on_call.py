"""Which team answers for a patient."""

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.models.plans.care_plan import CarePlan
from app.models.staff.practitioner import CareTeam


class NoTeam(Exception):
    """No team looks after the patient and none is on call for the hospital: nobody can be told."""


def newest_plan(session: Session, patient_id: int) -> CarePlan | None:
    return session.scalar(
        select(CarePlan)
        .filter_by(patient_id=patient_id, is_open=True)
        .order_by(CarePlan.id.desc())
        .limit(1)
    )


def team_on_call(session: Session, plan: CarePlan | None, department_code: str | None) -> int:
    """Return who answers: the plan's team, the department's, else the one on call for all.

    :raises NoTeam: there is nobody; the event stays for a person
    """
    if plan is not None:
        return plan.care_team_id
    found = session.scalar(
        select(CareTeam.id)
        .where((CareTeam.department_code == department_code) | CareTeam.department_code.is_(None))
        .order_by(case((CareTeam.department_code.is_(None), 1), else_=0), CareTeam.id)
        .limit(1)
    )
    if found is None:
        raise NoTeam
    return found
