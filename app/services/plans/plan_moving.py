"""Moving running plans to another version: seen before, some at a time, stopped, gone on with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import DomainError, NotFound
from app.domain.plans.changes import ChangeInForce, ChangeScope
from app.domain.plans.plan import PlanDefinition as Plan
from app.domain.plans.plan import parse_plan
from app.domain.plans.plan_calendar import (
    Difference,
    Person,
    Undated,
    compare,
    not_yet_dated,
    plan_calendar,
)
from app.domain.trust.access import Actor
from app.models import (
    ActionChange,
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Event,
    MigrationStatus,
    PlanDefinition,
    PlanMigration,
    PublicationStatus,
    StepKind,
)
from app.models.plans.action_change import changes_of_team
from app.models.plans.calendar_day import hospital_almanac
from app.models.trust.audit import record

AT_ONCE: Final = 50
AHEAD: Final = timedelta(days=731)


class NothingToMove(DomainError):
    code = "nothing-to-move"
    title = "没有患者在旧版本上"


class MigrationSettled(DomainError):
    code = "migration-settled"
    title = "这次换版本已经完成或状态已变，请刷新后再看"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients on one version who began on one day: their calendars change alike."""

    version: int
    patients: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What moving everybody would do; `appear`, `vanish`, `moved` count tasks of all patients.

    As hospital and departments changed the plan. `own` patients have changes of their own, and
    `undated` has its day only when something comes to a patient: neither is counted.
    """

    to_version: int
    patients: int
    resting: int
    appear: int
    vanish: int
    moved: int
    largest: tuple[Cohort, ...]
    own: int
    undated: tuple[Undated, ...]


def preview_move(
    session: Session, plan_key: str, now: datetime, zone: ZoneInfo, shown: int = 3
) -> MovePreview:
    """Return what moving all running plans to the version in force changes from now on.

    Calendars are computed once for all who are on one version, began on one day and are cared for
    where the plan was changed alike.

    :raises NotFound: no such plan in force
    :raises NothingToMove: everybody is on that version
    """
    to = _in_force(session, plan_key)
    new = parse_plan(to.definition)
    rows = session.execute(
        select(
            CarePlan.plan_definition_id, CarePlan.anchor_on, CarePlan.care_team_id,
            CarePlan.status, func.count().label("patients"),
        )
        .where(*_to_be_moved(plan_key, to))
        .group_by(
            CarePlan.plan_definition_id, CarePlan.anchor_on, CarePlan.care_team_id,
            CarePlan.status,
        )
    ).all()  # fmt: skip
    if not rows:
        raise NothingToMove
    versions = _versions(session, {row.plan_definition_id for row in rows})
    almanac = hospital_almanac(session)
    teams = {
        team_id: tuple(changes_of_team(session, plan_key, team_id))
        for team_id in {row.care_team_id for row in rows}
    }
    alike: dict[tuple[int, date, tuple[ChangeInForce, ...]], int] = {}
    for row in rows:
        key = row.plan_definition_id, row.anchor_on, teams[row.care_team_id]
        alike[key] = alike.get(key, 0) + row.patients
    cohorts: list[Cohort] = []
    for (definition_id, anchor_on, changes), patients in alike.items():
        version, old = versions[definition_id]
        before, after = (
            plan_calendar(one, anchor_on, zone, now, now + AHEAD, almanac, Person(changes))
            for one in (old, new)
        )
        cohorts.append(Cohort(version, patients, compare(before, after)))
    return MovePreview(
        to.version,
        sum(one.patients for one in cohorts),
        sum(row.patients for row in rows if row.status is CarePlanStatus.ON_HOLD),
        sum(one.patients * len(one.difference.appear) for one in cohorts),
        sum(one.patients * len(one.difference.vanish) for one in cohorts),
        sum(one.patients * len(one.difference.moved) for one in cohorts),
        tuple(sorted(cohorts, key=lambda one: -one.patients)[:shown]),
        _with_own_changes(session, plan_key, to),
        not_yet_dated(new, (), now),
    )


def begin_move(session: Session, plan_key: str, actor: Actor, now: datetime) -> PlanMigration:
    """Set all running plans on their way to the version in force; the clock carries it on.

    :raises NotFound: no such plan in force
    :raises MigrationSettled: one is under way already
    """
    to = _in_force(session, plan_key)
    under_way = session.scalar(
        select(PlanMigration.id).where(
            PlanMigration.plan_key == plan_key, PlanMigration.status != MigrationStatus.DONE
        )
    )
    if under_way is not None or actor.id is None:
        raise MigrationSettled
    move = PlanMigration(
        plan_key=plan_key, to_definition_id=to.id, practitioner_id=actor.id, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(move)
    session.flush()
    _note(session, move, "begin", actor, now)
    return move


def move_one(session: Session, plan: CarePlan, actor: Actor, now: datetime) -> None:
    """Move one patient's plan to the version in force.

    :raises NothingToMove: it is on that version, or has ended
    :raises NotFound: no such plan in force
    """
    to = _in_force(session, plan.plan_key)
    if plan.is_open is None or plan.plan_definition_id == to.id:
        raise NothingToMove
    _move(session, plan, to, actor, now)


def turn_move(
    session: Session, move_id: str, status: MigrationStatus, actor: Actor, now: datetime
) -> None:
    """Stop a move, or let it go on where it stopped; who was moved stays moved.

    :raises NotFound: no such move
    :raises MigrationSettled: it is done, or is so already
    """
    move = session.scalar(
        select(PlanMigration).filter_by(public_id=move_id).with_for_update(of=PlanMigration)
    )
    if move is None:
        raise NotFound
    if move.status is MigrationStatus.DONE or move.status is status:
        raise MigrationSettled
    move.status, move.updated_at = status, now
    _note(session, move, status, actor, now)


def moves_of(session: Session, plan_key: str) -> tuple[PlanMigration, ...]:
    """Return the moves of a plan, the newest first."""
    rows = session.scalars(
        select(PlanMigration)
        .filter_by(plan_key=plan_key)
        .options(joinedload(PlanMigration.to_definition))
        .order_by(PlanMigration.id.desc())
        .limit(10)
    )
    return tuple(rows)


def carry_on(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Move some plans of the oldest running move; return how many were looked at, 0 when all rest.

    A move whose version is no longer in force ends where it is: the next one goes further.
    """
    move = session.scalars(
        select(PlanMigration)
        .filter_by(status=MigrationStatus.RUNNING)
        .order_by(PlanMigration.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if move is None:
        return 0
    to = session.get_one(PlanDefinition, move.to_definition_id)
    plans = session.scalars(
        select(CarePlan)
        .where(
            CarePlan.plan_key == move.plan_key,
            CarePlan.is_open.is_(True),
            CarePlan.plan_definition_id != to.id,
            CarePlan.id > move.position,
        )
        .options(joinedload(CarePlan.plan_definition))
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(of=CarePlan)
    ).all()
    move.updated_at = now
    if not plans or to.status is not PublicationStatus.ACTIVE:
        move.status = MigrationStatus.DONE
        return 1
    by = Actor("practitioner", move.practitioner_id, f"plan-migration:{move.id}")
    for plan in plans:
        _move(session, plan, to, by, now)
    move.position = plans[-1].id
    move.moved += len(plans)
    return len(plans)


def _move(session: Session, plan: CarePlan, to: PlanDefinition, by: Actor, now: datetime) -> None:
    """Put one plan on another version; its calendar, now stale, is brought to what that asks."""
    step = CarePlanStep.of(
        plan, StepKind.MOVED, by, now,
        version_before=plan.plan_definition.version, version_after=to.version,
    )  # fmt: skip
    plan.plan_definition, plan.stale_since = to, now
    session.flush()
    session.add(step)
    session.add(Event.of("care-plan.moved", now, patient_id=plan.patient_id, care_plan_id=plan.id))


def _to_be_moved(plan_key: str, to: PlanDefinition) -> tuple[ColumnElement[bool], ...]:
    return (
        CarePlan.plan_key == plan_key,
        CarePlan.is_open.is_(True),
        CarePlan.plan_definition_id != to.id,
    )


def _with_own_changes(session: Session, plan_key: str, to: PlanDefinition) -> int:
    own = select(ActionChange.patient_id).where(
        ActionChange.scope == ChangeScope.PATIENT,
        ActionChange.plan_key == plan_key,
        ActionChange.ended_at.is_(None),
    )
    counted = select(func.count()).select_from(CarePlan)
    moved = counted.where(*_to_be_moved(plan_key, to), CarePlan.patient_id.in_(own))
    return session.scalar(moved) or 0


def _in_force(session: Session, plan_key: str) -> PlanDefinition:
    found = session.scalar(
        select(PlanDefinition)
        .filter_by(key=plan_key, status=PublicationStatus.ACTIVE)
        .order_by(PlanDefinition.version.desc())
        .limit(1)
    )
    if found is None:
        raise NotFound
    return found


def _versions(session: Session, ids: Iterable[int]) -> dict[int, tuple[int, Plan]]:
    rows = session.scalars(select(PlanDefinition).where(PlanDefinition.id.in_(list(ids))))
    return {row.id: (row.version, parse_plan(row.definition)) for row in rows}


def _note(session: Session, move: PlanMigration, action: str, actor: Actor, now: datetime) -> None:
    detail = {"move": move.public_id, "plan": move.plan_key}
    record(session, actor, action, "plan-migration", now, detail=detail)
