"""Scales: sums and means, items that count from the other end, answers that are missing."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.plans.questionnaires import parse_questionnaire, score, scores, validate

FOUR = [{"code": f"s{n}", "text": str(n), "score": n} for n in range(4)]


def form(*scales: dict[str, Any], required: bool = False) -> dict[str, Any]:
    chosen = [
        {"link_id": f"q{n}", "text": "问题", "type": "choice", "required": required,
         "options": FOUR}
        for n in range(1, 5)
    ]  # fmt: skip
    pain = {
        "link_id": "pain", "text": "疼痛", "type": "scale", "required": False, "minimum": 0,
        "maximum": 10, "low_text": "不痛", "high_text": "最痛",
    }  # fmt: skip
    help_ = {"link_id": "help", "text": "要帮忙吗", "type": "boolean", "required": False}
    return {
        "key": "q", "version": 1, "title": "量表", "items": [*chosen, pain, help_],
        "scales": list(scales),
    }  # fmt: skip


def scale(**more: Any) -> dict[str, Any]:
    return {
        "key": "total", "title": "总分", "method": "sum", "items": ["q1", "q2", "q3", "q4"]
    } | more  # fmt: skip


def value(scale: dict[str, Any], **answers: object) -> Decimal | None:
    parsed = parse_questionnaire(form(scale))
    (found,) = scores(parsed, validate(parsed, answers))
    return found.value


ALL = {"q1": "s0", "q2": "s1", "q3": "s2", "q4": "s3"}


@pytest.mark.parametrize(
    ("told", "answers", "expected"),
    [
        (scale(), ALL, "6"),
        (scale(), ALL | {"q4": None}, None),
        (scale(reversed=["q1"]), ALL, "9"),
        (scale(reversed=["q1", "q2", "q3", "q4"]), ALL, "6"),
        (scale(least_answered=3), ALL | {"q4": None}, "4"),
        (scale(least_answered=3), ALL | {"q1": None, "q4": None}, None),
        (scale(least_answered=3), ALL | {"q1": None}, "8"),
        (scale(times=4), ALL, "24"),
        (scale(method="mean"), ALL, "1.5"),
        (scale(method="mean", least_answered=1), {"q1": "s1", "q2": "s0", "q3": "s1"}, "0.7"),
        (scale(items=["pain"]), {"pain": 7}, "7"),
        (scale(items=["pain"], reversed=["pain"]), {"pain": 7}, "3"),
        (scale(items=["help", "q4"], reversed=["help"]), {"help": False, "q4": "s1"}, "2"),
        (scale(), {}, None),
        (scale(least_answered=1), {}, None),
    ],
)
def test_a_scale_is_worked_out_by_hand(
    told: dict[str, Any], answers: dict[str, object], expected: str | None
) -> None:
    assert value(told, **answers) == (Decimal(expected) if expected else None)


def test_bands_begin_at_their_least_value() -> None:
    bands = [
        {"least": 0, "key": "none", "text": "没有"},
        {"least": 5, "key": "mild", "text": "轻度"},
        {"least": 10, "key": "moderate", "text": "中度"},
    ]
    found = parse_questionnaire(form(scale(bands=bands))).scales[0]
    told = [found.band(Decimal(one)) for one in (0, 4, 5, 9, 10, 27)]
    assert [one.key if one else None for one in told] == [
        "none", "none", "mild", "mild", "moderate", "moderate"
    ]  # fmt: skip
    assert found.band(None) is None
    assert found.band(Decimal(-1)) is None


def test_subscales_stand_beside_the_total_which_is_the_score() -> None:
    parsed = parse_questionnaire(
        form(scale(), scale(key="first", items=["q1", "q2"], method="mean"))
    )
    answers = validate(parsed, ALL)
    assert [(one.scale.key, one.value) for one in scores(parsed, answers)] == [
        ("total", Decimal(6)), ("first", Decimal("0.5")),
    ]  # fmt: skip
    assert score(parsed, answers) == 6


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (scale(items=["q9"]), "items"),
        (scale(items=["q1", "q1"]), "items"),
        (scale(items=[]), "items"),
        (scale(items=["q1"], reversed=["q2"]), "reversed"),
        (scale(least_answered=0), "least_answered"),
        (scale(method="median"), "method"),
        (scale(bands=[{"least": 5, "key": "a", "text": "甲"}] * 2), "bands"),
    ],
)
def test_a_wrong_scale_is_refused_with_its_path(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_questionnaire(form(wrong))
    assert refused.value.path == f"questionnaire.scales[0].{path}"
