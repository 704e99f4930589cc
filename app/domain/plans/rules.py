"""Rules: when a criterion begins to hold for a patient, what is to be done, and how urgent it is.

A rule is versioned data. The caller fetches the facts, asks the index which rules an event can
wake, and carries out what the hits say; nothing here acts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.evidence import Check, Evidence
from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.tree import Absent, Criterion, leaves, look_back, wakes
from app.domain.criteria.wording import describe, explain
from app.domain.definitions import Fields, InvalidDefinition, only, refuse_repeats
from app.domain.profile.patient_facts import Facts
from app.domain.profile.vital_signs import LATE_AFTER

EMERGENCY_NUMBER = "120"


class Grade(StrEnum):
    """How urgent: next working day, same day, or within 30 minutes."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"

    @property
    def label(self) -> str:
        return {"mild": "轻度", "moderate": "中度", "severe": "重度"}[self.value]

    def is_worse_than(self, other: "Grade") -> bool:
        order = list(Grade)
        return order.index(self) > order.index(other)


class LatePolicy(StrEnum):
    """What to do when the reading that woke the rule is more than 24 h old."""

    REVIEW = "review"  # a review task for staff instead of the actions
    SAME = "same"


class Audience(StrEnum):
    PATIENT = "patient"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """What staff read (what happened, what to ask) and the fixed words the patient sees.

    Without `patient_text` the patient hears nothing; of a mild alert it is what comforts them
    before anybody calls.
    """

    staff_text: str
    patient_text: str | None = None


@dataclass(frozen=True, slots=True)
class AssignTag:
    tag: str


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Work for staff, or a questionnaire for the patient."""

    audience: Audience
    title: str
    due_within: timedelta
    questionnaire: str | None = None


@dataclass(frozen=True, slots=True)
class SendMessage:
    text: str


@dataclass(frozen=True, slots=True)
class SendArticle:
    article: str


class PlanDeed(StrEnum):
    """What a rule may do about a plan."""

    BEGIN = "begin"
    HOLD = "hold"
    RESUME = "resume"
    END = "end"


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What becomes of a plan of the same pack; where that is so already, nothing.

    Begun, it counts from the day of the firing, and the same team looks after it.
    """

    deed: PlanDeed
    plan: str


RuleAction: TypeAlias = RaiseAlert | AssignTag | CreateTask | SendMessage | SendArticle | ChangePlan


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as approved.

    Rules of one `episode` share one open alert per patient, so that a worse one escalates the
    alert of a milder one. `clears_after` consecutive normal values close it; 0: staff close it.
    """

    key: str
    version: int
    name: str
    grade: Grade
    episode: str
    source: str
    condition: Criterion
    actions: tuple[RuleAction, ...]
    cool_down: timedelta
    clears_after: int
    late_policy: LatePolicy

    @property
    def wakes(self) -> frozenset[str]:
        """Triggers that can make the rule fire (see `criteria.wakes`)."""
        return wakes(self.condition)

    @property
    def alert(self) -> RaiseAlert | None:
        return next((one for one in self.actions if isinstance(one, RaiseAlert)), None)

    def describe(self) -> str:
        return f"{self.grade.label}：{describe(self.condition)}"

    def is_cooling(self, last_fired_at: datetime | None, now: datetime) -> bool:
        """Tell whether a new episode is still held back; never asked of an open one."""
        return last_fired_at is not None and now - last_fired_at < self.cool_down


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that held at `at`; `must_review` means: no push, a review task instead."""

    rule: Rule
    at: datetime
    evidence: tuple[Evidence, ...]
    must_review: bool
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule: Rule
    check: Check
    needs: FactNeeds
    names: Names = NO_NAMES

    def evaluate(self, facts: Facts, measured_at: datetime | None = None) -> Hit | None:
        """Ask the rule; `measured_at` is the time of the reading that woke it, if one did.

        A reading is judged by what was true when it was taken, also if newer ones came first.

        :raises StepBudgetExceeded: there is more to read than one evaluation may
        """
        at = facts if measured_at is None else facts.as_of(measured_at)
        evidence = self.check(at)
        if evidence is None:
            return None
        is_late = measured_at is not None and facts.now - measured_at > LATE_AFTER
        return Hit(
            rule=self.rule,
            at=at.now,
            evidence=evidence,
            must_review=is_late and self.rule.late_policy is LatePolicy.REVIEW,
            lines=tuple(explain(one, facts.zone, self.names) for one in evidence),
        )


