"""Plans that are over: nothing of them is open, and nothing can come any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session, joinedload

from app.domain.plans.changes import LONGEST_SHIFT, ChangeScope
from app.domain.plans.enrolling import EndReason
from app.domain.plans.plan import parse_plan
from app.domain.plans.plan_end import last_day
from app.models import (
    ActionChange,
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Event,
    PlanDefinition,
    StepKind,
    Task,
)
from app.models.plans.action_change import changes_of_patient
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.enrolment.life import UNFINISHED

# What follows from a task done or missed is made within a minute; a clock may stand for hours.
_QUIET: Final = timedelta(days=1)
_MOVED: Final = timedelta(days=LONGEST_SHIFT)
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Over:
    """The anchor days for which one version of a plan is over."""

    plan_definition_id: int
    anchors: tuple[date, ...]


def over_by_calendar(session: Session, today: date) -> Sequence[Over]:
    """Return where running plans are past their last day; computed once for an anchor day.

    Where the hospital or a department changed the plan, its actions may lie later.
    """
    running = session.execute(
        select(CarePlan.plan_definition_id, CarePlan.anchor_on)
        .where(*_running())
        .distinct()
        .order_by(CarePlan.plan_definition_id, CarePlan.anchor_on)
    ).all()
    moved = set(
        session.scalars(
            select(ActionChange.plan_key).where(
                ActionChange.scope != ChangeScope.PATIENT, ActionChange.ended_at.is_(None)
            )
        )
    )
    almanac = hospital_almanac(session)
    found = []
    for definition_id, rows in groupby(running, key=lambda row: row.plan_definition_id):
        plan = parse_plan(session.get_one(PlanDefinition, definition_id).definition)
        later = _MOVED if plan.key in moved else timedelta()
        anchors = tuple(
            row.anchor_on for row in rows if last_day(plan, row.anchor_on, almanac) + later < today
        )
        if anchors:
            found.append(Over(definition_id, anchors))
    return found


def complete_plans(
    session: Session, over: Over, after: int, now: datetime, zone: ZoneInfo, limit: int = _AT_ONCE
) -> int:
    """Complete some plans that are over and past which nothing waits, each with its step.

    Looks at those with an id above `after`; returns the last one looked at, 0 when none is left.
    One that rests, or whose calendar is about to change, is not touched.
    """
    rows = session.execute(
        select(CarePlan.id, CarePlan.patient_id, _is_changed().label("is_changed"))
        .where(
            *_running(),
            CarePlan.id > after,
            CarePlan.plan_definition_id == over.plan_definition_id,
            CarePlan.anchor_on.in_(over.anchors),
            CarePlan.expanded_until.is_not(None),
            CarePlan.stale_since.is_(None),
            CarePlan.hold_begins_on.is_(None),
            ~_has_tasks(Task.status.in_(UNFINISHED) | (Task.finished_at > now - _QUIET)),
        )
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=CarePlan)
    ).all()
    changed = [row.id for row in rows if row.is_changed]
    going_on = set(_with_more_to_come(session, changed, now.astimezone(zone).date()))
    _complete(session, [(row.id, row.patient_id) for row in rows if row.id not in going_on], now)
    return rows[-1].id if rows else 0


def _running() -> tuple[ColumnElement[bool], ...]:
    return CarePlan.is_open.is_(True), CarePlan.status == CarePlanStatus.ACTIVE


def _has_tasks(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(Task.id).where(Task.care_plan_id == CarePlan.id, which).exists()


def _is_changed() -> ColumnElement[bool]:
    return (
        select(ActionChange.id)
        .where(
            ActionChange.patient_id == CarePlan.patient_id,
            ActionChange.plan_key == CarePlan.plan_key,
            ActionChange.ended_at.is_(None),
        )
        .exists()
    )


def _with_more_to_come(session: Session, plan_ids: Sequence[int], today: date) -> Iterable[int]:
    """Yield the plans that may ask for something later because of a change for one patient."""
    if not plan_ids:
        return
    almanac = hospital_almanac(session)
    plans = session.scalars(
        select(CarePlan)
        .where(CarePlan.id.in_(plan_ids))
        .options(joinedload(CarePlan.plan_definition))
    ).all()
    for plan in plans:
        last = last_day(parse_plan(plan.plan_definition.definition), plan.anchor_on, almanac)
        own = changes_of_patient(session, plan.patient_id, plan.plan_key)
        later = (one.change.on for one in own if one.change.on is not None)
        if max([last + _MOVED, *later]) >= today:
            yield plan.id


def _complete(session: Session, plans: Sequence[tuple[int, int]], now: datetime) -> None:
    if not plans:
        return
    session.execute(
        update(CarePlan)
        .where(CarePlan.id.in_([plan_id for plan_id, _ in plans]))
        .values(
            status=CarePlanStatus.COMPLETED, is_open=None, ended_at=now,
            end_reason=EndReason.COMPLETED,
        )
    )  # fmt: skip
    session.execute(
        insert(CarePlanStep),
        [
            {
                "care_plan_id": plan_id, "kind": StepKind.ENDED, "reason": EndReason.COMPLETED,
                "detail": {}, "at": now,
            }
            for plan_id, _ in plans
        ],
    )  # fmt: skip
    session.add_all(
        Event.of("care-plan.ended", now, patient_id=patient_id, care_plan_id=plan_id)
        for plan_id, patient_id in plans
    )
