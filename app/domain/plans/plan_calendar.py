"""What a plan is going to do, day by day, and what a change of it changes: computed, not kept."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.domain.intake.hospital_records import EncounterClass
from app.domain.plans.changes import ChangeInForce, changed_for_good, changed_occurrences
from app.domain.plans.plan import Action, ActionKind, PlanDefinition
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import Base
from app.domain.plans.timing import LONGEST_WINDOW, Basis


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a plan will ask for; `slot` is the name that its task will have."""

    plan_key: str
    slot: str
    starts_at: datetime
    due_at: datetime
    ends_at: datetime
    day: date  # the hospital's
    number: int  # of the day, counted from the anchor
    stage: str | None
    kind: ActionKind
    title: str


@dataclass(frozen=True, slots=True)
class Move:
    """The same slot at another time, or with other words."""

    before: Entry
    after: Entry


@dataclass(frozen=True, slots=True)
class Difference:
    """What comes, goes and moves from one calendar to another, each in order of time."""

    appear: tuple[Entry, ...]
    vanish: tuple[Entry, ...]
    moved: tuple[Move, ...]

    @property
    def is_none(self) -> bool:
        return not (self.appear or self.vanish or self.moved)


def _nothing_known(action: Action, actions: Collection[Action]) -> list[Base]:
    return []


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a calendar is for: what was changed for them, and what happened that actions count from.

    `bases_of` is asked with an action and all actions of the plan.
    """

    changes: Sequence[ChangeInForce] = ()
    bases_of: Callable[[Action, Collection[Action]], Sequence[Base]] = _nothing_known


@dataclass(frozen=True, slots=True)
class Undated:
    """What has its day only when something comes: a visit, a booking, or a task done or missed."""

    plan_name: str
    title: str
    basis: Basis
    encounter_class: EncounterClass | None
    is_before: bool
    actions: tuple[str, ...]  # the titles of those it comes after


def plan_calendar(
    plan: PlanDefinition,
    anchor_on: date,
    zone: ZoneInfo,
    since: datetime,
    until: datetime,
    almanac: Almanac | None = None,
    person: Person | None = None,
) -> tuple[Entry, ...]:
    """Return what a plan asks for in [since, until), in order of time.

    What counts from a visit or another task is not known before it happens, and left out; for a
    `person` it is there where that is known, and all as it was changed for them.
    """
    person, almanac, found = person or Person(), almanac or Almanac(), []
    for planned in plan.actions:
        shared = planned.timing.is_shared
        for basis in [anchor_on] if shared else person.bases_of(planned, plan.actions):
            for action, one in changed_occurrences(
                planned, person.changes, basis, zone, since, until, almanac
            ):
                day = one.starts_at.astimezone(zone).date()
                stage = plan.stage_on(anchor_on, day)
                found.append(
                    Entry(
                        plan.key, one.slot, one.starts_at, one.due_at, one.expires_at, day,
                        (day - anchor_on).days, stage.name if stage else None, action.kind,
                        action.title,
                    )
                )  # fmt: skip
    return tuple(sorted(found, key=_order))


def not_yet_dated(
    plan: PlanDefinition, changes: Sequence[ChangeInForce], now: datetime
) -> tuple[Undated, ...]:
    """Return what a plan asks for after something that may still come, in the plan's order."""
    titles = {action.key: action.title for action in plan.actions}
    return tuple(
        Undated(
            plan.name, told.title, action.timing.basis, action.timing.encounter_class,
            action.timing.is_before, tuple(titles[key] for key in _named(action, plan.actions)),
        )
        for action in plan.actions
        if not action.timing.is_shared
        and (told := changed_for_good(action, changes, now)) is not None
    )  # fmt: skip


def _named(action: Action, actions: Iterable[Action]) -> Iterable[str]:
    """Yield the actions from which another counts: it is done, or it is missed."""
    for one in actions:
        if one.key == action.timing.after_action or one.if_missed == action.key:
            yield one.key


def still_to_come(
    plan: PlanDefinition,
    anchor_on: date,
    zone: ZoneInfo,
    now: datetime,
    until: datetime,
    almanac: Almanac | None = None,
    person: Person | None = None,
) -> tuple[Entry, ...]:
    """Return what beginning a plan now asks for: also what began before and is open still."""
    found = plan_calendar(plan, anchor_on, zone, now - LONGEST_WINDOW, until, almanac, person)
    return tuple(one for one in found if one.ends_at > now)


def compare(before: Iterable[Entry], after: Iterable[Entry]) -> Difference:
    """Return what changes; entries are the same where plan and slot are."""
    old = {(one.plan_key, one.slot): one for one in before}
    new = {(one.plan_key, one.slot): one for one in after}
    moved = [
        Move(old[key], new[key])
        for key in old.keys() & new.keys()
        if _told(old[key]) != _told(new[key])
    ]
    return Difference(
        appear=tuple(sorted((new[key] for key in new.keys() - old.keys()), key=_order)),
        vanish=tuple(sorted((old[key] for key in old.keys() - new.keys()), key=_order)),
        moved=tuple(sorted(moved, key=lambda move: _order(move.after))),
    )


def by_day(entries: Sequence[Entry]) -> dict[date, list[Entry]]:
    """Return entries by the day on which they begin, days in order."""
    days: dict[date, list[Entry]] = {}
    for one in sorted(entries, key=_order):
        days.setdefault(one.day, []).append(one)
    return days


def _order(one: Entry) -> tuple[datetime, str, str]:
    return one.starts_at, one.plan_key, one.slot


def _told(one: Entry) -> tuple[object, ...]:
    return one.starts_at, one.due_at, one.ends_at, one.kind, one.title
