"""What a plan will do to one patient: their calendar before and after a change of it.

With what was changed for them, and what counts from visits, bookings and tasks that are known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import NotFound
from app.domain.plans.changes import ChangeInForce
from app.domain.plans.plan import PlanDefinition, parse_plan
from app.domain.plans.plan_calendar import (
    Difference,
    Entry,
    Person,
    Undated,
    compare,
    not_yet_dated,
    plan_calendar,
    still_to_come,
)
from app.domain.plans.plan_schedule import instant
from app.domain.plans.timing import LONGEST_PLAN_DAYS
from app.models import CarePlan, CarePlanStatus
from app.models.plans.action_change import changes_of_patient, changes_of_team
from app.models.plans.bases import Bases
from app.models.plans.calendar_day import hospital_almanac
from app.models.plans.knowledge import knowledge

AHEAD: Final = timedelta(days=LONGEST_PLAN_DAYS)


@dataclass(frozen=True, slots=True)
class Preview:
    """The calendars from now on; `after` is the whole one, with what is there already.

    `undated` is in neither: it has its day only when a visit, a booking or a task comes.
    """

    before: tuple[Entry, ...]
    after: tuple[Entry, ...]
    difference: Difference
    undated: tuple[Undated, ...] = ()


def calendar_of(
    session: Session, patient_id: int, now: datetime, zone: ZoneInfo, ahead: timedelta = AHEAD
) -> tuple[Entry, ...]:
    """Return what the patient's running plans will ask for from now on, where days are known."""
    return _entries(session, _running(session, patient_id), now, zone, now, now + ahead)


def undated_of(session: Session, patient_id: int, now: datetime) -> tuple[Undated, ...]:
    """Return what the patient's running plans ask for once something else comes."""
    return tuple(
        one
        for plan in _running(session, patient_id)
        for one in not_yet_dated(
            parse_plan(plan.plan_definition.definition), _changes(session, plan), now
        )
    )


def preview_enrolment(
    session: Session,
    patient_id: int,
    plan_key: str,
    anchor_on: date,
    now: datetime,
    zone: ZoneInfo,
    ahead: timedelta = AHEAD,
    *,
    care_team_id: int | None = None,
) -> Preview:
    """Return what putting the patient on a plan adds; the same plan running would end.

    With `care_team_id` as the team's department has it.

    :raises NotFound: no such plan in force
    """
    plan = knowledge(session).plans.get(plan_key)
    if plan is None:
        raise NotFound
    running = _running(session, patient_id)
    others = [one for one in running if one.plan_key != plan_key]
    before = _entries(session, running, now, zone, now, now + ahead)
    person = Person(
        (
            *changes_of_team(session, plan_key, care_team_id or 0),
            *changes_of_patient(session, patient_id, plan_key),
        ),
        Bases(session, patient_id, anchor_on, care_plan_id=None, encounter_id=None).of,
    )
    almanac = hospital_almanac(session)
    added = still_to_come(plan, anchor_on, zone, now, now + ahead, almanac, person)
    after = _sorted((*_entries(session, others, now, zone, now, now + ahead), *added))
    undated = not_yet_dated(plan, person.changes, now)
    return Preview(before, after, compare(before, after), undated)


def preview_rest(
    session: Session,
    patient_id: int,
    care_plan_id: int,
    begins_on: date,
    until: date | None,
    now: datetime,
    zone: ZoneInfo,
    ahead: timedelta = AHEAD,
) -> Preview:
    """Return what is not asked for while one plan rests; without a last day, all of it."""
    before = calendar_of(session, patient_id, now, zone, ahead)
    plan = session.get_one(CarePlan, care_plan_id)
    first = instant(datetime.combine(begins_on, time.min), zone)
    last = instant(datetime.combine(until + timedelta(days=1), time.min), zone) if until else None
    after = tuple(
        one
        for one in before
        if one.plan_key != plan.plan_key
        or one.starts_at < first
        or (last is not None and one.starts_at >= last)
    )
    return Preview(before, after, compare(before, after))


def preview_version(
    session: Session,
    patient_id: int,
    care_plan_id: int,
    to: PlanDefinition,
    now: datetime,
    zone: ZoneInfo,
    ahead: timedelta = AHEAD,
) -> Preview:
    """Return what moving one running plan to another version of it changes."""
    running = _running(session, patient_id)
    before = _entries(session, running, now, zone, now, now + ahead)
    others = [one for one in running if one.id != care_plan_id]
    moved = [one for one in running if one.id == care_plan_id]
    almanac = hospital_almanac(session)
    new = (
        plan_calendar(to, one.anchor_on, zone, now, now + ahead, almanac, _person(session, one))
        for one in moved
    )
    after = _sorted(
        (
            *_entries(session, others, now, zone, now, now + ahead),
            *(entry for entries in new for entry in entries),
        )
    )
    undated = tuple(
        told for one in moved for told in not_yet_dated(to, _changes(session, one), now)
    )
    return Preview(before, after, compare(before, after), undated)


def _running(session: Session, patient_id: int) -> list[CarePlan]:
    return list(
        session.scalars(
            select(CarePlan)
            .filter_by(patient_id=patient_id, is_open=True, status=CarePlanStatus.ACTIVE)
            .options(joinedload(CarePlan.plan_definition))
            .order_by(CarePlan.id)
        )
    )


def _entries(
    session: Session,
    plans: Iterable[CarePlan],
    now: datetime,
    zone: ZoneInfo,
    since: datetime,
    until: datetime,
) -> tuple[Entry, ...]:
    almanac = hospital_almanac(session)
    today = now.astimezone(zone).date()
    found: list[Entry] = []
    for plan in plans:
        definition = parse_plan(plan.plan_definition.definition)
        entries = plan_calendar(
            definition, plan.anchor_on, zone, since, until, almanac, _person(session, plan)
        )
        found.extend(one for one in entries if not _rests(plan, one.day, today))
    return _sorted(found)


def _person(session: Session, plan: CarePlan) -> Person:
    return Person(_changes(session, plan), Bases.behind(session, plan).of)


def _changes(session: Session, plan: CarePlan) -> tuple[ChangeInForce, ...]:
    return (
        *changes_of_team(session, plan.plan_key, plan.care_team_id),
        *changes_of_patient(session, plan.patient_id, plan.plan_key),
    )


def _rests(plan: CarePlan, day: date, today: date) -> bool:
    """Tell whether a planned rest covers a day."""
    begins, ends = plan.hold_begins_on, plan.hold_ends_on
    if begins is None or day < max(begins, today):
        return False
    return ends is None or day <= ends


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: (one.starts_at, one.plan_key, one.slot)))
