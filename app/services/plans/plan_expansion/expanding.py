"""Calendars filled ahead of time: once for all patients on one plan from one day on.

What a plan asks for depends on its anchor day alone, so it is computed for a cohort, staged as
slots, and joined to the cohort's plans by the database: no row passes through Python twice.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from app.database import random_public_id
from app.domain.plans.changes import changed_occurrences
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import TaskStatus, instant
from app.domain.plans.timing import SHARED_BASES
from app.models import ActionChange, CarePlan, CarePlanStatus, PlanAction, PlanSlot
from app.models.plans.asking import Questions
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.plan_expansion.reconciling import reconcile
from app.services.plans.plan_expansion.rows import (
    TASKS,
    columns_of,
    is_counted,
    missed,
    or_keep,
    was_measured,
)

HORIZON: Final = timedelta(days=14)
# Expanded again when less than this is left, so that an outage of days empties no calendar.
_REFILL: Final = timedelta(days=7)
# In one transaction: some ten thousand rows, so that SQLite's one writer is soon free again.
_AT_ONCE: Final = 500
_EPOCH: Final = date(1970, 1, 1)
_COHORT: Final = (
    CarePlan.plan_definition_id,
    CarePlan.anchor_on,
    CarePlan.care_team_id,
    CarePlan.expanded_until,
)
_SLOTS: Final = PlanSlot.metadata.tables[PlanSlot.__tablename__]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients of one team for whom one version of a plan counts from one day.

    They are filled up to one instant; a department may have changed its plan.
    """

    plan_definition_id: int
    anchor_on: date
    care_team_id: int
    since: datetime | None
    plans: int


def expand_plans(
    session: Session,
    now: datetime,
    zone: ZoneInfo,
    limit: int = _AT_ONCE,
    *,
    patient_id: int | None = None,
) -> int:
    """Make the tasks of the days up to `horizon` for plans that run short; return how many plans.

    A second run inserts nothing: a task is known by its plan and slot. With `patient_id` only
    that patient's plans are looked at.
    """
    batch = next(batches(due_cohorts(session, now, limit, patient_id=patient_id), limit), ())
    return expand_cohorts(session, batch, now, zone, limit, patient_id=patient_id)


def horizon(now: datetime, zone: ZoneInfo) -> datetime:
    """Return until when tasks are made now: a midnight, so that a day's plans stay together."""
    day = (now + HORIZON).astimezone(zone).date() + timedelta(days=1)
    return instant(datetime.combine(day, time.min), zone)


def due_cohorts(
    session: Session, now: datetime, limit: int | None = None, *, patient_id: int | None = None
) -> Sequence[Cohort]:
    """Return the cohorts that run short, those on one plan beside each other."""
    rows = session.execute(
        select(*_COHORT, func.count())
        .where(*_run_short(now, patient_id))
        .group_by(*_COHORT)
        .order_by(*_COHORT)
        .limit(limit)
    )
    return [Cohort(*row) for row in rows]


def batches(cohorts: Iterable[Cohort], limit: int = _AT_ONCE) -> Iterator[Sequence[Cohort]]:
    """Yield cohorts together that have about `limit` plans between them."""
    batch: list[Cohort] = []
    plans = 0
    for cohort in cohorts:
        if batch and plans + cohort.plans > limit:
            yield batch
            batch, plans = [], 0
        batch.append(cohort)
        plans += cohort.plans
    if batch:
        yield batch


