"""The strict reading of what people answer, whole or in part."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.domain.plans.questionnaires.branching import is_asked
from app.domain.plans.questionnaires.definition import Answer, Item, ItemType, Questionnaire

LONGEST_ANSWER: Final = 500


class InvalidAnswers(ValueError):
    """What is wrong with each answer, by linkId, in words for the person who answered."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(f"{len(problems)} answers are invalid")
        self.problems = dict(problems)


def validate(questionnaire: Questionnaire, answers: Mapping[str, object]) -> dict[str, Answer]:
    """Return the answers in their own types; optional ones may be absent or None.

    Answers to questions that the other answers hide are dropped, whatever they say.

    :raises InvalidAnswers: naming every wrong, missing or unknown answer at once
    """
    return _read(questionnaire, answers, is_whole=True)


def read_draft(questionnaire: Questionnaire, answers: Mapping[str, object]) -> dict[str, Answer]:
    """Return what has been answered so far, as `validate` does; nothing is missing yet.

    :raises InvalidAnswers: naming every wrong or unknown answer at once
    """
    return _read(questionnaire, answers, is_whole=False)


def written(answers: Mapping[str, Answer]) -> str:
    """Return answers as JSON; `read_written` gives them back with every digit."""

    def told(value: Answer) -> str:
        if isinstance(value, Decimal):
            return f"{value:f}"
        return json.dumps(value, ensure_ascii=False)

    return "{" + ", ".join(f"{told(key)}: {told(answers[key])}" for key in sorted(answers)) + "}"


def read_written(text: str | None) -> dict[str, Any]:
    """Return what `written` wrote; a number with a point is a Decimal, so rules can compare it."""
    found: dict[str, Any] = json.loads(text or "{}", parse_float=Decimal)
    return {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}


def _read(
    questionnaire: Questionnaire, answers: Mapping[str, object], *, is_whole: bool
) -> dict[str, Answer]:
    problems = {key: "没有这个问题" for key in answers if questionnaire.item(key) is None}
    accepted: dict[str, Answer] = {}
    # Conditions point backwards, so one pass in order decides all.
    for item in questionnaire.items:
        if not is_asked(item, accepted):
            continue
        raw = answers.get(item.link_id)
        if raw is None or raw in ("", []):
            if item.is_required and is_whole:
                problems[item.link_id] = "请回答这个问题"
            continue
        try:
            accepted[item.link_id] = _READERS[item.type](item, raw)
        except ValueError as error:
            problems[item.link_id] = str(error)
    if problems:
        raise InvalidAnswers(problems)
    return accepted


def _choice(item: Item, raw: object) -> str:
    if not isinstance(raw, str) or item.option(raw) is None:
        raise ValueError("请从选项中选择")
    return raw


def _multi_choice(item: Item, raw: object) -> tuple[str, ...]:
    """Return the codes chosen, in the order of the options."""
    given = raw if isinstance(raw, list | tuple) else [raw]
    chosen = {_choice(item, one) for one in given}
    if len(chosen) != len(given):
        raise ValueError("同一个选项只能选一次")
    return tuple(option.code for option in item.options if option.code in chosen)


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


def _date(item: Item, raw: object) -> str:
    """Return the day as ISO 8601 writes it, so that days compare as text."""
    try:
        day = date.fromisoformat(raw).isoformat() if isinstance(raw, str) else None
    except ValueError:
        day = None
    if day is None or day != raw:
        raise ValueError("请填写日期，例如 2026-05-04")
    return day


_READERS: Final[Mapping[ItemType, Callable[[Item, object], Answer]]] = {
    ItemType.CHOICE: _choice,
    ItemType.MULTI_CHOICE: _multi_choice,
    ItemType.INTEGER: _integer,
    ItemType.DECIMAL: _decimal,
    ItemType.TEXT: _text,
    ItemType.BOOLEAN: _boolean,
    ItemType.DATE: _date,
    ItemType.SCALE: _integer,
}


def _check_range(item: Item, number: Decimal) -> None:
    if item.minimum is not None and number < item.minimum:
        raise ValueError(f"不能小于{item.minimum:f}")
    if item.maximum is not None and number > item.maximum:
        raise ValueError(f"不能大于{item.maximum:f}")
