"""When a plan's actions fall due for one patient: computed, never guessed, the same every time.

Times of day are the hospital's wall clock and become UTC instants here. A time the clocks skip
is moved on by the gap; a time they repeat is the first of the two.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.plans.plan import Action, CalendarPeriod, Timing

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


def occurrences(
    action: Action, anchor_on: date, zone: ZoneInfo, since: datetime, until: datetime
) -> list[Occurrence]:
    """Return what starts in [since, until), in order.

    Adjoining pieces give together what the whole gives at once. The answer depends on the day
    of the anchor and not on the patient: expand once for all who share it.
    """
    found = (
        _occurrence(action, day, zone)
        for day in _days(action.timing, anchor_on, since.astimezone(zone).date())
    )
    return [one for one in _until(found, until) if one.starts_at >= since]


def _until(found: Iterator[Occurrence], until: datetime) -> Iterator[Occurrence]:
    for one in found:
        if one.starts_at >= until:
            return
        yield one


def _days(timing: Timing, anchor_on: date, since: date) -> Iterator[date]:
    """Yield the days of an action from about `since` on."""
    first = timing.start.after(anchor_on)
    if timing.every is None or timing.until is None:
        yield first
        return
    last = timing.until.after(anchor_on)
    # A clock change may move a start across midnight, so begin one repeat early.
    times = max(0, _repeats_before(timing.every, first, since) - 1)
    while (day := timing.every.after(first, times)) <= last:
        yield day
        times += 1


def _repeats_before(every: CalendarPeriod, first: date, since: date) -> int:
    return 0 if every.months else (since - first).days // every.days


def _occurrence(action: Action, day: date, zone: ZoneInfo) -> Occurrence:
    timing = action.timing
    starts = datetime.combine(day, timing.at)
    expires_at = instant(starts + timing.expires_after, zone)
    remind_on = datetime.combine(day, timing.remind_at or timing.at)
    remind_at = after_quiet_hours(instant(remind_on, zone), zone)
    second = after_quiet_hours(remind_at + SECOND_REMINDER_AFTER, zone)
    return Occurrence(
        slot=f"{action.key}/{day.isoformat()}",
        action_key=action.key,
        starts_at=instant(starts, zone),
        due_at=instant(starts + timing.due_after, zone),
        expires_at=expires_at,
        remind_at=remind_at,
        second_remind_at=second if second < expires_at else None,
    )


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
        timing.at.isoformat(),
        timing.due_after.total_seconds(),
        timing.expires_after.total_seconds(),
        [timing.every.months, timing.every.days] if timing.every else None,
        [timing.until.months, timing.until.days] if timing.until else None,
        timing.remind_at.isoformat() if timing.remind_at else None,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


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
    OPEN = "open"
    OVERDUE = "overdue"
    STARTED = "started"
    DONE = "done"
    DONE_LATE = "done-late"
    EXPIRED = "expired"
    UNABLE = "unable"  # the patient said so, with a reason of their own
    READMITTED = "readmitted"
    TRAVEL = "travel"
    HELD = "held"  # the plan rests for another reason
    RESTED = "rested"  # it began while the plan rested, and does not come back
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
