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
    DEPUTY_DOCTOR = "deputy-doctor"
    HEAD_NURSE = "head-nurse"  # whoever heads the team: a doctor as well

    @property
    def label(self) -> str:
        return {
            "on-duty-nurse": "值班护士",
            "attending-doctor": "主管医生",
            "deputy-doctor": "二线医生",
            "head-nurse": "负责人",
        }[self.value]


CHAIN: tuple[Responder, ...] = tuple(Responder)


def first_level(grade: Grade) -> int:
    """Return where an alert begins: a severe one with the doctor, the nurse on duty beside."""
    return CHAIN.index(Responder.ATTENDING_DOCTOR) if grade is Grade.SEVERE else 0


def level_when_worse(grade: Grade, level: int) -> int:
    """Return where an alert at `level` goes on that worsened to `grade`.

    A severe one begins anew, however high the milder one had climbed: its doctor must hear.
    """
    first = first_level(grade)
    return first if grade is Grade.SEVERE else max(level, first)


@dataclass(frozen=True, slots=True)
class AlertClock:
    """A department's times.

    Severe: taken within `severe`, or the next level hears. Moderate: by the end of the same
    working hours, at least `moderate`. Mild: by the end of the next working day.
    """

    severe: timedelta = timedelta(minutes=5)
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
        above = range(first_level(grade) + 1, len(CHAIN))
        return tuple((first + self.pause(grade) * n, level) for n, level in enumerate(above))

    def pause(self, grade: Grade) -> timedelta:
        """Return how long each further level has."""
        return self.severe if grade is Grade.SEVERE else self.moderate

    def next_climb(self, grade: Grade, was_due: datetime, now: datetime) -> datetime:
        """Return until when the level just told has time.

        The clock looks every half minute; counted from when it was due, the lateness of one step
        does not add to the next. After an outage everybody still has nearly the whole pause.
        """
        pause = self.pause(grade)
        return max(was_due + pause, now + pause - timedelta(minutes=1))

    def level_at(self, grade: Grade, since: datetime, zone: ZoneInfo, now: datetime) -> int:
        """Return the level that should know by `now`."""
        due = [level for at, level in self.escalations(grade, since, zone) if at <= now]
        return max(due, default=first_level(grade))
