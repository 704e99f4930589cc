"""Plan definitions: which actions a plan asks for, and when (FHIR PlanDefinition)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum

from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.tree import Criterion
from app.domain.definitions import Fields, InvalidDefinition, refuse_repeats
from app.domain.profile.vital_signs import MeasurementContext, VitalSign

CALENDAR_PERIOD = re.compile(r"P(?=\d)(?:(\d{1,2})M)?(?:(\d{1,3})W)?(?:(\d{1,3})D)?")
# Two years; every repeat is bounded by it, so one action has at most 732 occurrences.
LONGEST_PLAN_DAYS = 731
LONGEST_WINDOW = timedelta(days=60)


class Anchor(StrEnum):
    """The day from which a plan counts; that day is day 0."""

    DISCHARGE = "discharge"
    ENROLMENT = "enrolment"
    SURGERY = "surgery"
    BIRTH = "birth"
    DIAGNOSIS = "diagnosis"


class ActionKind(StrEnum):
    ARTICLE = "article"
    REMINDER = "reminder"
    MEDICATION_REMINDER = "medication-reminder"
    MEASUREMENT = "measurement"
    QUESTIONNAIRE = "questionnaire"
    REVISIT = "revisit"
    STAFF_TASK = "staff-task"


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """So many months, then so many days; months keep the day, or end with the month."""

    months: int = 0
    days: int = 0

    def after(self, day: date, times: int = 1) -> date:
        """Return `day` moved on; 31 January and one month is 28 or 29 February."""
        month = day.year * 12 + day.month - 1 + self.months * times
        year, month_index = divmod(month, 12)
        last = _days_in(year, month_index + 1)
        moved = date(year, month_index + 1, min(day.day, last))
        return moved + timedelta(days=self.days * times)


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


@dataclass(frozen=True, slots=True)
class Timing:
    """When an action happens, in the hospital's wall-clock time.

    The first occurrence is `start` after the anchor at `at`; then every `every` up to and with
    the day `until` after the anchor. It is due `due_after` and expires `expires_after` its start.
    """

    start: CalendarPeriod
    at: time
    due_after: timedelta
    expires_after: timedelta
    every: CalendarPeriod | None = None
    until: CalendarPeriod | None = None
    remind_at: time | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a plan asks for; `instructions` are read behind sign-in, never on a lock screen."""

    key: str
    kind: ActionKind
    title: str
    timing: Timing
    instructions: str | None = None
    article: str | None = None
    questionnaire: str | None = None
    code: VitalSign | None = None
    context: MeasurementContext | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A span of days, both included, that patient and staff see by name."""

    key: str
    name: str
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class PlanDefinition:
    """A published version never changes; `enrol_when` proposes patients, `tag` marks them."""

    key: str
    version: int
    name: str
    anchor: Anchor
    stages: tuple[Stage, ...]
    actions: tuple[Action, ...]
    enrol_when: Criterion | None = None
    tag: str | None = None

    def stage_on(self, anchor_on: date, day: date) -> Stage | None:
        """Return the stage of a day; None before, between and after stages."""
        number = (day - anchor_on).days
        found = (stage for stage in self.stages if stage.first_day <= number <= stage.last_day)
        return next(found, None)


# The one field that says what an action of this kind is about.
SUBJECTS: Mapping[ActionKind, str] = {
    ActionKind.ARTICLE: "article",
    ActionKind.MEASUREMENT: "code",
    ActionKind.QUESTIONNAIRE: "questionnaire",
}


def parse_plan(data: object, path: str = "plan") -> PlanDefinition:
    """Read one plan from plain data.

    :raises InvalidDefinition: with the path of what is wrong
    """
    with Fields(data, path) as fields:
        plan = PlanDefinition(
            key=fields.key("key"),
            version=fields.integer("version", 1, 100_000),
            name=fields.text("name", 60),
            anchor=fields.choice("anchor", Anchor),
            stages=fields.each("stages", _parse_stage),
            actions=fields.each("actions", parse_action),
            enrol_when=fields.optional(
                "enrol_when", lambda key: parse_criterion(fields.take(key), fields.at(key))
            ),
            tag=fields.optional("tag", fields.key),
        )
    if not plan.actions:
        raise InvalidDefinition(f"{path}.actions", "a plan must ask for something")
    refuse_repeats((action.key for action in plan.actions), f"{path}.actions")
    refuse_repeats((stage.key for stage in plan.stages), f"{path}.stages")
    for earlier, later in zip(plan.stages, plan.stages[1:], strict=False):
        if later.first_day <= earlier.last_day:
            raise InvalidDefinition(f"{path}.stages", f"{later.key} overlaps {earlier.key}")
    return plan


def _parse_stage(data: object, path: str) -> Stage:
    with Fields(data, path) as fields:
        first = fields.integer("first_day", 0, LONGEST_PLAN_DAYS)
        return Stage(
            key=fields.key("key"),
            name=fields.text("name", 30),
            first_day=first,
            last_day=fields.integer("last_day", first, LONGEST_PLAN_DAYS),
        )


def parse_action(data: object, path: str = "action") -> Action:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        action = Action(
            key=fields.key("key"),
            kind=fields.choice("kind", ActionKind),
            title=fields.text("title", 40),
            timing=_parse_timing(fields.take("timing"), fields.at("timing")),
            instructions=fields.optional("instructions", lambda key: fields.text(key, 500)),
            article=fields.optional("article", fields.key),
            questionnaire=fields.optional("questionnaire", fields.key),
            code=fields.optional("code", lambda key: fields.choice(key, VitalSign)),
            context=fields.optional("context", lambda key: fields.choice(key, MeasurementContext)),
        )
    for kind, subject in SUBJECTS.items():
        if (action.kind is kind) != (getattr(action, subject) is not None):
            raise InvalidDefinition(
                path, f"{subject} belongs to the kind {kind}, and must be there"
            )
    if action.context is not None and action.code is not VitalSign.GLUCOSE:
        raise InvalidDefinition(f"{path}.context", "belongs to glucose")
    return action


def _parse_timing(data: object, path: str) -> Timing:
    with Fields(data, path) as fields:
        timing = Timing(
            start=_period(fields, "start"),
            at=fields.local_time("at"),
            due_after=fields.duration("due_after"),
            expires_after=fields.duration("expires_after"),
            every=fields.optional("every", lambda key: _period(fields, key)),
            until=fields.optional("until", lambda key: _period(fields, key)),
            remind_at=fields.optional("remind_at", fields.local_time),
        )
    if not timedelta() < timing.due_after <= timing.expires_after <= LONGEST_WINDOW:
        raise InvalidDefinition(path, "must be due before it expires, and within P60D")
    if (timing.every is None) != (timing.until is None):
        raise InvalidDefinition(path, "every and until go together")
    if timing.every is not None and timing.every == CalendarPeriod():
        raise InvalidDefinition(f"{path}.every", "must be at least P1D")
    return timing


def _period(fields: Fields, key: str) -> CalendarPeriod:
    """Return a period written as ISO 8601 months, weeks and days (`P3M`, `P2W`, `P10D`)."""
    found = CALENDAR_PERIOD.fullmatch(fields.text(key))
    if found is None:
        raise InvalidDefinition(fields.at(key), "must be a period like P3M, P2W or P10D")
    months, weeks, days = (int(part or 0) for part in found.groups())
    if months * 31 + weeks * 7 + days > LONGEST_PLAN_DAYS + 31:
        raise InvalidDefinition(fields.at(key), "is longer than two years")
    return CalendarPeriod(months=months, days=weeks * 7 + days)
