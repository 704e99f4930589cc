"""Tags: what a patient is to those who care, with source, evidence and confidence.

Rules propose, people decide: what a person set or removed is locked, and no rule touches it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from app.domain.plans.criteria import Criterion, wakes
from app.domain.plans.criteria_compiler import Check, Evidence, compile_criterion
from app.domain.plans.criteria_parsing import parse_criterion
from app.domain.plans.definitions import Fields, InvalidDefinition
from app.domain.profile.patient_facts import Facts


class TagClass(StrEnum):
    DIAGNOSIS = "diagnosis"
    TREATMENT = "treatment"
    MANAGEMENT = "management"
    OPERATIONAL = "operational"


@dataclass(frozen=True, slots=True)
class TagDefinition:
    """A tag; of one `exclusion_group` a patient bears at most one."""

    key: str
    name: str
    tag_class: TagClass
    parent: str | None = None
    exclusion_group: str | None = None
    expires_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TagRule:
    """Gives `tag` while `when` holds; `confidence` is 0 < c <= 1."""

    tag: str
    when: Criterion
    confidence: Decimal
    source: str

    @property
    def wakes(self) -> frozenset[str]:
        return wakes(self.when)


@dataclass(frozen=True, slots=True)
class DesiredTag:
    tag: str
    confidence: Decimal
    evidence: tuple[Evidence, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TagAssignment:
    """What is kept of a tag on a patient, or of a person's decision that it is not theirs."""

    tag: str
    is_borne: bool
    is_locked: bool
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What must change so that kept assignments match the desired ones."""

    add: tuple[DesiredTag, ...]
    remove: tuple[str, ...]
    renew: tuple[DesiredTag, ...]  # borne already; expires later now


class TagIndex:
    """The tag library of a hospital with its rules, compiled once."""

    def __init__(self, definitions: Iterable[TagDefinition], rules: Iterable[TagRule]) -> None:
        self.definitions: Mapping[str, TagDefinition] = {tag.key: tag for tag in definitions}
        self._rules: list[tuple[TagRule, Check]] = [
            (rule, compile_criterion(rule.when)) for rule in rules
        ]

    @property
    def wakes(self) -> frozenset[str]:
        """Triggers after which tags must be computed anew."""
        return frozenset().union(*(rule.wakes for rule, _ in self._rules))

    def desired(self, facts: Facts) -> list[DesiredTag]:
        """Return the tags the rules give; of an exclusion group the surest, then the first."""
        found: dict[str, DesiredTag] = {}
        for rule, check in self._rules:
            evidence = check(facts)
            if evidence is None:
                continue
            span = self.definitions[rule.tag].expires_after
            expires_at = facts.now + span if span else None
            proposed = DesiredTag(rule.tag, rule.confidence, evidence, expires_at)
            slot = self._slot(rule.tag)
            if slot not in found or proposed.confidence > found[slot].confidence:
                found[slot] = proposed
        return list(found.values())

    def reconcile(
        self, current: Iterable[TagAssignment], desired: Iterable[DesiredTag], now: datetime
    ) -> Reconciliation:
        """Compare; nothing locked is added, removed or shut out by a rival of its group."""
        kept = list(current)
        locked = {one.tag for one in kept if one.is_locked}
        locked_groups = {self._slot(one.tag) for one in kept if one.is_locked and one.is_borne}
        wanted = {
            one.tag: one
            for one in desired
            if one.tag not in locked and self._slot(one.tag) not in locked_groups
        }
        borne = {one.tag: one for one in kept if one.is_borne and not one.is_locked}
        live = {tag: one for tag, one in borne.items() if _is_live(one, now)}
        return Reconciliation(
            add=tuple(one for tag, one in wanted.items() if tag not in live),
            remove=tuple(tag for tag in borne if tag not in live or self._is_over(tag, wanted)),
            renew=tuple(
                one for tag, one in wanted.items() if tag in live and _outlasts(one, live[tag])
            ),
        )

    def _is_over(self, tag: str, wanted: Mapping[str, DesiredTag]) -> bool:
        """Tell whether a rule gave `tag` and no longer does; others come and go otherwise."""
        return tag not in wanted and any(rule.tag == tag for rule, _ in self._rules)

    def _slot(self, tag: str) -> str:
        """Return what a tag competes for: its group, or itself alone."""
        definition = self.definitions.get(tag)
        if definition is None or definition.exclusion_group is None:
            return f"tag:{tag}"
        return f"group:{definition.exclusion_group}"


def _is_live(assignment: TagAssignment, now: datetime) -> bool:
    return assignment.expires_at is None or assignment.expires_at > now


def _outlasts(desired: DesiredTag, assignment: TagAssignment) -> bool:
    if assignment.expires_at is None:
        return False
    return desired.expires_at is None or desired.expires_at > assignment.expires_at


def parse_tag_definition(data: object, path: str = "tag") -> TagDefinition:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        return TagDefinition(
            key=fields.key("key"),
            name=fields.text("name", 20),
            tag_class=fields.choice("class", TagClass),
            parent=fields.optional("parent", fields.key),
            exclusion_group=fields.optional("exclusion_group", fields.key),
            expires_after=fields.optional("expires_after", fields.duration),
        )


def parse_tag_rule(data: object, path: str = "tag_rule") -> TagRule:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        confidence = fields.decimal("confidence")
        if not 0 < confidence <= 1:
            raise InvalidDefinition(fields.at("confidence"), "must be more than 0, at most 1")
        return TagRule(
            tag=fields.key("tag"),
            when=parse_criterion(fields.take("when"), fields.at("when")),
            confidence=confidence,
            source=fields.key("source"),
        )
