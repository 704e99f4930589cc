"""Who of a team does what: assigned one by one or many at once, handed over, taken during leave."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session, aliased

from app.clock import HOSPITAL, start_of_day
from app.domain.errors import DomainError, NotFound
from app.domain.staff.alerting import AlertStatus
from app.models import (
    Alert,
    AlertStep,
    CareTeamMember,
    Practitioner,
    ShiftHandover,
    StaffLeave,
    Task,
)
from app.models.staff.staff_access import teams_of
from app.models.staff.team_work import (
    OPEN_TASK,
    is_work_of,
    members_of,
    stand_in,
    team_of_task,
    with_team,
)

MOST_AT_ONCE: Final = 200


class NotOfTheTeam(DomainError):
    code = "not-of-the-team"
    title = "这位同事不在这个团队里"


class LeaveTurnedRound(DomainError):
    code = "leave-turned-round"
    title = "请检查日期：结束不能早于开始，也不能已经过去"


def colleagues(session: Session, practitioner_id: int) -> Sequence[Practitioner]:
    """Return who works in any team of somebody, themselves included."""
    teams = session.scalars(teams_of(practitioner_id)).all()
    return members_of(session, teams)


def assign(
    session: Session,
    task_public_ids: Sequence[str],
    to_public_id: str | None,
    practitioner_id: int,
    now: datetime,
) -> list[int]:
    """Give tasks to somebody, or back to the team; return the ids of those that changed hands.

    Who is away passes them to their substitute. Tasks that ended meanwhile, or are of other
    teams, are left alone.

    :raises NotFound: nobody is called so
    :raises NotOfTheTeam: they are in none of the teams of one of the tasks
    """
    day = now.astimezone(HOSPITAL).date()
    to = _named(session, to_public_id) if to_public_id else None
    found = session.execute(
        with_team(select(Task.id, team_of_task())).where(
            Task.public_id.in_(list(task_public_ids)[:MOST_AT_ONCE]),
            is_work_of(teams_of(practitioner_id)),
        )
    )
    teams = {task_id: int(team_id) for task_id, team_id in found}
    changed = []
    for task in _lock_open(session, teams):
        team_id = teams[task.id]
        who = stand_in(session, to.id, day) if to else None
        if to is not None:
            _require_member(session, to.id, team_id)
            who = who if who is not None and _is_member(session, who, team_id) else None
        if task.assignee_id != who:
            task.assignee_id = who
            changed.append(task.id)
    session.flush()
    return changed


def offer_handover(
    session: Session,
    giver_id: int,
    to_public_id: str,
    team_id: int,
    note: str | None,
    now: datetime,
) -> ShiftHandover:
    """Leave to a colleague what one has in hand in a team; theirs once they say so.

    :raises NotFound: nobody is called so
    :raises NotOfTheTeam: one of the two is not in the team
    """
    taker = _named(session, to_public_id)
    _require_member(session, giver_id, team_id)
    _require_member(session, taker.id, team_id)
    handover = ShiftHandover(
        care_team_id=team_id, from_practitioner_id=giver_id, to_practitioner_id=taker.id,
        items=in_hand(session, giver_id, team_id), note=note, at=now,
    )  # fmt: skip
    session.add(handover)
    session.flush()
    return handover


def in_hand(session: Session, practitioner_id: int, team_id: int) -> dict[str, Any]:
    """Return the ids of the open tasks and alerts that somebody has in hand in a team."""
    tasks = with_team(select(Task.id)).where(
        is_work_of([team_id]), Task.assignee_id == practitioner_id, Task.status.in_(OPEN_TASK)
    )
    alerts = select(Alert.id).filter_by(
        care_team_id=team_id, owner_id=practitioner_id, is_open=True,
        status=AlertStatus.ACKNOWLEDGED,
    )  # fmt: skip
    return {
        "tasks": list(session.scalars(tasks.order_by(Task.id))),
        "alerts": list(session.scalars(alerts.order_by(Alert.id))),
    }


def acknowledge_handover(
    session: Session, handover_public_id: str, practitioner_id: int, now: datetime
) -> int:
    """Take over what was left to one; what ended or changed hands meanwhile stays where it is.

    Return how many things are theirs now; a repeat takes nothing.

    :raises NotFound: no such handover to them
    """
    handover = session.scalar(
        select(ShiftHandover)
        .filter_by(public_id=handover_public_id, to_practitioner_id=practitioner_id)
        .with_for_update()
    )
    if handover is None:
        raise NotFound
    if handover.acknowledged_at is not None:
        return 0
    handover.acknowledged_at = now
    giver = handover.from_practitioner_id
    tasks = session.scalars(
        select(Task)
        .where(
            Task.id.in_(handover.items["tasks"]),
            Task.assignee_id == giver,
            Task.status.in_(OPEN_TASK),
        )
        .with_for_update()
    ).all()
    for task in tasks:
        task.assignee_id = practitioner_id
    alerts = session.scalars(
        select(Alert)
        .where(
            Alert.id.in_(handover.items["alerts"]),
            Alert.owner_id == giver,
            Alert.is_open.is_(True),
        )
        .with_for_update()
    ).all()
    for alert in alerts:
        alert.owner_id = practitioner_id
        session.add(
            AlertStep(
                alert_id=alert.id, kind="handed-over", practitioner_id=practitioner_id, at=now
            )
        )
    session.flush()
    return len(tasks) + len(alerts)


def waiting_handovers(session: Session, practitioner_id: int) -> Sequence[ShiftHandover]:
    """Return what colleagues left to somebody who has not taken it yet, the oldest first."""
    return session.scalars(
        select(ShiftHandover)
        .filter_by(to_practitioner_id=practitioner_id, acknowledged_at=None)
        .order_by(ShiftHandover.at)
    ).all()


def go_on_leave(
    session: Session,
    who_public_id: str,
    substitute_public_id: str | None,
    starts_on: date,
    ends_on: date,
    author_id: int,
    now: datetime,
) -> tuple[StaffLeave, int]:
    """Note days away; what falls due on them goes to the substitute, or back to the team.

    Return the leave and how many tasks changed hands. New ones follow while the leave lasts.

    :raises NotFound: nobody is called so, or they are no colleague of the author
    :raises NotOfTheTeam: the substitute shares no team with them
    :raises LeaveTurnedRound: it ends before it begins, or is over
    """
    today = now.astimezone(HOSPITAL).date()
    if not starts_on <= ends_on or ends_on < today:
        raise LeaveTurnedRound
    who = _colleague(session, who_public_id, author_id)
    substitute = _named(session, substitute_public_id) if substitute_public_id else None
    shared = _teams_shared(session, who.id, substitute.id) if substitute else set()
    if substitute is not None and (substitute.id == who.id or not shared):
        raise NotOfTheTeam
    leave = StaffLeave(
        practitioner_id=who.id, substitute_id=substitute.id if substitute else None,
        starts_on=starts_on, ends_on=ends_on, author_id=author_id, created_at=now,
    )  # fmt: skip
    session.add(leave)
    session.flush()
    return leave, _pass_on(session, leave, shared)


def end_leave(session: Session, leave_public_id: str, author_id: int, now: datetime) -> StaffLeave:
    """Take a leave back; work that changed hands stays there.

    :raises NotFound: no such leave of a colleague
    """
    leave = session.scalar(select(StaffLeave).filter_by(public_id=leave_public_id))
    if leave is None or not _teams_shared(session, leave.practitioner_id, author_id):
        raise NotFound
    leave.ended_at = leave.ended_at or now
    return leave


def leaves_ahead(session: Session, practitioner_id: int, today: date) -> Sequence[StaffLeave]:
    """Return the leave of colleagues that is not over."""
    ids = [one.id for one in colleagues(session, practitioner_id)]
    return session.scalars(
        select(StaffLeave)
        .where(
            StaffLeave.practitioner_id.in_(ids),
            StaffLeave.ends_on >= today,
            StaffLeave.ended_at.is_(None),
        )
        .order_by(StaffLeave.starts_on)
    ).all()


def _pass_on(session: Session, leave: StaffLeave, shared: set[int]) -> int:
    """Pass on what falls due while somebody is away; what is late already, if they leave today."""
    until = start_of_day(leave.ends_on + timedelta(days=1))
    is_away = leave.starts_on <= leave.created_at.astimezone(HOSPITAL).date()
    since = None if is_away else start_of_day(leave.starts_on)
    rows = session.execute(
        with_team(select(Task, team_of_task())).where(
            Task.assignee_id == leave.practitioner_id,
            Task.status.in_(OPEN_TASK),
            Task.due_at < until,
            true() if since is None else Task.due_at >= since,
        )
    ).all()
    for task, team_id in rows:
        who = None if leave.substitute_id is None else stand_in(
            session, leave.substitute_id, leave.starts_on
        )  # fmt: skip
        task.assignee_id = who if team_id in shared else None
    session.flush()
    return len(rows)


def _lock_open(session: Session, ids: Iterable[int]) -> Sequence[Task]:
    """Return those that are still open, locked in one order so that two of us never cross."""
    return session.scalars(
        select(Task)
        .where(Task.id.in_(list(ids)), Task.status.in_(OPEN_TASK))
        .order_by(Task.id)
        .with_for_update()
    ).all()


def _named(session: Session, public_id: str) -> Practitioner:
    found = session.scalar(select(Practitioner).filter_by(public_id=public_id, is_active=True))
    if found is None:
        raise NotFound
    return found


def _colleague(session: Session, public_id: str, practitioner_id: int) -> Practitioner:
    found = _named(session, public_id)
    if not _teams_shared(session, found.id, practitioner_id):
        raise NotFound
    return found


def _teams_shared(session: Session, one_id: int, other_id: int) -> set[int]:
    shared = teams_of(one_id).where(CareTeamMember.care_team_id.in_(_teams(other_id)))
    return set(session.scalars(shared))


def _teams(practitioner_id: int) -> Select[int]:
    member = aliased(CareTeamMember)
    return select(member.care_team_id).where(member.practitioner_id == practitioner_id)


def _is_member(session: Session, practitioner_id: int, team_id: int) -> bool:
    found = (
        select(func.count())
        .select_from(CareTeamMember)
        .filter_by(practitioner_id=practitioner_id, care_team_id=team_id)
    )
    return bool(session.scalar(found))


def _require_member(session: Session, practitioner_id: int, team_id: int) -> None:
    if not _is_member(session, practitioner_id, team_id):
        raise NotOfTheTeam
