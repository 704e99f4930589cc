"""Branching: what is asked follows from what was answered before."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.definitions import InvalidDefinition
from app.domain.plans.questionnaires import (
    InvalidAnswers,
    dangers_in,
    parse_questionnaire,
    read_draft,
    read_written,
    score,
    validate,
    written,
)

YES_NO: list[dict[str, Any]] = [
    {"code": "fever", "text": "发热", "score": 2},
    {"code": "cough", "text": "咳嗽", "score": 1},
    {"code": "none", "text": "都没有", "score": 0},
]


def item(link_id: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"link_id": link_id, "text": "问题", "type": kind, "required": True} | more


def when(link_id: str, op: str, value: object) -> dict[str, Any]:
    return {"link_id": link_id, "op": op, "value": value}


DANGER = {
    "link_id": "pain", "at_least": 7, "grade": "severe", "title": "剧烈疼痛",
    "staff_text": "请马上打电话。", "patient_text": "请马上联系我们，或拨打120。",
}  # fmt: skip
FORM: dict[str, Any] = {
    "key": "after-surgery",
    "version": 1,
    "title": "术后问卷",
    "items": [
        item("signs", "multi-choice", options=YES_NO),
        {
            "link_id": "fever-part",
            "type": "group",
            "text": "关于发热",
            "enable_when": {"any": [when("signs", "==", "fever")]},
            "items": [
                item("since", "date"),
                item("peak", "decimal", minimum=35, maximum=43),
                item(
                    "chills", "boolean", enable_when={"all": [when("peak", ">=", 38.5)]}
                ),
            ],
        },
        item("pain", "scale", minimum=0, maximum=10, low_text="不痛", high_text="最痛"),
        item("where", "text", enable_when={"all": [when("pain", "!=", 0)]}),
    ],
    "scales": [
        {"key": "burden", "title": "不适", "method": "sum", "items": ["signs", "chills", "pain"]}
    ],
    "dangers": [DANGER],
}  # fmt: skip
PARSED = parse_questionnaire(FORM)


def test_a_hidden_group_is_neither_asked_nor_scored() -> None:
    answers = validate(
        PARSED, {"signs": ["cough"], "peak": 40, "since": "x", "chills": True, "pain": 0}
    )
    assert answers == {"signs": ("cough",), "pain": 0}
    assert score(PARSED, answers) == 1


def test_an_open_group_asks_what_it_requires_step_by_step() -> None:
    with pytest.raises(InvalidAnswers) as refused:
        validate(PARSED, {"signs": ["fever"], "pain": 3})
    assert set(refused.value.problems) == {"since", "peak", "where"}
    given_all = {
        "signs": ["cough", "fever"], "since": "2026-05-04", "peak": "38.5", "chills": True,
        "pain": 3, "where": "伤口",
    }  # fmt: skip
    answers = validate(PARSED, given_all)
    assert answers["signs"] == ("fever", "cough")  # in the order of the options
    assert score(PARSED, answers) == 2 + 1 + 1 + 3
    with pytest.raises(InvalidAnswers) as unasked:
        validate(PARSED, given_all | {"chills": None})
    assert set(unasked.value.problems) == {"chills"}
    assert "chills" not in validate(PARSED, given_all | {"peak": "38.4"})


@pytest.mark.parametrize(
    ("link_id", "answer"),
    [
        ("signs", ["fever", "fever"]),
        ("signs", ["unknown"]),
        ("signs", [1]),
        ("pain", 11),
        ("pain", "3"),
        ("pain", Decimal("2.5")),
    ],
)
def test_a_wrong_answer_is_refused_by_name(link_id: str, answer: object) -> None:
    with pytest.raises(InvalidAnswers) as refused:
        validate(PARSED, {"signs": ["none"], "pain": 0, link_id: answer})
    assert link_id in refused.value.problems


@pytest.mark.parametrize("day", ["2026-02-30", "20260504", "2026-W10-1", 5])
def test_a_day_is_written_in_one_way(day: object) -> None:
    with pytest.raises(InvalidAnswers) as refused:
        read_draft(PARSED, {"signs": ["fever"], "since": day})
    assert set(refused.value.problems) == {"since"}


def test_a_draft_misses_nothing_and_still_tells_danger() -> None:
    draft = read_draft(PARSED, {"pain": 7})
    assert [one.title for one in dangers_in(PARSED, draft)] == ["剧烈疼痛"]
    assert dangers_in(PARSED, read_draft(PARSED, {"pain": 6})) == ()


def test_answers_keep_every_digit_when_written() -> None:
    answers = validate(
        PARSED,
        {"signs": ["fever"], "since": "2026-05-04", "peak": "38.10", "pain": 0},
    )
    kept = read_written(written(answers))
    assert kept["peak"] == Decimal("38.10")
    assert str(kept["peak"]) == "38.10"
    assert kept["signs"] == ("fever",)
    assert validate(PARSED, kept) == answers


values = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 50),
    st.sampled_from(["", " ", "fever", "38.5", "2026-02-28", "2026-02-30", "伤口"]),
    st.lists(st.sampled_from(["fever", "cough", "none"]), unique=True, max_size=3),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([one.link_id for one in PARSED.items]), values))
def test_what_is_accepted_is_accepted_again_alike(answers: dict[str, object]) -> None:
    try:
        accepted = read_draft(PARSED, answers)
    except InvalidAnswers:
        return
    assert read_draft(PARSED, accepted) == accepted
    assert read_draft(PARSED, read_written(written(accepted))) == accepted


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([item("a", "text", enable_when={"all": [when("b", "==", True)]}), item("b", "boolean")],
         "items[0].enable_when.all[0].link_id"),
        ([item("a", "boolean"), item("b", "text", enable_when={"all": [when("a", ">", True)]})],
         "items[1].enable_when.all[0].op"),
        ([item("a", "boolean"), item("b", "text", enable_when={"all": [when("a", "==", 1)]})],
         "items[1].enable_when.all[0].value"),
        ([item("a", "boolean"), item("b", "text", enable_when={"any": []})],
         "items[1].enable_when.any"),
        ([item("a", "text", enable_when={"all": [when("a", "exists", True)]})],
         "items[0].enable_when.all[0].link_id"),
        ([{"link_id": "g", "type": "group", "text": "组", "items": []}], "items[0].items"),
        ([item("a", "scale", minimum=0, maximum=10)], "items[0]"),
        ([item("a", "text", low_text="少")], "items[0]"),
        ([item("a", "multi-choice", options=YES_NO[:1])], "items[0].options"),
    ],
)  # fmt: skip
def test_a_branch_looks_only_back(items: list[dict[str, Any]], path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_questionnaire({"key": "q", "version": 1, "title": "问卷", "items": items})
    assert refused.value.path == f"questionnaire.{path}"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"link_id": "nothing"}, "link_id"),
        ({"answers": ["fever"]}, ""),
        ({"at_least": None}, ""),
        ({"link_id": "signs"}, "at_least"),
        ({"grade": "mild"}, "grade"),
        ({"patient_text": "请联系我们。"}, "patient_text"),
    ],
)
def test_a_danger_is_complete(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_questionnaire(FORM | {"dangers": [DANGER | changed]})
    assert refused.value.path == f"questionnaire.dangers[0].{path}".rstrip(".")
