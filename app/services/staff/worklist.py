"""What waits for a member of staff: open alerts and due tasks of their teams, by the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.plans.rules import Grade
from app.domain.profile.masking import list_name
from app.domain.profile.risk.follow_up_priority import HIGH
from app.domain.profile.risk.follow_up_priority import KEY as PRIORITY
from app.domain.staff.alerting import AlertStatus
from app.models import Alert, CarePlan, CareTeam, Patient, Practitioner, RiskAssessment, Task
from app.models.staff.staff_access import teams_of
from app.models.staff.team_work import OPEN_TASK, is_work_of, team_of_task

PAGE: Final = 20

_RANK: Final = {Grade.SEVERE: 0, Grade.MODERATE: 1, Grade.MILD: 2}
_TASK_RANK: Final = 3
# A severe alert that nobody has taken never stands behind a routine call that is overdue.
_SEVERE, _WAITING, _IN_HAND = range(3)


class Show(StrEnum):
    """What the list is narrowed to."""

    ALL = "all"
    MINE = "mine"
    OVERDUE = "overdue"
    SEVERE = "severe"
    MODERATE = "moderate"
    MILD = "mild"
    TASKS = "tasks"


class WorkKind(StrEnum):
    ALERT = "alert"
    TASK = "task"


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One thing that waits; `grade` is None for a task, `owner_name` who is at it already."""

    kind: WorkKind
    public_id: str
    patient_id: int
    patient_public_id: str
    masked_name: str
    has_needs: bool
    is_likely_lost: bool  # high on the list of following up: call them first
    title: str
    grade: Grade | None
    team_name: str
    owner_name: str | None
    is_mine: bool
    since: datetime
    due_at: datetime | None
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of work; `after` names where the next begins, None on the last."""

    items: tuple[WorkItem, ...]
    counts: Mapping[Show, int]
    teams: Sequence[tuple[str, str]]  # public id, name
    after: str | None


def read_worklist(
    session: Session,
    practitioner_id: int,
    now: datetime,
    *,
    show: Show = Show.ALL,
    team: str | None = None,
    after: str | None = None,
) -> Worklist:
    """Return what waits: severe first, then overdue, by clock and grade; what is in hand last.

    A task for a patient who is likely to be lost counts from when it opened, not from when it is
    due: among work that is equally urgent it comes earlier, and behind no severe alert is it put.

    :raises NotFound: `team` is none of theirs
    """
    teams = session.execute(
        select(CareTeam.id, CareTeam.public_id, CareTeam.name)
        .where(CareTeam.id.in_(teams_of(practitioner_id)))
        .order_by(CareTeam.name)
    ).all()
    chosen = [row.id for row in teams if team is None or row.public_id == team]
    if team is not None and not chosen:
        raise NotFound
    work = _work(chosen, practitioner_id, now)
    keys = session.execute(_page(work, show, after)).all()
    return Worklist(
        items=tuple(_load(session, keys[:PAGE], practitioner_id, now)),
        counts=_count(session, work),
        teams=[(row.public_id, row.name) for row in teams],
        after=f"{keys[PAGE - 1].kind}.{keys[PAGE - 1].public_id}" if len(keys) > PAGE else None,
    )


def _work(teams: Sequence[int], me: int, now: datetime) -> Subquery:
    """Return the keys by which everything open is counted and sorted."""
    alerts = select(
        literal(WorkKind.ALERT.value).label("kind"),
        Alert.id.label("id"),
        Alert.public_id.label("public_id"),
        case(
            (Alert.status == AlertStatus.ACKNOWLEDGED, _IN_HAND),
            (Alert.grade == Grade.SEVERE, _SEVERE),
            else_=_WAITING,
        ).label("turn"),
        func.coalesce(Alert.acknowledge_by, Alert.last_hit_at, type_=Alert.last_hit_at.type).label(
            "clock"
        ),
        case(*((Alert.grade == grade, rank) for grade, rank in _RANK.items())).label("rank"),
        case((and_(Alert.status == AlertStatus.ACTIVE, _is_late(now)), 1), else_=0).label(
            "is_overdue"
        ),
        case(
            (and_(Alert.owner_id == me, Alert.status == AlertStatus.ACKNOWLEDGED), 1), else_=0
        ).label("is_mine"),
    ).where(Alert.is_open == true(), Alert.care_team_id.in_(teams))
    tasks = (
        select(
            literal(WorkKind.TASK.value),
            Task.id,
            Task.public_id,
            literal(_WAITING),
            case((RiskAssessment.id.is_not(None), Task.starts_at), else_=Task.due_at),
            literal(_TASK_RANK),
            case((Task.due_at < now, 1), else_=0),
            case((Task.assignee_id == me, 1), else_=0),
        )
        .outerjoin(CarePlan, CarePlan.id == Task.care_plan_id)
        .outerjoin(Alert, Alert.id == Task.alert_id)
        .outerjoin(
            RiskAssessment, and_(RiskAssessment.patient_id == Task.patient_id, *_LIKELY_LOST)
        )
        .where(
            is_work_of(teams),
            Task.status.in_(OPEN_TASK),
            Task.starts_at <= now,
        )
    )
    return union_all(alerts, tasks).subquery("work")


_LIKELY_LOST: Final = (
    RiskAssessment.score == PRIORITY,
    RiskAssessment.is_current.is_(True),
    RiskAssessment.band == HIGH,
)


def _is_late(now: datetime) -> ColumnElement[bool]:
    # The clock of an alert that can climb no further is taken away.
    return or_(Alert.acknowledge_by.is_(None), Alert.acknowledge_by < now)


def _page(work: Subquery, show: Show, after: str | None) -> Select[*tuple[Any, ...]]:
    order = (work.c.turn, work.c.clock, work.c.rank, work.c.kind, work.c.id)
    page = select(work).where(_shown(work, show)).order_by(*order).limit(PAGE + 1)
    if after is None:
        return page
    kind, _, public_id = after.partition(".")
    last = work.alias("last")
    # Where the last row has gone meanwhile, the comparison with nothing shows nothing more.
    edge = select(last.c.turn, last.c.clock, last.c.rank, last.c.kind, last.c.id).where(
        last.c.kind == kind, last.c.public_id == public_id
    )
    return page.where(tuple_(*order) > edge.scalar_subquery())


def _shown(work: Subquery, show: Show) -> ColumnElement[bool]:
    match show:
        case Show.ALL:
            return literal(1) == 1
        case Show.MINE:
            return work.c.is_mine == 1
        case Show.OVERDUE:
            return work.c.is_overdue == 1
        case Show.TASKS:
            return work.c.rank == _TASK_RANK
    return work.c.rank == _RANK[Grade(show.value)]


def _count(session: Session, work: Subquery) -> dict[Show, int]:
    rows = session.execute(
        select(
            work.c.rank, func.count(), func.sum(work.c.is_overdue), func.sum(work.c.is_mine)
        ).group_by(work.c.rank)
    ).all()
    by_rank = {rank: int(number) for rank, number, *_ in rows}
    graded = {Show(grade.value): by_rank.get(rank, 0) for grade, rank in _RANK.items()}
    return {
        Show.ALL: sum(by_rank.values()),
        Show.MINE: sum(int(mine) for _, _, _, mine in rows),
        Show.OVERDUE: sum(int(overdue) for _, _, overdue, _ in rows),
        **graded,
        Show.TASKS: by_rank.get(_TASK_RANK, 0),
    }


def _load(
    session: Session, keys: Sequence[Any], practitioner_id: int, now: datetime
) -> list[WorkItem]:
    """Return the items of `keys` in the same order: three queries whatever their number."""
    alert_ids = [key.id for key in keys if key.kind == WorkKind.ALERT]
    task_ids = [key.id for key in keys if key.kind == WorkKind.TASK]
    alerts = session.scalars(
        select(Alert)
        .where(Alert.id.in_(alert_ids))
        .options(
            joinedload(Alert.patient),
            joinedload(Alert.rule),
            joinedload(Alert.owner),
            joinedload(Alert.care_team),
        )
    )
    tasks = session.execute(
        select(Task, Patient, CareTeam.name, Practitioner)
        .join(Patient, Patient.id == Task.patient_id)
        .outerjoin(CarePlan, CarePlan.id == Task.care_plan_id)
        .outerjoin(Alert, Alert.id == Task.alert_id)
        .join(
            CareTeam,
            CareTeam.id == team_of_task(),
        )
        .outerjoin(Practitioner, Practitioner.id == Task.assignee_id)
        .where(Task.id.in_(task_ids))
    )
    found = {
        (WorkKind.ALERT.value, one.id): _alert_item(one, practitioner_id, now) for one in alerts
    }
    for task, patient, team_name, who in tasks:
        found[WorkKind.TASK.value, task.id] = _task_item(
            task, patient, team_name, who, practitioner_id, now
        )
    items = [found[key.kind, key.id] for key in keys]
    likely_lost = set(
        session.scalars(
            select(RiskAssessment.patient_id).where(
                RiskAssessment.patient_id.in_({item.patient_id for item in items}), *_LIKELY_LOST
            )
        )
    )
    return [replace(item, is_likely_lost=item.patient_id in likely_lost) for item in items]


def _alert_item(alert: Alert, practitioner_id: int, now: datetime) -> WorkItem:
    waits = alert.status is AlertStatus.ACTIVE
    return WorkItem(
        kind=WorkKind.ALERT,
        public_id=alert.public_id,
        patient_id=alert.patient_id,
        patient_public_id=alert.patient.public_id,
        masked_name=list_name(alert.patient.name),
        has_needs=bool(alert.patient.needs),
        is_likely_lost=False,  # `_load` asks for all at once
        title=alert.name,
        grade=alert.grade,
        team_name=alert.care_team.name,
        owner_name=alert.owner.name if alert.owner and not waits else None,
        is_mine=alert.owner_id == practitioner_id and not waits,
        since=alert.opened_at,
        due_at=alert.acknowledge_by if waits else None,
        is_overdue=waits and (alert.acknowledge_by is None or alert.acknowledge_by < now),
    )


def _task_item(
    task: Task,
    patient: Patient,
    team_name: str,
    who: Practitioner | None,
    me: int,
    now: datetime,
) -> WorkItem:
    return WorkItem(
        kind=WorkKind.TASK,
        public_id=task.public_id,
        patient_id=patient.id,
        patient_public_id=patient.public_id,
        masked_name=list_name(patient.name),
        has_needs=bool(patient.needs),
        is_likely_lost=False,
        title=task.title,
        grade=None,
        team_name=team_name,
        owner_name=who.name if who else None,
        is_mine=task.assignee_id == me,
        since=task.starts_at,
        due_at=task.due_at,
        is_overdue=task.due_at < now,
    )
