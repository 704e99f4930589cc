"""When a plan's actions fall due for one patient: computed, never guessed, the same every time.

Times of day are the hospital's wall clock and become UTC instants here. A time the clocks skip
is moved on by the gap; a time they repeat is the first of the two.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.plans.plan import Action
from app.domain.plans.plan_days import Almanac, days_of
from app.domain.plans.timing import Basis, Timing

QUIET_FROM = time(21)
QUIET_UNTIL = time(8)
SECOND_REMINDER_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One dated piece of work; instants in UTC, the window includes its start but not its end.

    `slot` names it within its care plan: expanding again finds the same name, and a changed
    time of day moves the row instead of making a second one.
    """

    slot: str
    action_key: str
    starts_at: datetime
    due_at: datetime
    expires_at: datetime
    remind_at: datetime
    second_remind_at: datetime | None

    def accepts(self, effective_at: datetime) -> bool:
        """Tell whether something done or measured then belongs to this slot."""
        return self.starts_at <= effective_at < self.expires_at


@dataclass(frozen=True, slots=True)
class Base:
    """What happened, from which an action counts: `name` stands in the slots of what follows."""

    name: str
    moment: datetime


def occurrences(
    action: Action,
    anchor_on: date,
    zone: ZoneInfo,
    since: datetime,
    until: datetime,
    almanac: Almanac | None = None,
) -> list[Occurrence]:
    """Return what starts in [since, until), in order, of an action that counts from the anchor.

    Adjoining pieces give together what the whole gives at once. The answer depends on the day
    of the anchor and not on the patient: expand once for all who share it.
    """
    if not action.timing.is_shared or action.timing.at is None:
        return []
    at, almanac = action.timing.at, almanac or Almanac()
    first = since.astimezone(zone).date()
    found = (
        occurrence_on(action, f"{action.key}/{one.name}", one.day, at, zone)
        for one in days_of(action.timing, anchor_on, first, almanac)
    )
    return [one for one in _until(found, until) if one.starts_at >= since]


def occurrences_after(
    action: Action,
    base: Base,
    zone: ZoneInfo,
    until: datetime,
    almanac: Almanac | None = None,
) -> list[Occurrence]:
    """Return what starts before `until`, in order, of an action that counts from `base`.

    Slots are numbered, not dated: when a booking moves, what hangs on it moves and stays itself.
    """
    if action.timing.is_shared:
        return []
    local = base.moment.astimezone(zone)
    days = days_of(
        action.timing, local.date(), local.date(), almanac or Almanac(), named_by_number=True
    )
    at = action.timing.at or local.time()
    return list(
        _until(
            (
                occurrence_on(action, f"{action.key}/{base.name}/{one.name}", one.day, at, zone)
                for one in days
            ),
            until,
        )
    )


def _until(found: Iterator[Occurrence], until: datetime) -> Iterator[Occurrence]:
    for one in found:
        if one.starts_at >= until:
            return
        yield one


def occurrence_on(action: Action, slot: str, day: date, at: time, zone: ZoneInfo) -> Occurrence:
    timing = action.timing
    starts = datetime.combine(day, at)
    # What may have to wait has its last possible window until it opens.
    latest = starts + (action.wait_for.at_most if action.wait_for else timedelta())
    expires_at = instant(latest + timing.expires_after, zone)
    remind_on = datetime.combine(day, timing.remind_at or at)
    remind_at = after_quiet_hours(instant(remind_on, zone), zone)
    second = after_quiet_hours(remind_at + SECOND_REMINDER_AFTER, zone)
    return Occurrence(
        slot=slot,
        action_key=action.key,
        starts_at=instant(starts, zone),
        due_at=instant(latest + timing.due_after, zone),
        expires_at=expires_at,
        remind_at=remind_at,
        second_remind_at=second if second < expires_at else None,
    )


