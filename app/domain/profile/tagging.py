"""Tags: what a patient is to those who care, with source, evidence and confidence.

Rules propose, people decide: what a person set or removed is locked, and no rule touches it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.evidence import Check, Evidence
from app.domain.criteria.needs import FactGroup, FactNeeds
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.timing import change_triggers
from app.domain.criteria.tree import Criterion
from app.domain.definitions import Fields, InvalidDefinition
from app.domain.profile.patient_facts import Facts


class TagClass(StrEnum):
    DIAGNOSIS = "diagnosis"
    TREATMENT = "treatment"
    MANAGEMENT = "management"
    OPERATIONAL = "operational"


REVIEW_BELOW: Final = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class TagDefinition:
    """A tag; of one `exclusion_group` a patient bears at most one.

    What a machine is less sure of than `review_below` waits for a person.
    """

    key: str
    name: str
    tag_class: TagClass
    parent: str | None = None
    exclusion_group: str | None = None
    expires_after: timedelta | None = None
    review_below: Decimal = REVIEW_BELOW
    is_retired: bool = False
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagRule:
    """Gives `tag` while `when` holds; `confidence` is 0 < c <= 1."""

    tag: str
    when: Criterion
    confidence: Decimal
    source: str

    @property
    def triggers(self) -> frozenset[str]:
        """What may make it begin to hold, or cease to."""
        return change_triggers(self.when)


@dataclass(frozen=True, slots=True)
class DesiredTag:
    """A tag that a rule gives; `expires_at` counts from the newest thing that speaks for it."""

    tag: str
    confidence: Decimal
    evidence: tuple[Evidence, ...]
    expires_at: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class Slot:
    """What is decided together: the tags of one exclusion group, or one tag, with their rules."""

    key: str
    tags: frozenset[str]
    rules: tuple[tuple[TagRule, Check], ...]
    triggers: frozenset[str]
    needs: FactNeeds

    def desired(self, facts: Facts, spans: Mapping[str, timedelta | None]) -> DesiredTag | None:
        """Return what the surest rule gives; of equally sure ones the first."""
        best: DesiredTag | None = None
        for rule, check in self.rules:
            if best is not None and rule.confidence <= best.confidence:
                continue
            evidence = check(facts)
            if evidence is None:
                continue
            expires_at = _expiry(evidence, spans[rule.tag])
            if expires_at is None or expires_at > facts.now:
                best = DesiredTag(rule.tag, rule.confidence, evidence, expires_at, rule.source)
        return best


class TagIndex:
    """The tag library of a hospital with its rules, compiled once and found by what wakes them."""

    def __init__(self, definitions: Iterable[TagDefinition], rules: Iterable[TagRule]) -> None:
        self.definitions: Mapping[str, TagDefinition] = {tag.key: tag for tag in definitions}
        grouped: dict[str, list[TagRule]] = {}
        for rule in rules:
            grouped.setdefault(self._slot_of(rule.tag), []).append(rule)
        self.slots = tuple(_compile_slot(key, group) for key, group in grouped.items())
        self._spans = {key: tag.expires_after for key, tag in self.definitions.items()}
        by_trigger: dict[str, list[Slot]] = {}
        for slot in self.slots:
            # A tag that ended may be given again on other grounds.
            for trigger in (*slot.triggers, *(f"gives:{tag}" for tag in self._members(slot))):
                by_trigger.setdefault(trigger, []).append(slot)
        self._by_trigger = {trigger: tuple(slots) for trigger, slots in by_trigger.items()}

    @property
    def wakes(self) -> frozenset[str]:
        """Triggers after which tags must be computed anew."""
        return frozenset().union(*(slot.triggers for slot in self.slots))

    def woken(self, triggers: Collection[str]) -> tuple[Slot, ...]:
        """Return what an event with these triggers may change.

        Besides the words of `wakes` there is `gives:KEY`: a tag ended, or less speaks for it; its
        own rules, or those of its group, may hold.
        """
        if len(triggers) == 1:
            (only,) = triggers
            return self._by_trigger.get(only, ())
        found = {slot.key: slot for one in triggers for slot in self._by_trigger.get(one, ())}
        return tuple(found.values())

    def reading(self, slots: Iterable[Slot]) -> tuple[Slot, ...]:
        """Return the slots with those that read, directly or not, what these may give."""
        found = {slot.key: slot for slot in slots}
        waiting = list(found.values())
        while waiting:
            given = [f"tag:{key}" for key in waiting.pop().tags]
            for slot in self.woken(given):
                if slot.key not in found:
                    found[slot.key] = slot
                    waiting.append(slot)
        return tuple(found.values())

    def desired(self, facts: Facts, slots: Iterable[Slot] | None = None) -> list[DesiredTag]:
        """Return the tags the rules give; of an exclusion group the surest, then the first."""
        spans = self._spans
        found = []
        for slot in self.slots if slots is None else slots:
            one = slot.desired(facts, spans)
            if one is not None:
                found.append(one)
        return found

    def _members(self, slot: Slot) -> list[str]:
        """Return the tags that compete for a slot, those without rules too."""
        return [tag for tag in {*self.definitions, *slot.tags} if self._slot_of(tag) == slot.key]

    def _slot_of(self, tag: str) -> str:
        """Return what a tag competes for: its group, or itself alone."""
        definition = self.definitions.get(tag)
        if definition is None or definition.exclusion_group is None:
            return f"tag:{tag}"
        return f"group:{definition.exclusion_group}"


def _compile_slot(key: str, rules: Sequence[TagRule]) -> Slot:
    return Slot(
        key=key,
        tags=frozenset(rule.tag for rule in rules),
        rules=tuple((rule, compile_criterion(rule.when)) for rule in rules),
        triggers=frozenset().union(*(rule.triggers for rule in rules)),
        needs=_needs(rules),
    )


def _needs(rules: Sequence[TagRule]) -> FactNeeds:
    needs = FactNeeds.of(*(rule.when for rule in rules))
    if FactGroup.CALENDAR not in needs.groups:
        return needs
    # While a plan runs, midnight may bring a day on which something was due.
    return replace(needs, groups=needs.groups | {FactGroup.PLANS})


def _expiry(evidence: tuple[Evidence, ...], span: timedelta | None) -> datetime | None:
    times = [one.at for one in evidence if one.at is not None]
    return max(times) + span if span is not None and times else None


def parse_tag_definition(data: object, path: str = "tag") -> TagDefinition:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        asks = fields.has("review_below")
        return TagDefinition(
            key=fields.key("key"),
            name=fields.text("name", 20),
            tag_class=fields.choice("class", TagClass),
            parent=fields.optional("parent", fields.key),
            exclusion_group=fields.optional("exclusion_group", fields.key),
            expires_after=fields.optional("expires_after", fields.duration),
            review_below=_share(fields, "review_below") if asks else REVIEW_BELOW,
            synonyms=fields.optional("synonyms", fields.texts) or (),
        )


def parse_tag_rule(data: object, path: str = "tag_rule") -> TagRule:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        return TagRule(
            tag=fields.key("tag"),
            when=parse_criterion(fields.take("when"), fields.at("when")),
            confidence=_share(fields, "confidence"),
            source=fields.key("source"),
        )


def _share(fields: Fields, key: str) -> Decimal:
    share = fields.decimal(key)
    if not 0 < share <= 1:
        raise InvalidDefinition(fields.at(key), "must be more than 0, at most 1")
    return share
