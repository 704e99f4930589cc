"""What people change of a plan's action: a hospital, a department, or for one patient.

The pack's action stays what it is and a change lies over it, field by field; so a new version of
the pack brings its own action and keeps what people changed. The slot keeps its name.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.definitions import Fields, InvalidDefinition
from app.domain.plans.plan import Action, ActionKind
from app.domain.plans.plan_days import Almanac
from app.domain.plans.plan_schedule import (
    Base,
    Occurrence,
    occurrence_on,
    occurrences,
    occurrences_after,
)
from app.domain.plans.timing import LONGEST_PLAN_DAYS
from app.domain.profile.vital_signs import Limits

# Less than calendars are filled ahead, so that what is moved forward is still made in time.
LONGEST_SHIFT = 13
_BOUNDS = ("low", "critically_low", "high", "critically_high")


class ChangeScope(StrEnum):
    """Whose change it is; each lies over the one before."""

    HOSPITAL = "hospital"
    DEPARTMENT = "department"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Change:
    """What is otherwise than the pack says; None leaves it. `on` is for one slot alone."""

    is_left_out: bool | None = None
    shift_days: int | None = None
    on: date | None = None
    at: time | None = None
    remind_at: time | None = None
    title: str | None = None
    instructions: str | None = None
    text: str | None = None
    limits: Limits | None = None

    def over(self, other: "Change") -> "Change":
        """Return this change laid over another, field by field."""
        mine = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(other, **{name: value for name, value in mine.items() if value is not None})


@dataclass(frozen=True, slots=True)
class ChangeInForce:
    """A change of one action, of one of its slots where `slot` is given, until it expires."""

    action_key: str
    change: Change
    scope: ChangeScope
    slot: str | None = None
    expires_at: datetime | None = None

    def concerns(self, slot: str, starts_at: datetime) -> bool:
        """Tell whether it lies over an occurrence that the pack has begin then."""
        if self.slot is not None and self.slot != slot:
            return False
        return self.expires_at is None or starts_at < self.expires_at


def parse_change(data: object, path: str = "change") -> Change:
    """Read a change from plain data.

    :raises InvalidDefinition: with the path of what is wrong
    """
    with Fields(data, path) as told:
        change = Change(
            is_left_out=told.optional("is_left_out", told.flag),
            shift_days=told.optional(
                "shift_days", lambda key: told.integer(key, -LONGEST_SHIFT, LONGEST_SHIFT)
            ),
            on=told.optional("on", told.day),
            at=told.optional("at", told.local_time),
            remind_at=told.optional("remind_at", told.local_time),
            title=told.optional("title", lambda key: told.text(key, 40)),
            instructions=told.optional("instructions", lambda key: told.text(key, 500)),
            text=told.optional("text", lambda key: told.text(key, 500)),
            limits=told.optional("limits", lambda key: _parse_limits(told.take(key), told.at(key))),
        )
    if change == Change():
        raise InvalidDefinition(path, "changes nothing")
    return change


def _parse_limits(data: object, path: str) -> Limits:
    with Fields(data, path) as told:
        bounds = {name: told.optional(name, told.decimal) for name in _BOUNDS}
    try:
        return Limits(**bounds)
    except ValueError as error:
        raise InvalidDefinition(path, str(error)) from None


def plain(change: Change) -> dict[str, Any]:
    """Return a change as `parse_change` reads it."""
    told: dict[str, Any] = {}
    for one in fields(change):
        value = getattr(change, one.name)
        match value:
            case None:
                continue
            case time():
                told[one.name] = value.isoformat("minutes")
            case date():
                told[one.name] = value.isoformat()
            case Limits():
                bounds = {name: getattr(value, name) for name in _BOUNDS}
                told[one.name] = {name: str(b) for name, b in bounds.items() if b is not None}
            case _:
                told[one.name] = value
    return told


def check_change(change: Change, action: Action, slot: str | None) -> None:
    """:raises InvalidDefinition: the action has nothing that the change speaks of"""
    if change.limits is not None and (action.kind is not ActionKind.MEASUREMENT or slot):
        raise InvalidDefinition("change.limits", "belong to a measurement as a whole")
    if change.text is not None and action.kind is not ActionKind.MESSAGE:
        raise InvalidDefinition("change.text", "belongs to a message")
    if change.on is not None and (slot is None or change.shift_days is not None):
        raise InvalidDefinition("change.on", "belongs to one slot, and without shift_days")


def changed_occurrences(
    action: Action,
    changes: Sequence[ChangeInForce],
    basis: date | Base,
    zone: ZoneInfo,
    since: datetime,
    until: datetime,
    almanac: Almanac,
) -> Iterator[tuple[Action, Occurrence]]:
    """Yield what starts in [since, until) with its action, as people changed both.

    `basis` is the plan's anchor day, or what happened, for an action that counts from it. Pieces
    give together what the whole gives: each slot lies where it was moved to.
    """
    mine = [one for one in changes if one.action_key == action.key]
    reach = timedelta()
    if mine:
        days = LONGEST_PLAN_DAYS if any(one.slot for one in mine) else LONGEST_SHIFT
        reach = timedelta(days=days + 1)
    if isinstance(basis, Base):
        planned = occurrences_after(action, basis, zone, until + reach, almanac)
    else:
        planned = occurrences(action, basis, zone, since - reach, until + reach, almanac)
    for one in planned:
        found = _changed(action, one, mine, zone) if mine else (action, one)
        if found is not None and since <= found[1].starts_at < until:
            yield found


def changed_action(
    action: Action, changes: Iterable[ChangeInForce], slot: str, starts_at: datetime
) -> Action:
    """Return an action in the words that hold for one of its slots."""
    change = _joined(changes, action.key, slot, starts_at)
    return _reworded(action, change) if change else action


def changed_for_good(
    action: Action, changes: Iterable[ChangeInForce], now: datetime
) -> Action | None:
    """Return an action as it is asked from now on, single slots aside; None: it is left out."""
    change = _joined(changes, action.key, "", now)
    if change is None:
        return action
    return None if change.is_left_out else _reworded(action, change)


def _changed(
    action: Action, one: Occurrence, changes: Sequence[ChangeInForce], zone: ZoneInfo
) -> tuple[Action, Occurrence] | None:
    change = _joined(changes, action.key, one.slot, one.starts_at)
    if change is None:
        return action, one
    if change.is_left_out:
        return None
    told = _reworded(action, change)
    if not any((change.shift_days, change.on, change.at, change.remind_at)):
        return told, one
    local = one.starts_at.astimezone(zone)
    day = change.on or local.date() + timedelta(days=change.shift_days or 0)
    # Not the hour it came to: clocks may have skipped the planned one that night.
    at = change.at or action.timing.at or local.time()
    return told, occurrence_on(told, one.slot, day, at, zone)


def _joined(
    changes: Iterable[ChangeInForce], action_key: str, slot: str, starts_at: datetime
) -> Change | None:
    """Return all changes of one slot as one: the nearer and the later over the others."""
    order = list(ChangeScope)
    mine = [
        one for one in changes if one.action_key == action_key and one.concerns(slot, starts_at)
    ]
    joined: Change | None = None
    for one in sorted(mine, key=lambda one: (order.index(one.scope), one.slot is not None)):
        joined = one.change.over(joined) if joined else one.change
    return joined


def _reworded(action: Action, change: Change) -> Action:
    words: Mapping[str, str | None] = {
        "title": change.title, "instructions": change.instructions, "text": change.text,
    }  # fmt: skip
    timing = action.timing
    if change.remind_at is not None or change.at is not None:
        # A new hour without its own reminder is reminded of at that hour.
        timing = replace(timing, remind_at=change.remind_at)
    told = {name: value for name, value in words.items() if value is not None}
    return replace(action, timing=timing, **told)  # type: ignore[arg-type]
