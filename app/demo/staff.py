"""Departments, staff and the teams that answer."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo.cast import CORP_ID, STAFF, WARDS
from app.models import CareTeam, CareTeamMember, Department, Practitioner


def add_staff(session: Session, now: datetime) -> dict[str, CareTeam]:
    """Write departments, staff and one team a department; return the teams by department."""
    since = now - timedelta(days=200)
    known = set(session.scalars(select(Department.code)))
    session.add_all(
        Department(code=one.code, name=one.name) for one in WARDS if one.code not in known
    )
    teams = {
        one.code: CareTeam(name=f"{one.name}随访组", department_code=one.code, created_at=since)
        for one in WARDS
    }
    # Patients of a department without a team of its own come to this one.
    general = CareTeam(name="院级随访组", department_code=None, created_at=since)
    session.add_all([*teams.values(), general])
    for one in STAFF:
        who = Practitioner(
            name=one.name, role=one.role, corp_key=CORP_ID, wecom_userid=one.userid,
            department_code=one.ward, created_at=since,
        )  # fmt: skip
        session.add(who)
        if one.ward is not None and one.responder is not None:
            session.add(
                CareTeamMember(care_team=teams[one.ward], practitioner=who, responder=one.responder)
            )
            if one.userid == "head-zhou":
                session.add(
                    CareTeamMember(care_team=general, practitioner=who, responder=one.responder)
                )
    session.flush()
    return teams
