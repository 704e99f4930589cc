"""What is known of one patient when rules are asked: fetched once per patient and event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.domain.criteria.population import InteractionKind, PlanState, PreferenceKind, Reach
from app.domain.intake.hospital_records import EncounterClass, Gender
from app.domain.profile.vital_signs import MeasurementContext, OffScale


@dataclass(frozen=True, slots=True)
class ObservedValue:
    """A final, plausible value in the judged unit of its code, or LO/HI instead of one."""

    value: Decimal | None
    effective_at: datetime
    context: MeasurementContext | None = None
    off_scale: OffScale | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The newest response to one questionnaire: validated answers by linkId."""

    authored_at: datetime
    by_link_id: Mapping[str, object]
    score: int | None = None


@dataclass(frozen=True, slots=True)
class SettledTask:
    """A task whose window is over: done or missed (cancelled ones are left out)."""

    due_at: datetime
    is_missed: bool


@dataclass(frozen=True, slots=True)
class ScheduledReading:
    """A slot in which the plan asks for a measurement; cancelled and paused slots are left out."""

    starts_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """An encounter that began; `department` is our code of it."""

    encounter_class: EncounterClass
    department: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Interaction:
    """Something the patient did with what we offered; `subject` is the key of what it was."""

    kind: InteractionKind
    subject: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a criterion may read; every sequence runs from newest to oldest.

    `observations` and `scheduled` are keyed by LOINC code, `answers` by questionnaire,
    `settled_tasks` by action kind. `conditions` are ICD-10 codes of active diagnoses. `tags` has
    with each tag those above it. `plans` says how the newest enrolment in each plan stands,
    `medications` are codes of active prescriptions, `risks` the band of each current assessment.
    """

    now: datetime
    zone: ZoneInfo
    observations: Mapping[str, Sequence[ObservedValue]] = field(default_factory=dict)
    conditions: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    answers: Mapping[str, Answers] = field(default_factory=dict)
    settled_tasks: Mapping[str, Sequence[SettledTask]] = field(default_factory=dict)
    scheduled: Mapping[str, Sequence[ScheduledReading]] = field(default_factory=dict)
    birth_on: date | None = None
    gender: Gender | None = None
    department: str | None = None
    region: str | None = None
    visits: Sequence[Visit] = ()
    plans: Mapping[str, PlanState] = field(default_factory=dict)
    medications: frozenset[str] = frozenset()
    reach: frozenset[Reach] = frozenset()
    interactions: Sequence[Interaction] = ()
    risks: Mapping[str, str] = field(default_factory=dict)
    preferences: frozenset[tuple[PreferenceKind, str]] = frozenset()

    def as_of(self, instant: datetime) -> "Facts":
        """Return the facts as they stood when something was measured.

        A reading that arrives after newer ones is judged by what was true when it was taken:
        its own time drives the rule. Diagnoses and tags keep no history here and stay.
        """
        return replace(
            self,
            now=instant,
            observations={
                code: [value for value in values if value.effective_at <= instant]
                for code, values in self.observations.items()
            },
            answers={
                key: answers
                for key, answers in self.answers.items()
                if answers.authored_at <= instant
            },
        )

    def age(self) -> int | None:
        """Return completed years on the hospital's today."""
        if self.birth_on is None:
            return None
        today = self.now.astimezone(self.zone).date()
        had_birthday = (today.month, today.day) >= (self.birth_on.month, self.birth_on.day)
        return today.year - self.birth_on.year - (0 if had_birthday else 1)

    def days_scheduled(self, code: str) -> list[date]:
        """Return local days, newest first, of which every slot of `code` has come to its end."""
        days: dict[date, bool] = {}
        for slot in self.scheduled.get(code, ()):
            day = slot.starts_at.astimezone(self.zone).date()
            days[day] = days.get(day, True) and slot.expires_at <= self.now
        return [day for day, is_over in days.items() if is_over]

    def has_reading_since(self, code: str, day: date) -> bool:
        """Tell whether anything was measured from local midnight of `day` on."""
        values = self.observations.get(code)
        if not values:
            return False
        return values[0].effective_at.astimezone(self.zone).date() >= day
