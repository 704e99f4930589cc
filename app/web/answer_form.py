"""A questionnaire as a form of plain HTML: every question shown, the branch said in words."""

from collections.abc import Mapping
from typing import Final

from werkzeug.datastructures import MultiDict

from app.domain.plans.questionnaires import (
    Condition,
    EnableWhen,
    InvalidAnswers,
    Item,
    ItemType,
    Operator,
    Questionnaire,
    validate,
)

_TRUTH: Final = {"true": True, "false": False}
_SIGNS: Final = {
    Operator.EQUAL: "是",
    Operator.NOT_EQUAL: "不是",
    Operator.LESS: "小于",
    Operator.AT_MOST: "不超过",
    Operator.MORE: "大于",
    Operator.AT_LEAST: "不小于",
}


def field(item: Item) -> str:
    """Return the name of a question's field."""
    return f"a-{item.link_id}"


def read_answers(form: Questionnaire, sent: MultiDict[str, str]) -> dict[str, object]:
    """Return the answers as they were typed, in the types the form asks for where they fit."""
    return {
        item.link_id: _read(item, sent.getlist(field(item)))
        for item in form.items
        if any(one.strip() for one in sent.getlist(field(item)))
    }


def _read(item: Item, given: list[str]) -> object:
    if item.type is ItemType.MULTI_CHOICE:
        return [one for one in given if one]
    text = given[0].strip()
    if item.type is ItemType.BOOLEAN:
        return _TRUTH.get(text, text)
    is_whole = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 10
    if item.type in {ItemType.INTEGER, ItemType.SCALE} and is_whole:
        return int(text)
    return text


def problems_in(form: Questionnaire, answers: Mapping[str, object]) -> Mapping[str, str]:
    """Return what is wrong with answers, to be told together with what else is missing."""
    try:
        validate(form, answers)
    except InvalidAnswers as invalid:
        return invalid.problems
    return {}


def branch_words(form: Questionnaire, item: Item) -> str:
    """Return when a question is asked, in words; empty where it always is."""
    told = [_branch(form, branch) for branch in item.branches]
    return f"仅当{'，并且'.join(told)}时填写" if told else ""


def _branch(form: Questionnaire, branch: EnableWhen) -> str:
    joined = "、并且" if branch.is_all else "，或者"
    return joined.join(_condition(form, one) for one in branch.conditions)


def _condition(form: Questionnaire, condition: Condition) -> str:
    item = form.item(condition.link_id)
    number = 1 + [one.link_id for one in form.items].index(condition.link_id)
    if item is None or condition.op is Operator.EXISTS:
        return f"第{number}题{'已' if condition.value else '没有'}回答"
    return f"第{number}题{_SIGNS[condition.op]}“{item.said(condition.value)}”"
