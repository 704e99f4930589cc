"""Plan definitions: which actions a plan asks for, and when (FHIR PlanDefinition)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.tree import Criterion
from app.domain.definitions import Fields, InvalidDefinition, refuse_repeats
from app.domain.plans.timing import (
    LONGEST_START_DAYS,
    LONGEST_WINDOW,
    Basis,
    Timing,
    parse_timing,
)
from app.domain.profile.photos import PhotoSubject
from app.domain.profile.vital_signs import MeasurementContext, VitalSign


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
    PHOTO = "photo"
    REVISIT = "revisit"
    STAFF_TASK = "staff-task"
    MESSAGE = "message"  # words to the patient; the clock sends them, nobody has to do anything


class InVain(StrEnum):
    """What becomes of an action whose condition did not come in time."""

    OPEN = "open"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class WaitFor:
    """A step before an action: it opens when `when` holds, or `at_most` after its time."""

    when: Criterion
    at_most: timedelta
    in_vain: InVain = InVain.OPEN


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a plan asks for; `instructions` are read behind sign-in, never on a lock screen.

    `only_when` is judged when it falls due: where it does not hold, nothing is asked.
    """

    key: str
    kind: ActionKind
    title: str
    timing: Timing
    instructions: str | None = None
    article: str | None = None
    questionnaire: str | None = None
    code: VitalSign | None = None
    context: MeasurementContext | None = None
    photo: PhotoSubject | None = None
    if_missed: str | None = None  # the action asked for instead, counting from the miss
    text: str | None = None  # of a message
    only_when: Criterion | None = None
    wait_for: WaitFor | None = None

    @property
    def is_judged(self) -> bool:
        """Tell whether something must be looked at before it opens."""
        return self.only_when is not None or self.wait_for is not None


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
    ActionKind.PHOTO: "photo",
    ActionKind.MESSAGE: "text",
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
            enrol_when=fields.optional("enrol_when", lambda key: _criterion(fields, key)),
            tag=fields.optional("tag", fields.key),
        )
    if not plan.actions:
        raise InvalidDefinition(f"{path}.actions", "a plan must ask for something")
    refuse_repeats((action.key for action in plan.actions), f"{path}.actions")
    check_order(plan.actions, f"{path}.actions")
    refuse_repeats((stage.key for stage in plan.stages), f"{path}.stages")
    for earlier, later in zip(plan.stages, plan.stages[1:], strict=False):
        if later.first_day <= earlier.last_day:
            raise InvalidDefinition(f"{path}.stages", f"{later.key} overlaps {earlier.key}")
    return plan


def check_order(actions: Sequence[Action], path: str) -> None:
    """:raises InvalidDefinition: an action follows one that is not there, or itself"""
    known = {action.key: action for action in actions}
    follows: dict[str, set[str]] = {action.key: set() for action in actions}
    for action in actions:
        for name in (action.timing.after_action, action.if_missed):
            if name is not None and name not in known:
                raise InvalidDefinition(path, f"{action.key} names {name}: not in this plan")
        if action.timing.after_action is not None:
            follows[action.key].add(action.timing.after_action)
        if action.if_missed is not None:
            if known[action.if_missed].timing.basis is not Basis.MISSED:
                raise InvalidDefinition(path, f"{action.if_missed} must come `after: missed`")
            follows[action.if_missed].add(action.key)
    try:
        TopologicalSorter(follows).prepare()
    except CycleError as error:
        raise InvalidDefinition(path, f"{error.args[1][0]} comes after itself") from None
    for action in actions:
        if action.timing.basis is Basis.MISSED and not follows[action.key]:
            raise InvalidDefinition(path, f"{action.key} comes after a miss of nothing")


def _parse_stage(data: object, path: str) -> Stage:
    with Fields(data, path) as fields:
        first = fields.integer("first_day", 0, LONGEST_START_DAYS)
        return Stage(
            key=fields.key("key"),
            name=fields.text("name", 30),
            first_day=first,
            last_day=fields.integer("last_day", first, LONGEST_START_DAYS),
        )


def parse_action(data: object, path: str = "action") -> Action:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        action = Action(
            key=fields.key("key"),
            kind=fields.choice("kind", ActionKind),
            title=fields.text("title", 40),
            timing=parse_timing(fields.take("timing"), fields.at("timing")),
            instructions=fields.optional("instructions", lambda key: fields.text(key, 500)),
            article=fields.optional("article", fields.key),
            questionnaire=fields.optional("questionnaire", fields.key),
            code=fields.optional("code", lambda key: fields.choice(key, VitalSign)),
            context=fields.optional("context", lambda key: fields.choice(key, MeasurementContext)),
            photo=fields.optional("photo", lambda key: fields.choice(key, PhotoSubject)),
            if_missed=fields.optional("if_missed", fields.key),
            text=fields.optional("text", lambda key: fields.text(key, 500)),
            only_when=fields.optional("only_when", lambda key: _criterion(fields, key)),
            wait_for=fields.optional(
                "wait_for", lambda key: _parse_wait(fields.take(key), fields.at(key))
            ),
        )
    for kind, subject in SUBJECTS.items():
        if (action.kind is kind) != (getattr(action, subject) is not None):
            raise InvalidDefinition(
                path, f"{subject} belongs to the kind {kind}, and must be there"
            )
    if action.kind is ActionKind.MESSAGE and action.if_missed is not None:
        raise InvalidDefinition(f"{path}.if_missed", "a message is not missed")
    if action.context is not None and action.code is not VitalSign.GLUCOSE:
        raise InvalidDefinition(f"{path}.context", "belongs to glucose")
    return action


def _parse_wait(data: object, path: str) -> WaitFor:
    with Fields(data, path) as fields:
        wait = WaitFor(
            when=_criterion(fields, "when"),
            at_most=fields.duration("at_most"),
            in_vain=fields.optional("in_vain", lambda key: fields.choice(key, InVain))
            or InVain.OPEN,
        )
    if not timedelta() < wait.at_most <= LONGEST_WINDOW:
        raise InvalidDefinition(f"{path}.at_most", "must be more than nothing, and within P60D")
    return wait


def _criterion(fields: Fields, key: str) -> Criterion:
    return parse_criterion(fields.take(key), fields.at(key))
