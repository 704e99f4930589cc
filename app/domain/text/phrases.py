"""The hospital's phrases for taking medicine, mood and what must not be overlooked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.domain.definitions import InvalidDefinition
from app.domain.text.clauses import Clause

LONGEST_PHRASE: Final = 2000


class Adherence(StrEnum):
    """How a patient says they take their medicine."""

    GOOD = "good"
    MISSED = "missed"
    STOPPED = "stopped"
    CHANGED = "changed"
    NONE = "none"  # says nothing about it


class Sentiment(StrEnum):
    POSITIVE = "pos"
    NEUTRAL = "neu"
    NEGATIVE = "neg"


class Flag(StrEnum):
    """What somebody should know of, whatever else the text says."""

    URGENT = "urgent"
    SUICIDE = "suicide"
    PREGNANCY = "pregnancy"
    ANXIETY = "anxiety"
    LOW_MOOD = "low_mood"
    NEED_REFILL = "need_refill"
    INEFFECTIVE = "ineffective"
    WOUND = "wound"
    ALLERGY = "allergy"
    SIDE_EFFECT = "side_effect"
    COMPLAINT = "complaint"
    NEED_EDU = "need_edu"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule that spoke: what it says, its name, and [start, end) of the normalised text."""

    label: str
    rule: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AdherenceRule:
    label: Adherence
    name: str
    says: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class FlagRule:
    """`says` counts unless `unless` stands in the same sentence; `needs` must stand somewhere."""

    flag: Flag
    says: re.Pattern[str]
    unless: re.Pattern[str] | None
    needs: re.Pattern[str] | None
    in_record: bool


@dataclass(frozen=True, slots=True)
class UrgentRule:
    says: re.Pattern[str]
    unless: re.Pattern[str]
    mild: re.Pattern[str]
    together: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class AfterDrug:
    """A symptom that follows a medicine in the same breath."""

    exposure: re.Pattern[str]
    link: re.Pattern[str]
    not_link: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Moods:
    negative: re.Pattern[str]
    not_negative: re.Pattern[str]
    positive: re.Pattern[str]
    not_positive: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Phrases:
    version: str
    not_done: re.Pattern[str]
    done_anyway: re.Pattern[str]
    by_doctor: re.Pattern[str]
    adherence: tuple[AdherenceRule, ...]
    flags: tuple[FlagRule, ...]
    urgent: UrgentRule
    drug_effects: tuple[tuple[re.Pattern[str], frozenset[str]], ...]
    after_drug: AfterDrug
    moods: Moods

    def read_adherence(self, parts: list[Clause]) -> tuple[Adherence, list[Signal]]:
        """Return what is said of taking medicine, and what said it.

        In one clause the first rule that fits speaks. Of several clauses the one that worries
        most counts: who stopped is not saved by what they took before.
        """
        signals = [signal for clause in parts for signal in self._of_clause(clause)]
        for label in (
            Adherence.STOPPED, Adherence.CHANGED, Adherence.MISSED, Adherence.GOOD,
        ):  # fmt: skip
            said = [one for one in signals if one.label == label]
            if said:
                return label, said
        return Adherence.NONE, []

    def _of_clause(self, clause: Clause) -> list[Signal]:
        asks = self.not_done.search(clause.text)
        if asks and not self.done_anyway.search(clause.text):
            return []
        for rule in self.adherence:
            found = rule.says.search(clause.text)
            if found is None:
                continue
            label, name = rule.label, rule.name
            on_advice = label in (Adherence.STOPPED, Adherence.CHANGED)
            if on_advice and self.by_doctor.search(clause.text):
                label, name = Adherence.GOOD, f"{name}-by-doctor"
            at = clause.start
            return [Signal(label, f"adherence:{name}", at + found.start(), at + found.end())]
        return []


def parse_phrases(data: object) -> Phrases:
    """Return the phrases that a mapping (as from YAML) describes.

    :raises InvalidDefinition: with the place of what is wrong
    """
    read = _Reader(data)
    urgent, after, moods = read.part("urgent"), read.part("after_drug"), read.part("sentiment")
    return Phrases(
        version=str(read.data.get("version", "")),
        not_done=read.any_of(read.data, "not_done"),
        done_anyway=read.any_of(read.data, "done_anyway"),
        by_doctor=read.any_of(read.data, "by_doctor"),
        adherence=tuple(
            AdherenceRule(Adherence(rule["label"]), rule["rule"], read.any_of(rule, "says"))
            for rule in read.rules("adherence", "label", Adherence)
        ),
        flags=tuple(
            FlagRule(
                Flag(rule["flag"]),
                read.any_of(rule, "says"),
                read.any_of(rule, "unless") if "unless" in rule else None,
                read.any_of(rule, "needs") if "needs" in rule else None,
                rule.get("record", True) is True,
            )
            for rule in read.rules("flags", "flag", Flag)
        ),
        urgent=UrgentRule(
            read.any_of(urgent, "says"), read.any_of(urgent, "unless"),
            read.pattern(urgent.get("mild"), "urgent.mild"),
            tuple(frozenset(group) for group in urgent.get("together", [])),
        ),
        drug_effects=tuple(
            (read.pattern(one.get("drug"), "drug_effects"), frozenset(one.get("effect", [])))
            for one in read.data.get("drug_effects", [])
        ),
        after_drug=AfterDrug(
            read.pattern(after.get("exposure"), "after_drug.exposure"),
            read.pattern(after.get("link"), "after_drug.link"),
            read.pattern(after.get("not_link"), "after_drug.not_link"),
        ),
        moods=Moods(
            read.any_of(moods, "neg"), read.any_of(moods, "not_neg"),
            read.any_of(moods, "pos"), read.any_of(moods, "not_pos"),
        ),
    )  # fmt: skip


class _Reader:
    def __init__(self, data: object) -> None:
        if not isinstance(data, dict):
            raise InvalidDefinition("phrases", "must be a mapping")
        self.data: dict[str, Any] = data
        self._macros: Mapping[str, str] = self.part("macros")

    def part(self, key: str) -> dict[str, Any]:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise InvalidDefinition(f"phrases.{key}", "must be a mapping")
        return value

    def rules(self, key: str, name: str, kind: type[StrEnum]) -> list[dict[str, Any]]:
        rules = self.data.get(key, [])
        if not isinstance(rules, list):
            raise InvalidDefinition(f"phrases.{key}", "must be a list")
        for at, rule in enumerate(rules):
            if not isinstance(rule, dict) or rule.get(name) not in [one.value for one in kind]:
                raise InvalidDefinition(f"phrases.{key}[{at}].{name}", "is not one we know")
        return rules

    def any_of(self, holder: Mapping[str, Any], key: str) -> re.Pattern[str]:
        phrases = holder.get(key, [])
        if not isinstance(phrases, list) or not phrases:
            raise InvalidDefinition(f"phrases.{key}", "must be a list that is not empty")
        return re.compile("|".join(self.pattern(one, key).pattern for one in phrases))

    def pattern(self, phrase: object, path: str) -> re.Pattern[str]:
        if not isinstance(phrase, str) or not phrase or len(phrase) > LONGEST_PHRASE:
            raise InvalidDefinition(f"phrases.{path}", "must be a pattern, not too long")
        for name, macro in self._macros.items():
            phrase = phrase.replace(f"{{{name}}}", macro)
        try:
            return re.compile(phrase)
        except re.error as wrong:
            raise InvalidDefinition(f"phrases.{path}", f"{phrase[:40]}… {wrong}") from None
