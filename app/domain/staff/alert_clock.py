"""How long an alert may wait, and who hears of it when nobody takes it."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.plans.rules import Grade

SATURDAY = 5


class Responder(StrEnum):
    """Who is told at each level, in order."""

    ON_DUTY_NURSE = "on-duty-nurse"
    ATTENDING_DOCTOR = "attending-doctor"
    HEAD_NURSE = "head-nurse"


CHAIN: tuple[Responder, ...] = tuple(Responder)


@dataclass(frozen=True, slots=True)
class AlertClock:
    """A department's times. Severe: within `severe`. Moderate: by the end of the same working
    hours, at least `moderate`. Mild: by the end of the next working day."""

    severe: timedelta = timedelta(minutes=30)
    moderate: timedelta = timedelta(hours=2)
    day_ends: time = time(17, 30)
    holidays: frozenset[date] = frozenset()

    def acknowledge_by(self, grade: Grade, since: datetime, zone: ZoneInfo) -> datetime:
        """Return when an alert of `grade` active `since` must have been taken."""
        local = since.astimezone(zone)
        if grade is Grade.SEVERE:
            return since + self.severe
        if grade is Grade.MODERATE:
            closing = self._closing(local.date(), since, zone)
            return max(closing, since + self.moderate)
        day = local.date() + timedelta(days=1)
        while day.weekday() >= SATURDAY or day in self.holidays:
            day += timedelta(days=1)
        return self._closing(day, since, zone)

    def _closing(self, day: date, since: datetime, zone: ZoneInfo) -> datetime:
        return datetime.combine(day, self.day_ends, zone).astimezone(since.tzinfo)

    def escalations(
        self, grade: Grade, since: datetime, zone: ZoneInfo
    ) -> tuple[tuple[datetime, int], ...]:
        """Return when an alert nobody takes reaches which level of `CHAIN`.

        Severe climbs every `severe`; moderate after its clock, then every `moderate`; a mild
        one stays with the nurse and is shown as overdue.
        """
        first = self.acknowledge_by(grade, since, zone)
        if grade is Grade.MILD:
            return ()
        pause = self.severe if grade is Grade.SEVERE else self.moderate
        return tuple((first + pause * (level - 1), level) for level in range(1, len(CHAIN)))

    def level_at(self, grade: Grade, since: datetime, zone: ZoneInfo, now: datetime) -> int:
        """Return the level that should know by `now`; 0 is the nurse on duty."""
        due = [level for at, level in self.escalations(grade, since, zone) if at <= now]
        return max(due, default=0)