def opened_at(action: Action, opens_at: datetime, zone: ZoneInfo) -> Occurrence:
    """Return the occurrence of an action that opens now, having been judged; its slot is kept."""
    local = opens_at.astimezone(zone)
    plain = replace(action, wait_for=None)
    return occurrence_on(plain, "", local.date(), local.time(), zone)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of a wall-clock time."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def after_quiet_hours(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return `moment`, or the next 08:00 when it falls in 21:00-08:00 hospital time."""
    local = moment.astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return moment
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return instant(datetime.combine(day, QUIET_UNTIL), zone)


def timing_revision(action: Action) -> str:
    """Return a short hash of the timing alone: a change of wording reschedules nothing."""
    timing = action.timing
    parts = [
        [timing.start.months, timing.start.days],
        timing.at.isoformat() if timing.at else None,
        timing.due_after.total_seconds(),
        timing.expires_after.total_seconds(),
        [timing.every.months, timing.every.days] if timing.every else None,
        [timing.until.months, timing.until.days] if timing.until else None,
        timing.remind_at.isoformat() if timing.remind_at else None,
        *_newer_parts(timing),
        *([["wait", action.wait_for.at_most.total_seconds()]] if action.wait_for else []),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _newer_parts(timing: Timing) -> list[list[object]]:
    """Return what timings could not say at first, only where it is said: old hashes still hold."""
    told = {
        "rule": str(timing.rule) if timing.rule else None,
        "dates": [day.isoformat() for day in timing.dates],
        "basis": timing.basis if timing.basis is not Basis.ANCHOR else None,
        "after": timing.after_action,
        "class": timing.encounter_class,
        "before": timing.is_before,
        "free": timing.on_free_day,
    }
    return [[name, value] for name, value in told.items() if value]


class TaskStatus(StrEnum):
    REQUESTED = "requested"
    READY = "ready"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    MISSED = "missed"
    CANCELLED = "cancelled"


class TaskReason(StrEnum):
    """Why a task has its status."""

    NOT_OPEN = "not-open-yet"
    TO_BE_JUDGED = "to-be-judged"  # a condition is looked at when it falls due
    WAITING = "waiting"  # for a condition, or for the time to be over
    OPEN = "open"
    OVERDUE = "overdue"
    STARTED = "started"
    DONE = "done"
    DONE_LATE = "done-late"
    SENT = "sent"  # a message: the clock did it
    EXPIRED = "expired"
    NOT_NEEDED = "not-needed"  # its condition did not hold when it fell due
    IN_VAIN = "in-vain"  # what it waited for did not come
    UNABLE = "unable"  # the patient said so, with a reason of their own
    READMITTED = "readmitted"
    TRAVEL = "travel"
    HELD = "held"  # the plan rests for another reason
    OPTED_OUT = "opted-out"
    DECEASED = "deceased"
    PLAN_ENDED = "plan-ended"
    RESCHEDULED = "rescheduled"
    RESULT_CORRECTED = "result-corrected"  # what it was made for is no longer true


@dataclass(frozen=True, slots=True)
class Window:
    """The three instants that bound a task."""

    starts_at: datetime
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TaskEvidence:
    """What is known to have happened to a task."""

    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_because: TaskReason | None = None


def task_status(
    window: Window | Occurrence, evidence: TaskEvidence, now: datetime
) -> tuple[TaskStatus, TaskReason]:
    """Return status and why. What was done stays done, also when the plan ends later."""
    if evidence.completed_at is not None:
        is_late = evidence.completed_at > window.due_at
        return TaskStatus.COMPLETED, TaskReason.DONE_LATE if is_late else TaskReason.DONE
    if evidence.cancelled_because is not None:
        return TaskStatus.CANCELLED, evidence.cancelled_because
    if now >= window.expires_at:
        return TaskStatus.MISSED, TaskReason.EXPIRED
    if evidence.started_at is not None:
        return TaskStatus.IN_PROGRESS, TaskReason.STARTED
    if now < window.starts_at:
        return TaskStatus.REQUESTED, TaskReason.NOT_OPEN
    return TaskStatus.READY, TaskReason.OVERDUE if now > window.due_at else TaskReason.OPEN
