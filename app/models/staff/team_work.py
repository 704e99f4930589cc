"""Whose tasks are whose: the team of a task, its members, and who stands in for whom."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, TaskClosed
from app.domain.plans.plan_schedule import TaskStatus
from app.models.plans.care_plan import CarePlan, Task, TaskOwner
from app.models.staff.alert import Alert
from app.models.staff.handling import StaffLeave
from app.models.staff.practitioner import CareTeam, CareTeamMember, Practitioner
from app.models.staff.staff_access import teams_of

OPEN_TASK: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def team_of_task() -> ColumnElement[int]:
    """Return the team of a task, in a query that joins its plan and its alert."""
    return func.coalesce(Task.care_team_id, CarePlan.care_team_id, Alert.care_team_id)


def is_work_of(teams: Sequence[int] | Select[int]) -> ColumnElement[bool]:
    """Hold for the tasks of some teams, in a query that joins plan and alert."""
    columns = (Task.care_team_id, CarePlan.care_team_id, Alert.care_team_id)
    return (Task.owner == TaskOwner.STAFF) & or_(*(column.in_(teams) for column in columns))


def with_team(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.outerjoin(CarePlan, CarePlan.id == Task.care_plan_id).outerjoin(
        Alert, Alert.id == Task.alert_id
    )


def lock_task(session: Session, public_id: str, practitioner_id: int) -> tuple[Task, int]:
    """Return an open task of somebody's teams, locked, and its team.

    :raises NotFound: none of theirs
    :raises TaskClosed: somebody was faster, or its time is over
    """
    found = session.execute(
        with_team(select(Task.id, team_of_task())).where(
            Task.public_id == public_id, is_work_of(teams_of(practitioner_id))
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    task_id, team_id = found
    task = session.get_one(Task, task_id, with_for_update=True, populate_existing=True)
    if task.status not in OPEN_TASK:
        raise TaskClosed
    return task, int(team_id)


def members_of(session: Session, team_ids: Sequence[int]) -> Sequence[Practitioner]:
    """Return who works in any of some teams now."""
    return session.scalars(
        select(Practitioner)
        .where(
            Practitioner.is_active.is_(True),
            Practitioner.id.in_(
                select(CareTeamMember.practitioner_id).where(
                    CareTeamMember.care_team_id.in_(team_ids)
                )
            ),
        )
        .order_by(Practitioner.id)
    ).all()


def stand_in(session: Session, practitioner_id: int, day: date) -> int | None:
    """Return who does somebody's work on a day: themselves, a substitute, or None for the team.

    A substitute who is away too hands on; a circle goes back to the team.
    """
    asked: set[int] = set()
    who: int | None = practitioner_id
    while who is not None and who not in asked:
        asked.add(who)
        leave = session.scalar(
            select(StaffLeave)
            .where(
                StaffLeave.practitioner_id == who,
                StaffLeave.starts_on <= day,
                StaffLeave.ends_on >= day,
                StaffLeave.ended_at.is_(None),
            )
            .order_by(StaffLeave.id.desc())
            .limit(1)
        )
        if leave is None:
            return who
        who = leave.substitute_id
    return None


def team_task(
    patient_id: int, team_id: int, kind: str, title: str, slot: str, due_at: datetime, now: datetime
) -> Task:
    """Return a new task of a team that hangs on no plan: plans that end do not take it along."""
    return Task(
        patient_id=patient_id,
        care_team_id=team_id,
        slot=slot[:128],
        owner=TaskOwner.STAFF,
        kind=kind,
        title=title,
        status=TaskStatus.READY,
        starts_at=now,
        due_at=due_at,
        # It is never missed: it stays until somebody has dealt with it.
        ends_at=due_at.replace(year=due_at.year + 1, day=min(due_at.day, 28)),
        created_at=now,
    )


def has_task(session: Session, patient_id: int, slot: str) -> bool:
    """Return whether a task so named was made for a patient, however it ended."""
    made = select(Task.id).filter_by(patient_id=patient_id, slot=slot[:128]).limit(1)
    return session.scalar(made) is not None


def team_names(session: Session, practitioner_id: int) -> Sequence[tuple[int, str, str]]:
    """Return id, public id and name of somebody's teams."""
    rows = session.execute(
        select(CareTeam.id, CareTeam.public_id, CareTeam.name)
        .where(CareTeam.id.in_(teams_of(practitioner_id)))
        .order_by(CareTeam.name)
    )
    return [(row.id, row.public_id, row.name) for row in rows]
