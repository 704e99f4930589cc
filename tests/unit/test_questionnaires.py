"""Answers are read strictly; every problem is told at once."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.plans.questionnaires import (
    InvalidAnswers,
    parse_questionnaire,
    required_reactions,
    score,
    validate,
)


def item(link_id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"link_id": link_id, "text": "问题", "type": kind, "required": True} | more


DIET: list[dict[str, Any]] = [
    {"code": "good", "text": "好", "score": 2},
    {"code": "poor", "text": "不好", "score": 0},
]
FORM = parse_questionnaire(
    {
        "key": "weekly",
        "version": 1,
        "title": "每周问卷",
        "items": [
            item("missed", "integer", minimum=0, maximum=60),
            item("wound", "boolean", react_to=[True]),
            item("diet", "choice", options=DIET),
            item("ketone", "decimal", required=False, minimum=0),
            item("help", "text", required=False),
        ],
    }
)
GOOD: dict[str, object] = {"missed": 2, "wound": False, "diet": "good"}


def test_good_answers_come_back_in_their_own_types() -> None:
    accepted = validate(FORM, GOOD | {"ketone": "0.30", "help": "  想问药  "})
    assert accepted == GOOD | {"ketone": Decimal("0.30"), "help": "想问药"}
    assert type(accepted["ketone"]) is Decimal


def test_an_optional_answer_may_be_absent_null_or_empty() -> None:
    assert validate(FORM, GOOD | {"ketone": None, "help": ""}) == GOOD


@pytest.mark.parametrize(
    ("link_id", "answer"),
    [
        ("missed", "2"),
        ("missed", 2.0),
        ("missed", True),
        ("missed", -1),
        ("missed", 61),
        ("missed", None),
        ("wound", 1),
        ("wound", "true"),
        ("diet", "bad"),
        ("diet", ["good"]),
        ("ketone", "很高"),
        ("ketone", "NaN"),
        ("ketone", True),
        ("ketone", -0.1),
        ("help", 7),
        ("help", "长" * 501),
        ("unknown", 1),
    ],
)
def test_a_wrong_answer_is_refused_by_name(link_id: str, answer: object) -> None:
    with pytest.raises(InvalidAnswers) as refused:
        validate(FORM, GOOD | {link_id: answer})
    assert set(refused.value.problems) == {link_id}


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidAnswers) as refused:
        validate(FORM, {"missed": "x", "extra": 1})
    assert set(refused.value.problems) == {"missed", "wound", "diet", "extra"}


def test_the_score_is_the_sum_of_what_was_chosen() -> None:
    assert score(FORM, {"diet": "good"}) == 2
    assert score(FORM, {"diet": "poor"}) == 0
    assert score(FORM, {}) is None


def test_a_dangerous_answer_asks_for_a_reaction() -> None:
    assert required_reactions(FORM, {"wound": True, "diet": "good"}) == [("wound", True)]
    assert required_reactions(FORM, {"wound": False}) == []


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (item("a", "choice"), "questionnaire.items[0].options"),
        (item("a", "choice", options=DIET[:1]), "questionnaire.items[0].options"),
        (item("a", "choice", options=[*DIET, DIET[0]]), "questionnaire.items[0].options"),
        (item("a", "boolean", options=DIET), "questionnaire.items[0].options"),
        (item("a", "text", minimum=1), "questionnaire.items[0]"),
        (item("a", "integer", minimum=2, maximum=1), "questionnaire.items[0]"),
        (item("a", "boolean", react_to=["yes"]), "questionnaire.items[0].react_to"),
        (item("a", "choice", options=DIET, react_to=[True]), "questionnaire.items[0].react_to"),
        (item("a", "integer", react_to=[True]), "questionnaire.items[0].react_to"),
        (item("a", "slider"), "questionnaire.items[0].type"),
        (item("a", "text", enable_when="x"), "questionnaire.items[0].enable_when"),
        (item("a", "text", required="yes"), "questionnaire.items[0].required"),
    ],
)
def test_a_wrong_question_is_refused_with_its_path(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_questionnaire({"key": "q", "version": 1, "title": "问卷", "items": [wrong]})
    assert refused.value.path == path


def test_a_link_id_names_one_question() -> None:
    twice = [item("a", "text"), item("a", "text")]
    with pytest.raises(InvalidDefinition, match="twice"):
        parse_questionnaire({"key": "q", "version": 1, "title": "问卷", "items": twice})