def compile_rule(rule: Rule, names: Names = NO_NAMES) -> CompiledRule:
    """Return the rule ready to be asked; what it finds is told with `names`."""
    check = compile_criterion(rule.condition)
    return CompiledRule(rule, check, FactNeeds.of(rule.condition), names)


class RuleIndex:
    """Rules compiled once and found by what can wake them."""

    def __init__(self, rules: Iterable[Rule], names: Names = NO_NAMES) -> None:
        by_trigger: dict[str, list[CompiledRule]] = {}
        by_absence: dict[str, list[CompiledRule]] = {}
        for rule in rules:
            compiled = compile_rule(rule, names)
            for trigger in rule.wakes:
                by_trigger.setdefault(trigger, []).append(compiled)
            for code in {one.code for one in leaves(rule.condition) if isinstance(one, Absent)}:
                by_absence.setdefault(code, []).append(compiled)
        self._by_trigger = {trigger: tuple(found) for trigger, found in by_trigger.items()}
        self._by_absence = {code: tuple(found) for code, found in by_absence.items()}

    def woken_by(self, trigger: str) -> tuple[CompiledRule, ...]:
        return self._by_trigger.get(trigger, ())

    def absences_of(self, code: str) -> tuple[CompiledRule, ...]:
        """Return the rules that look for readings of a code which never came."""
        return self._by_absence.get(code, ())

    def is_waiting_for(self, trigger: str) -> bool:
        """Tell whether what wakes by a trigger may end the wait of a rule of absence."""
        kind, _, code = trigger.partition(":")
        return kind == "observation" and code in self._by_absence

    def look_back(self, trigger: str) -> dict[str, timedelta]:
        """Return how far back to fetch each code for the rules a trigger wakes."""
        needed: dict[str, timedelta] = {}
        for compiled in self.woken_by(trigger):
            for code, span in look_back(compiled.rule.condition).items():
                needed[code] = max(span, needed.get(code, span))
        return needed


def parse_rule(data: object, path: str = "rule") -> Rule:
    """Read one rule from plain data.

    :raises InvalidDefinition: with the path of what is wrong
    """
    with Fields(data, path) as fields:
        key = fields.key("key")
        rule = Rule(
            key=key,
            version=fields.integer("version", 1, 100_000),
            name=fields.text("name", 60),
            grade=fields.choice("grade", Grade),
            episode=fields.key("episode") if fields.has("episode") else key,
            source=fields.key("source"),
            condition=parse_criterion(fields.take("condition"), fields.at("condition")),
            actions=fields.each("actions", _parse_action),
            cool_down=fields.duration("cool_down"),
            clears_after=fields.integer("clears_after", 0, 10),
            late_policy=fields.choice("late_policy", LatePolicy),
        )
    _check_actions(rule, path)
    return rule


def _check_actions(rule: Rule, path: str) -> None:
    if not rule.actions:
        raise InvalidDefinition(f"{path}.actions", "a rule must do something")
    alerts = [action for action in rule.actions if isinstance(action, RaiseAlert)]
    refuse_repeats(("alert" for _ in alerts), f"{path}.actions")
    if rule.grade is Grade.SEVERE:
        if not alerts:
            raise InvalidDefinition(f"{path}.actions", "a severe rule must raise an alert")
        if EMERGENCY_NUMBER not in (alerts[0].patient_text or ""):
            raise InvalidDefinition(f"{path}.actions", "a severe patient text must name 120")


def _parse_action(data: object, path: str) -> RuleAction:
    name, body, at = only(data, path, _ACTIONS)
    with Fields(body, at) as fields:
        return _ACTIONS[name](fields)


def _create_task(fields: Fields) -> CreateTask:
    return CreateTask(
        audience=fields.choice("audience", Audience),
        title=fields.text("title", 60),
        due_within=fields.duration("due_within"),
        questionnaire=fields.optional("questionnaire", fields.key),
    )


_ACTIONS: Mapping[str, Callable[[Fields], RuleAction]] = {
    "alert": lambda fields: RaiseAlert(
        fields.text("staff_text", 500),
        fields.optional("patient_text", lambda key: fields.text(key, 500)),
    ),
    "tag": lambda fields: AssignTag(fields.key("key")),
    "task": _create_task,
    "message": lambda fields: SendMessage(fields.text("text", 200)),
    "article": lambda fields: SendArticle(fields.key("key")),
    "plan": lambda fields: ChangePlan(fields.choice("deed", PlanDeed), fields.key("key")),
}
