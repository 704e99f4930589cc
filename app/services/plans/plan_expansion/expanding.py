"""Calendars filled ahead of time: once for all patients on one plan from one day on.

What a plan asks for depends on its anchor day alone, so it is computed for a cohort, staged as
slots, and joined to the cohort's plans by the database: no row passes through Python twice.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from app.database import random_public_id
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import TaskStatus, instant, occurrences
from app.models import CarePlan, CarePlanStatus, PlanSlot
from app.models.plans.asking import Questions
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans.plan_expansion.reconciling import reconcile
from app.services.plans.plan_expansion.rows import TASKS, columns_of, or_keep

HORIZON: Final = timedelta(days=14)
# Expanded again when less than this is left, so that an outage of days empties no calendar.
_REFILL: Final = timedelta(days=7)
# In one transaction: some ten thousand rows, so that SQLite's one writer is soon free again.
_AT_ONCE: Final = 500
_EPOCH: Final = date(1970, 1, 1)
_COHORT: Final = (CarePlan.plan_definition_id, CarePlan.anchor_on, CarePlan.expanded_until)
_SLOTS: Final = PlanSlot.metadata.tables[PlanSlot.__tablename__]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients for whom one version of a plan counts from one day, filled up to one instant."""

    plan_definition_id: int
    anchor_on: date
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
        select(
            CarePlan.id, CarePlan.plan_definition_id, CarePlan.anchor_on, CarePlan.expanded_until
        )
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
    filling.stage({(row[1], row[2], row[3]) for row in found})
    filling.make_tasks(ids)
    session.execute(update(CarePlan).where(CarePlan.id.in_(ids)).values(expanded_until=until))
    filling.follow_up(ids)
    return len(ids)


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

    def stage(self, keys: Iterable[tuple[int, date, datetime | None]]) -> None:
        """Keep the slots of each cohort, computed once."""
        rows = [row for key in keys for row in self._slots_of(*key)]
        self._staged = len(rows)
        if rows:
            self._session.execute(insert(_SLOTS), rows)

    def _slots_of(
        self, definition_id: int, anchor_on: date, expanded_until: datetime | None
    ) -> Iterator[dict[str, Any]]:
        since = expanded_until or instant(datetime.combine(anchor_on, time.min), self._zone)
        for one in self._questions.of_definition(definition_id):
            for slot in occurrences(
                one.action, anchor_on, self._zone, since, self._until, self._almanac
            ):
                if slot.expires_at > self._now:  # what is over when a plan begins is not asked for
                    yield {
                        "batch": self._batch,
                        "plan_definition_id": definition_id,
                        "anchor_on": anchor_on,
                        "since": expanded_until or self._never,
                        **columns_of(one.plan_action_id, one.action, slot),
                    }

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
        of_cohort = (
            (_SLOTS.c.batch == self._batch)
            & (_SLOTS.c.plan_definition_id == CarePlan.plan_definition_id)
            & (_SLOTS.c.anchor_on == CarePlan.anchor_on)
            & (_SLOTS.c.since == func.coalesce(CarePlan.expanded_until, self._never))
        )
        rows = (
            select(*own.values(), *shared)
            .join_from(CarePlan, _SLOTS, of_cohort)
            .where(CarePlan.id.in_(ids))
        )
        names = [*own, *(column.name for column in shared)]
        self._session.execute(or_keep(self._session, names, rows))
        self._session.execute(delete(_SLOTS).where(_SLOTS.c.batch == self._batch))

    def follow_up(self, ids: Sequence[int]) -> None:
        """Make what counts from something else, for plans that have such actions."""
        plans = self._session.scalars(
            select(CarePlan).where(
                CarePlan.id.in_(ids),
                CarePlan.plan_definition_id.in_(self._questions.with_own_days()),
            )
        )
        for plan in plans.all():
            reconcile(
                self._session, plan, self._questions.of(plan), self._until, self._now, self._zone,
                self._almanac,
            )  # fmt: skip
