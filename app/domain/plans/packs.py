"""Disease packs: everything a department needs for one disease, as data it can sign.

Its content hash names the content alone, so approving a pack does not change it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from app.domain.plans.plan import ActionKind, PlanDefinition
from app.domain.plans.questionnaires import Questionnaire
from app.domain.plans.rules import Rule
from app.domain.profile.tagging import TagDefinition, TagRule
from app.domain.profile.vital_signs import Limits, VitalSign


class SignOffState(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class SignOff:
    """Who in which department answers for the content; nothing unapproved reaches a patient."""

    state: SignOffState
    department: str
    approver: str | None = None
    approved_on: date | None = None


class MediumKind(StrEnum):
    PICTURE = "picture"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Medium:
    """A place for a picture or video that a department makes; `caption` says what it shows."""

    kind: MediumKind
    caption: str


@dataclass(frozen=True, slots=True)
class Article:
    """Education in plain words: paragraphs of text without markup.

    It must be understood without its `media`: they stand below, and not every phone shows them.
    """

    key: str
    version: int
    title: str
    summary: str
    paragraphs: tuple[str, ...]
    source: str
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """A disease pack; `definition` is the plain data it was read from, fit for JSON.

    `sources` tells each citation by key; `notices` are the lock-screen texts per action kind;
    `borrows` are keys of forms that other packs bring, such as instruments.
    """

    id: str
    version: str
    title: str
    sources: Mapping[str, str]
    effective_from: date
    effective_until: date | None
    sign_off: SignOff
    notices: Mapping[ActionKind, str]
    limits: Mapping[VitalSign, Limits]
    tags: tuple[TagDefinition, ...]
    tag_rules: tuple[TagRule, ...]
    articles: tuple[Article, ...]
    questionnaires: tuple[Questionnaire, ...]
    plans: tuple[PlanDefinition, ...]
    rules: tuple[Rule, ...]
    definition: Mapping[str, Any]
    borrows: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 of the content in a canonical form, without the sign-off."""
        content = {key: value for key, value in self.definition.items() if key != "sign_off"}
        told = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()

    def is_in_force(self, day: date) -> bool:
        """Tell whether the pack is approved and within its dates on the hospital's `day`."""
        return self.sign_off.state is SignOffState.APPROVED and self.is_dated(day)

    def is_dated(self, day: date) -> bool:
        """Tell whether a day is within the pack's dates, whoever signed it where."""
        if day < self.effective_from:
            return False
        return self.effective_until is None or day <= self.effective_until