def expand_cohorts(
    session: Session,
    cohorts: Sequence[Cohort],
    now: datetime,
    zone: ZoneInfo,
    limit: int = _AT_ONCE,
    *,
    patient_id: int | None = None,
) -> int:
    """Fill the calendars of at most `limit` plans of these cohorts; return how many it were."""
    pairs = {(one.plan_definition_id, one.anchor_on) for one in cohorts}
    if not pairs:
        return 0
    found = session.execute(
        select(CarePlan.id, *_COHORT)
        .where(
            *_run_short(now, patient_id),
            tuple_(CarePlan.plan_definition_id, CarePlan.anchor_on).in_(pairs),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    ids = [row.id for row in found]
    until = horizon(now, zone)
    filling = _Filling(session, now, zone, until)
    filling.stage({(row[1], row[2], row[3], row[4]) for row in found})
    filling.make_tasks(ids)
    session.execute(update(CarePlan).where(CarePlan.id.in_(ids)).values(expanded_until=until))
    filling.follow_up({row.id: row[4] for row in found})
    return len(ids)


def _with_own_calendar() -> ColumnElement[bool]:
    """Return that a plan asks for more or less than its cohort: by visits, tasks or changes."""
    counts_otherwise = select(PlanAction.id).where(
        PlanAction.plan_definition_id == CarePlan.plan_definition_id,
        PlanAction.basis.not_in(SHARED_BASES),
    )
    return counts_otherwise.exists() | _is_changed()


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


def _run_short(now: datetime, patient_id: int | None) -> Iterator[ColumnElement[bool]]:
    yield CarePlan.is_open.is_(True)
    yield CarePlan.status == CarePlanStatus.ACTIVE
    yield CarePlan.expanded_until.is_(None) | (CarePlan.expanded_until < now + _REFILL)
    if patient_id is not None:
        yield CarePlan.patient_id == patient_id


class _Filling:
    """One transaction's slots, from staging to tasks."""

    def __init__(self, session: Session, now: datetime, zone: ZoneInfo, until: datetime) -> None:
        self._session, self._now, self._zone, self._until = session, now, zone, until
        self._batch = secrets.token_urlsafe(16)
        self._questions = Questions(session)
        self._almanac: Almanac = hospital_almanac(session)
        self._never = instant(datetime.combine(_EPOCH, time.min), zone)
        self._staged = 0
        self._is_late = False

    def stage(self, keys: Iterable[tuple[int, date, int, datetime | None]]) -> None:
        """Keep the slots of each cohort, computed once."""
        rows = [row for key in keys for row in self._slots_of(*key)]
        self._staged = len(rows)
        if rows:
            self._session.execute(insert(_SLOTS), rows)

    def _slots_of(
        self, definition_id: int, anchor_on: date, team_id: int, expanded_until: datetime | None
    ) -> Iterator[dict[str, Any]]:
        since = expanded_until or instant(datetime.combine(anchor_on, time.min), self._zone)
        cohort = {
            "batch": self._batch,
            "plan_definition_id": definition_id,
            "anchor_on": anchor_on,
            "care_team_id": team_id,
            "since": expanded_until or self._never,
        }
        for one in self._questions.of_team(definition_id, team_id):
            if not one.action.timing.is_shared:
                continue
            for action, slot in changed_occurrences(
                one.action, one.changes, anchor_on, self._zone, since, self._until, self._almanac
            ):
                columns = {**cohort, **columns_of(one.plan_action_id, action, slot)}
                if slot.expires_at > self._now:
                    yield columns
                elif expanded_until is not None and is_counted(action):
                    self._is_late = True  # no clock filled the calendar in time
                    yield missed(columns)
                # What is over when a plan begins is not asked for.

    def make_tasks(self, ids: Sequence[int]) -> None:
        """Join slots and plans in the database; a slot that a plan has already stays as it is."""
        if not self._staged:
            return
        shared = [column for column in _SLOTS.columns if column.name in TASKS.columns]
        own = {
            "public_id": random_public_id(),
            "patient_id": CarePlan.patient_id,
            "care_plan_id": CarePlan.id,
            "status": literal(TaskStatus.REQUESTED, TASKS.c.status.type),
            "reminders": literal(0),
            "created_at": literal(self._now, TASKS.c.created_at.type),
        }
        if self._is_late:
            over = _SLOTS.c.ends_at <= self._now
            is_missed = literal(TaskStatus.MISSED, TASKS.c.status.type)
            own["status"] = case((over, is_missed), else_=own["status"])
            own["finished_at"] = case((over, _SLOTS.c.ends_at))
        of_cohort = (
            (_SLOTS.c.batch == self._batch)
            & (_SLOTS.c.plan_definition_id == CarePlan.plan_definition_id)
            & (_SLOTS.c.anchor_on == CarePlan.anchor_on)
            & (_SLOTS.c.care_team_id == CarePlan.care_team_id)
            & (_SLOTS.c.since == func.coalesce(CarePlan.expanded_until, self._never))
        )
        rows = (
            select(*own.values(), *shared)
            .join_from(CarePlan, _SLOTS, of_cohort)
            .where(CarePlan.id.in_(ids), ~_is_changed())
            # Plans first, by their keys. MariaDB may begin with the slots and go through all plans
            # of the team for each: at 140,000 plans that took ten times as long.
            .prefix_with("STRAIGHT_JOIN", dialect="mysql")
        )
        if self._is_late:
            rows = rows.where(
                (_SLOTS.c.ends_at > self._now)
                | ~was_measured(
                    CarePlan.patient_id, _SLOTS.c.code, _SLOTS.c.starts_at, _SLOTS.c.ends_at
                )
            )
        names = [*own, *(column.name for column in shared)]
        self._session.execute(or_keep(self._session, names, rows))
        self._session.execute(delete(_SLOTS).where(_SLOTS.c.batch == self._batch))

    def follow_up(self, filled_until: Mapping[int, datetime | None]) -> None:
        """Fill one by one the calendars that are not their cohort's, by plan."""
        plans = self._session.scalars(
            select(CarePlan).where(CarePlan.id.in_(filled_until), _with_own_calendar())
        )
        for plan in plans.all():
            reconcile(
                self._session, plan, self._questions.of(plan), self._until, self._now, self._zone,
                self._almanac, missed_since=filled_until[plan.id],
            )  # fmt: skip
