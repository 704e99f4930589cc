"""When and how often people may be written to, and what they may switch off.

Clinical alerts pass the hours and the counts, never a no.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.plans.plan_schedule import QUIET_FROM, QUIET_UNTIL, instant
from app.domain.trust.consenting import ConsentPurpose


class Purpose(StrEnum):
    """What a message is for, as its recipient would say."""

    ALERT = "alert"
    REMINDER = "reminder"
    EDUCATION = "education"
    SURVEY = "survey"
    NEWS = "news"  # anything else


# Kind of a message → what it is for; tasks and bulk messages say it themselves.
_PURPOSES: Final[Mapping[str, Purpose]] = MappingProxyType(
    {"alert-notice": Purpose.ALERT, "task-reminder": Purpose.REMINDER}
)
_OF_TASKS: Final[Mapping[str, Purpose]] = MappingProxyType(
    {"article": Purpose.EDUCATION, "questionnaire": Purpose.SURVEY}
)
# A no to messages is a no to all of them.
ASKED: Final[Mapping[Purpose, frozenset[ConsentPurpose]]] = MappingProxyType(
    {
        Purpose.ALERT: frozenset({ConsentPurpose.MESSAGES}),
        Purpose.REMINDER: frozenset({ConsentPurpose.MESSAGES, ConsentPurpose.REMINDERS}),
        Purpose.EDUCATION: frozenset({ConsentPurpose.MESSAGES, ConsentPurpose.EDUCATION}),
        Purpose.SURVEY: frozenset({ConsentPurpose.MESSAGES, ConsentPurpose.SURVEYS}),
        Purpose.NEWS: frozenset({ConsentPurpose.MESSAGES}),
    }
)


def purpose_of_kind(kind: str) -> Purpose:
    return _PURPOSES.get(kind, Purpose.NEWS)


def purpose_of_tasks(kinds: Collection[str]) -> Purpose:
    """Return what a message about tasks of these kinds is for; different ones are reminders."""
    found = {_OF_TASKS.get(kind, Purpose.REMINDER) for kind in kinds}
    return found.pop() if len(found) == 1 else Purpose.REMINDER


_ABOUT_CARE: Final = (ConsentPurpose.HEALTH_DATA, ConsentPurpose.GUARDIAN)


def has_withdrawn(words: Mapping[str, bool]) -> bool:
    """Tell whether a person's last words take back the consent that everything stands on."""
    return any(words.get(asked) is False for asked in _ABOUT_CARE)


def is_refused(purpose: Purpose, words: Mapping[str, bool]) -> bool:
    """Tell whether a person's last words, by consent purpose, forbid a message."""
    return any(words.get(asked) is False for asked in ASKED[purpose])


@dataclass(frozen=True, slots=True)
class Rules:
    """This hospital's measure: hours, and messages a person by purpose on a day and in 7 days.

    The usual ones let any one plan of the shipped packs say all it has to say, and bound several.
    `digest` is how far apart reminders may fall due and still be told in one message.
    """

    quiet_from: time = QUIET_FROM
    quiet_until: time = QUIET_UNTIL
    daily: Mapping[Purpose, int] = field(
        default_factory=lambda: {
            Purpose.REMINDER: 8, Purpose.EDUCATION: 3, Purpose.SURVEY: 3, Purpose.NEWS: 2,
        }
    )  # fmt: skip
    weekly: Mapping[Purpose, int] = field(
        default_factory=lambda: {
            Purpose.REMINDER: 42, Purpose.EDUCATION: 7, Purpose.SURVEY: 7, Purpose.NEWS: 5,
        }
    )  # fmt: skip
    digest: timedelta = timedelta(minutes=30)

    def is_quiet(self, moment: datetime, zone: ZoneInfo) -> bool:
        at = moment.astimezone(zone).time()
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= at < self.quiet_until
        return not self.quiet_until <= at < self.quiet_from

    def after_quiet(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return `moment`, or the end of the quiet hours it falls in."""
        if not self.is_quiet(moment, zone):
            return moment
        return self.next_morning(moment, zone)

    def next_morning(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Return the next end of quiet hours after `moment`."""
        local = moment.astimezone(zone)
        days = 1 if local.time() >= self.quiet_until else 0
        return instant(
            datetime.combine(local.date() + timedelta(days=days), self.quiet_until), zone
        )


def due_at(
    now: datetime,
    expires_at: datetime,
    rules: Rules,
    zone: ZoneInfo,
    *,
    is_urgent: bool = False,
    best_hour: int | None = None,
) -> datetime:
    """Return when a message may leave: urgent at once, others outside the quiet hours.

    Where `best_hour` (0–23, the hospital's clock) is given, the message waits for it, when its
    recipient is usually there, if it is still valid then.
    """
    if is_urgent:
        return now
    soonest = rules.after_quiet(now, zone)
    if best_hour is None:
        return soonest
    best = _next_hour(soonest, best_hour, zone)
    return best if best < expires_at and not rules.is_quiet(best, zone) else soonest


def _next_hour(moment: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """Return `moment` if it is that hour already, else the next time the hour begins."""
    local = moment.astimezone(zone)
    if local.hour == hour:
        return moment
    days = 1 if local.hour > hour else 0
    return instant(datetime.combine(local.date() + timedelta(days=days), time(hour)), zone)


@dataclass(frozen=True, slots=True)
class Said:
    """How many messages of a purpose a person got, this day and in the 7 days up to now."""

    today: int = 0
    this_week: int = 0


def is_enough(purpose: Purpose, said: Said, rules: Rules) -> bool:
    """Tell whether one more would be too much."""
    if purpose is Purpose.ALERT:
        return False
    day, week = rules.daily.get(purpose), rules.weekly.get(purpose)
    return (day is not None and said.today >= day) or (week is not None and said.this_week >= week)


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing stands against the call."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The message is not to be sent any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """Not now."""

    until: datetime
    reason: str


Verdict = Go | Cancel | Postpone


def judge_moment(
    now: datetime,
    expires_at: datetime,
    purpose: Purpose,
    said: Callable[[], Said],
    rules: Rules,
    zone: ZoneInfo,
    *,
    is_clinical: bool,
) -> Verdict:
    """Return whether a message may be called now: its time, the quiet hours, the counts.

    What has to wait beyond its own time is cancelled: nobody wants yesterday's reminder.
    """
    if now >= expires_at:
        return Cancel("expired")
    if is_clinical:
        return Go()
    if rules.is_quiet(now, zone):
        return _wait(rules.after_quiet(now, zone), expires_at, "quiet-hours")
    if is_enough(purpose, said(), rules):
        return _wait(rules.next_morning(now, zone), expires_at, "enough")
    return Go()


def _wait(until: datetime, expires_at: datetime, reason: str) -> Verdict:
    return Postpone(until, reason) if until < expires_at else Cancel(reason)
