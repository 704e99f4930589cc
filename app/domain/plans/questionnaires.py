"""Questionnaires and the strict reading of what people answer (FHIR Questionnaire, minimal)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeAlias

from app.domain.definitions import Fields, InvalidDefinition, refuse_repeats

LONGEST_ANSWER = 500

Answer: TypeAlias = str | int | Decimal | bool


class ItemType(StrEnum):
    CHOICE = "choice"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose; `score` counts towards the total of the questionnaire."""

    code: str
    text: str
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One question. `react_to` are answers that a rule must act on, as they stand in rules."""

    link_id: str
    text: str
    type: ItemType
    is_required: bool
    options: tuple[Option, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    react_to: tuple[str | bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Questionnaire:
    key: str
    version: int
    title: str
    items: tuple[Item, ...]

    def item(self, link_id: str) -> Item | None:
        return next((item for item in self.items if item.link_id == link_id), None)


class InvalidAnswers(ValueError):
    """What is wrong with each answer, by linkId, in words for the person who answered."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(f"{len(problems)} answers are invalid")
        self.problems = dict(problems)


def validate(questionnaire: Questionnaire, answers: Mapping[str, object]) -> dict[str, Answer]:
    """Return the answers in their own types; optional ones may be absent or None.

    :raises InvalidAnswers: naming every wrong, missing or unknown answer at once
    """
    problems = {key: "没有这个问题" for key in answers if questionnaire.item(key) is None}
    accepted: dict[str, Answer] = {}
    for item in questionnaire.items:
        raw = answers.get(item.link_id)
        if raw is None or raw == "":
            if item.is_required:
                problems[item.link_id] = "请回答这个问题"
            continue
        try:
            accepted[item.link_id] = _READERS[item.type](item, raw)
        except ValueError as error:
            problems[item.link_id] = str(error)
    if problems:
        raise InvalidAnswers(problems)
    return accepted


def score(questionnaire: Questionnaire, answers: Mapping[str, Answer]) -> int | None:
    """Return the sum of the scores chosen; None where nothing is scored or one is missing."""
    total = 0
    scored = [
        item for item in questionnaire.items if any(o.score is not None for o in item.options)
    ]
    for item in scored:
        chosen = next((o for o in item.options if o.code == answers.get(item.link_id)), None)
        if chosen is None or chosen.score is None:
            return None
        total += chosen.score
    return total if scored else None


def required_reactions(
    questionnaire: Questionnaire, answers: Mapping[str, Answer]
) -> list[tuple[str, Answer]]:
    """Return linkId and answer of everything that must not pass without a reaction."""
    return [
        (item.link_id, answers[item.link_id])
        for item in questionnaire.items
        if item.link_id in answers and answers[item.link_id] in item.react_to
    ]


def _choice(item: Item, raw: object) -> str:
    if not isinstance(raw, str) or raw not in {option.code for option in item.options}:
        raise ValueError("请从选项中选择")
    return raw


def _integer(item: Item, raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError("请填写整数")
    _check_range(item, Decimal(raw))
    return raw


def _decimal(item: Item, raw: object) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str | Decimal):
        raise ValueError("请填写数字")
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        raise ValueError("请填写数字") from None
    if not number.is_finite():
        raise ValueError("请填写数字")
    _check_range(item, number)
    return number


def _text(item: Item, raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("请填写文字")
    if len(raw.strip()) > LONGEST_ANSWER:
        raise ValueError(f"请不要超过{LONGEST_ANSWER}个字")
    return raw.strip()


def _boolean(item: Item, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("请选择是或否")
    return raw


_READERS: Mapping[ItemType, Callable[[Item, object], Answer]] = {
    ItemType.CHOICE: _choice,
    ItemType.INTEGER: _integer,
    ItemType.DECIMAL: _decimal,
    ItemType.TEXT: _text,
    ItemType.BOOLEAN: _boolean,
}


def _check_range(item: Item, number: Decimal) -> None:
    if item.minimum is not None and number < item.minimum:
        raise ValueError(f"不能小于{item.minimum:f}")
    if item.maximum is not None and number > item.maximum:
        raise ValueError(f"不能大于{item.maximum:f}")


def parse_questionnaire(data: object, path: str = "questionnaire") -> Questionnaire:
    """:raises InvalidDefinition: with the path of what is wrong"""
    with Fields(data, path) as fields:
        questionnaire = Questionnaire(
            key=fields.key("key"),
            version=fields.integer("version", 1, 100_000),
            title=fields.text("title", 40),
            items=fields.each("items", _parse_item),
        )
    if not questionnaire.items:
        raise InvalidDefinition(f"{path}.items", "must ask something")
    refuse_repeats((item.link_id for item in questionnaire.items), f"{path}.items")
    return questionnaire


def _parse_item(data: object, path: str) -> Item:
    with Fields(data, path) as fields:
        item = Item(
            link_id=fields.key("link_id"),
            text=fields.text("text", 200),
            type=fields.choice("type", ItemType),
            is_required=fields.flag("required"),
            options=fields.each("options", _parse_option),
            minimum=fields.optional("minimum", fields.decimal),
            maximum=fields.optional("maximum", fields.decimal),
            react_to=fields.each("react_to", _parse_reaction),
        )
    _check_item(item, path)
    return item


def _check_item(item: Item, path: str) -> None:
    is_choice = item.type is ItemType.CHOICE
    if is_choice != (len(item.options) >= 2):
        raise InvalidDefinition(f"{path}.options", "a choice, and only a choice, has two or more")
    refuse_repeats((option.code for option in item.options), f"{path}.options")
    has_range = item.minimum is not None or item.maximum is not None
    if has_range and item.type not in {ItemType.INTEGER, ItemType.DECIMAL}:
        raise InvalidDefinition(path, "only numbers have a minimum and a maximum")
    if item.minimum is not None and item.maximum is not None and item.minimum > item.maximum:
        raise InvalidDefinition(path, "the minimum is more than the maximum")
    codes = {option.code for option in item.options}
    for answer in item.react_to:
        fits = answer in codes if is_choice else item.type is ItemType.BOOLEAN
        if not fits or isinstance(answer, bool) == is_choice:
            raise InvalidDefinition(f"{path}.react_to", f"{answer} is no answer to this question")


def _parse_option(data: object, path: str) -> Option:
    with Fields(data, path) as fields:
        return Option(
            code=fields.key("code"),
            text=fields.text("text", 60),
            score=fields.optional("score", lambda key: fields.integer(key, -100, 100)),
        )


def _parse_reaction(data: object, path: str) -> str | bool:
    if not isinstance(data, str | bool):
        raise InvalidDefinition(path, "must be an option's code, true or false")
    return data
