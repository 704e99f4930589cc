"""A file of past cases: what becomes a feature, what is dropped, how it is split."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.profile.risk.activation import refusals, too_few
from app.domain.profile.risk.training_set import (
    Columns,
    InvalidTrainingSet,
    Part,
    read_table,
    split_by_hash,
    split_by_time,
)

ROWS = [
    {"id": str(n), "age": str(20 + n % 60), "ward": "AB"[n % 2], "at": f"2026-01-{1 + n % 28:02}",
     "n_inpatient": str(n % 4), "readmitted": "yes" if n % 3 else "no"}
    for n in range(300)
]  # fmt: skip


def test_columns_are_known_by_their_usual_names() -> None:
    found = read_table(ROWS, "readmission", Columns())
    assert found.features == ("age", "ward", "n_inpatient")
    assert found.dropped == {"id": "编号"}
    assert (found.split, found.baseline_name) == ("time", "n_inpatient")
    assert found.subgroups == ("age",)
    assert found.rows[1]["age"] == 21.0
    assert found.rows[1]["ward"] == "B"


def test_what_is_only_known_later_can_be_left_out() -> None:
    found = read_table(ROWS, "readmission", Columns(ignored=("ward",)))
    assert found.features == ("age", "n_inpatient")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (Columns(outcome="gone"), "没有名为 gone 的结局列"),
        (Columns(outcome="age"), "第 2 行的 age 不是"),
        (Columns(time="ward"), "第 2 行的 ward 不是日期"),
        (Columns(baseline="ward"), "对照列 ward 应是数字"),
        (Columns(subgroups=("sex",)), "没有名为 sex 的分组列"),
    ],
)
def test_a_wrong_column_is_a_sentence(columns: Columns, said: str) -> None:
    with pytest.raises(InvalidTrainingSet, match=said):
        read_table(ROWS, "readmission", columns)


def test_nothing_can_be_learnt_from_nothing() -> None:
    with pytest.raises(InvalidTrainingSet, match="没有数据行"):
        read_table([], "readmission", Columns())
    with pytest.raises(InvalidTrainingSet, match="找不到结局列"):
        read_table(ROWS, "loss-to-follow-up", Columns())
    with pytest.raises(InvalidTrainingSet, match="科室"):
        read_table(ROWS, "readmission", Columns(), department="CARD")


def test_a_department_alone() -> None:
    chosen = read_table(ROWS, "readmission", Columns(department="ward"), department="A")
    assert len(chosen.rows) == 150
    assert chosen.dropped["ward"] == "只有一个值"


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300))
def test_no_part_knows_what_a_later_one_does(times: list[int]) -> None:
    parts = split_by_time([float(at) for at in times])
    for one, part in zip(times, parts, strict=True):
        assert all(other <= part for at, other in zip(times, parts, strict=True) if at <= one)


def test_dealing_out_is_always_the_same_and_near_its_shares() -> None:
    names = [str(n) for n in range(5000)]
    parts = split_by_hash(names, 7)
    assert parts == split_by_hash(names, 7)
    assert parts != split_by_hash(names, 8)
    shares = [parts.count(part) / 5000 for part in Part]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.03)
    assert split_by_hash(["one person", "one person"], 7)[0] == split_by_hash(["one person"], 7)[0]


def report(**more: Any) -> dict[str, Any]:
    return {
        "outcome": "loss-to-follow-up",
        "auc": {"value": 0.72},
        "calibration": {"slope": 1.0},
        "baseline": {"name": "priority", "auc": 0.66,
                     "difference": {"value": 0.06, "low": 0.02, "high": 0.1}},
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"auc": {"value": 0.649}}, "低于 0.65"),
        ({"calibration": {"slope": 0.69}}, "斜率 0.69"),
        ({"calibration": {"slope": 1.31}}, "斜率 1.31"),
        ({"baseline": None}, "没有对照清单"),
        ({"baseline": {"name": "priority", "auc": 0.7,
                       "difference": {"value": 0.02, "low": 0.0, "high": 0.04}}}, "不比对照清单"),
        ({"outcome": "readmission", "auc": {"value": 0.751}}, "泄露"),
    ],
)  # fmt: skip
def test_each_bound_refuses_alone(more: dict[str, Any], said: str) -> None:
    assert refusals(report()) == ()
    (reason,) = refusals(report(**more))
    assert said in reason


def test_following_up_may_be_foretold_better_than_readmission() -> None:
    assert refusals(report(auc={"value": 0.8})) == ()


def test_the_rarer_outcome_must_be_seen_often_enough() -> None:
    assert too_few(199, 5000, 100, 5) is not None
    assert too_few(5000, 199, 100, 5) is not None
    assert too_few(200, 5000, 100, 10) is None
    assert "每个参数" in (too_few(400, 5000, 199, 20) or "")
