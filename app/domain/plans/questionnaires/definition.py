"""What a questionnaire is made of: questions in groups, branches, scales and dangerous answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from app.domain.plans.rules import Grade

Answer: TypeAlias = str | int | Decimal | bool | tuple[str, ...]


class ItemType(StrEnum):
    CHOICE = "choice"
    MULTI_CHOICE = "multi-choice"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    SCALE = "scale"  # whole numbers with words at both ends, such as pain from 0 to 10

    @property
    def has_options(self) -> bool:
        return self in {ItemType.CHOICE, ItemType.MULTI_CHOICE}

    @property
    def is_number(self) -> bool:
        return self in {ItemType.INTEGER, ItemType.DECIMAL, ItemType.SCALE}


class Operator(StrEnum):
    """FHIR QuestionnaireItemOperator, written as in criteria."""

    EXISTS = "exists"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Condition:
    """What an earlier answer must be; of several answers one is enough."""

    link_id: str
    op: Operator
    value: str | bool | Decimal


@dataclass(frozen=True, slots=True)
class EnableWhen:
    """When a question is asked at all: `all` or any of its conditions hold."""

    is_all: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Questions under one heading; they are asked only if the group is."""

    link_id: str
    text: str
    enable_when: EnableWhen | None = None
    parent: "Group | None" = None


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose; `score` counts towards the scales."""

    code: str
    text: str
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `react_to` are answers that a rule must act on, as they stand in rules.

    `low_text` and `high_text` stand at the ends of a scale.
    """

    link_id: str
    text: str
    type: ItemType
    is_required: bool
    options: tuple[Option, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    react_to: tuple[str | bool, ...] = ()
    enable_when: EnableWhen | None = None
    group: Group | None = None
    low_text: str | None = None
    high_text: str | None = None

    def option(self, code: object) -> Option | None:
        return next((one for one in self.options if one.code == code), None)

    def said(self, answer: object) -> str:
        """Return an answer in the words of the form."""
        if isinstance(answer, bool):
            return "是" if answer else "否"
        if isinstance(answer, Decimal):
            return f"{answer:f}"
        given = answer if isinstance(answer, list | tuple) else (answer,)
        words = ((option.text if (option := self.option(one)) else str(one)) for one in given)
        return "、".join(words)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups it stands in, the outermost first."""
        found: list[Group] = []
        group = self.group
        while group is not None:
            found.append(group)
            group = group.parent
        return tuple(reversed(found))

    @property
    def heading(self) -> str | None:
        return self.group.text if self.group else None

    @property
    def branches(self) -> tuple[EnableWhen, ...]:
        """Everything that must hold for it to be asked: its groups' branches and its own."""
        branches = (*(group.enable_when for group in self.groups), self.enable_when)
        return tuple(one for one in branches if one is not None)


class Method(StrEnum):
    SUM = "sum"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Band:
    """A part of a scale, from `least` up to the next one."""

    least: Decimal
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A number made of several answers.

    Answers of `reversed` items count from the other end. With fewer than `least_answered` answers
    there is no value; a sum with some missing is extended by the mean of those given.
    """

    key: str
    title: str
    method: Method
    items: tuple[str, ...]
    reversed: tuple[str, ...] = ()
    least_answered: int | None = None  # None: all that were asked
    times: int = 1
    bands: tuple[Band, ...] = ()

    def band(self, value: Decimal | None) -> Band | None:
        """Return where a value lies; None below the lowest band."""
        if value is None:
            return None
        return next((one for one in reversed(self.bands) if value >= one.least), None)


@dataclass(frozen=True, slots=True)
class Danger:
    """Answers that a person must act on whatever else was said, with fixed, reviewed words.

    Either `answers` name them, or each number from `at_least` on is one.
    """

    link_id: str
    answers: tuple[str | bool, ...]
    at_least: Decimal | None
    grade: Grade
    title: str
    staff_text: str
    patient_text: str

    def is_met_by(self, answer: Answer | None) -> bool:
        if answer is None:
            return False
        if self.at_least is not None:
            is_number = isinstance(answer, int | Decimal) and not isinstance(answer, bool)
            return is_number and Decimal(str(answer)) >= self.at_least
        given = answer if isinstance(answer, tuple) else (answer,)
        return any(one is wanted or one == wanted for one in given for wanted in self.answers)


class RequestKind(StrEnum):
    COMPLAINT = "complaint"
    STAFF_TASK = "staff-task"


@dataclass(frozen=True, slots=True)
class Request:
    """Answers by which somebody asks something of the team: a task, promised within a time.

    What they wrote at `words_from` goes along.
    """

    link_id: str
    answers: tuple[str | bool, ...]
    kind: RequestKind
    title: str
    within: timedelta
    words_from: str | None = None

    def is_made_by(self, answer: Answer | None) -> bool:
        given = answer if isinstance(answer, tuple) else (answer,)
        return any(one is not None and one in self.answers for one in given)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """One version of a form; `purpose` says what is shown above the first question."""

    key: str
    version: int
    title: str
    items: tuple[Item, ...]
    scales: tuple[Scale, ...] = ()
    dangers: tuple[Danger, ...] = ()
    requests: tuple[Request, ...] = ()
    intro: str | None = None
    source: str | None = None
    licence: str | None = None

    def item(self, link_id: str) -> Item | None:
        return next((item for item in self.items if item.link_id == link_id), None)

    def scale(self, key: str) -> Scale | None:
        return next((scale for scale in self.scales if scale.key == key), None)

    def groups(self) -> Iterator[Group]:
        """Yield each group once, in order."""
        seen: set[str] = set()
        for item in self.items:
            for group in item.groups:
                if group.link_id not in seen:
                    seen.add(group.link_id)
                    yield group
