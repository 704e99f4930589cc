"""Why somebody is in a segment or not, and what is wrong with criteria that somebody wrote."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.population import InteractionKind, PlanState, PreferenceKind, Reach
from app.domain.criteria.tree import Leaf
from app.domain.definitions import InvalidDefinition
from app.domain.intake.hospital_records import EncounterClass, Gender
from app.domain.profile.patient_facts import (
    Answers,
    Facts,
    Interaction,
    ObservedValue,
    ScheduledReading,
    SettledTask,
    Visit,
)
from app.domain.profile.vital_signs import MeasurementContext, OffScale
from app.domain.segments.complaints import complaint
from app.domain.segments.knowledge import known
from app.domain.segments.why import reason_of

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Facts(now=NOW, zone=ZONE)
FULL = Facts(
    now=NOW,
    zone=ZONE,
    observations={
        "15074-8": [
            ObservedValue(None, NOW - DAY, MeasurementContext.FASTING, OffScale.HIGH),
            ObservedValue(Decimal("7.2"), NOW - 9 * DAY),
            ObservedValue(Decimal("6.1"), NOW - 200 * DAY),
        ]
    },
    conditions=frozenset({"E11.900", "I10", "N18.3", "K21"}),
    tags=frozenset({"diabetes"}),
    answers={"phq-9": Answers(NOW - 3 * DAY, {"q1": "often", "q2": True}, 11)},
    settled_tasks={
        "measurement": [SettledTask(NOW - DAY, True), SettledTask(NOW - 2 * DAY, False)]
    },
    scheduled={"15074-8": [ScheduledReading(NOW - 2 * DAY, NOW - DAY)]},
    birth_on=date(1950, 1, 2),
    gender=Gender.FEMALE,
    department="endo",
    region="浙江省宁波市",
    visits=[Visit(EncounterClass.AMBULATORY, "endo", NOW - 5 * DAY)],
    plans={"glucose": PlanState.ON_HOLD},
    medications=frozenset({"A10BA02"}),
    reach=frozenset({Reach.PHONE, Reach.MINI_PROGRAM}),
    interactions=[Interaction(InteractionKind.READ, "salt", NOW - 2 * DAY)],
    risks={"lace": "high"},
    preferences=frozenset({(PreferenceKind.REACH_HOUR, "08")}),
)
NAMES = Names(departments={"endo": "内分泌科"})


def result(kind: str, **changed: Any) -> dict[str, Any]:
    given = {"code": "15074-8", "op": ">", "value": 7, "unit": "mmol/L", "within": "P30D"}
    return {kind: given | changed}


LEAVES: list[tuple[dict[str, Any], str, str]] = [
    (result("latest"), "最近一次血糖 高于量程（2026-03-04 12:00，空腹）", "一年内没有血糖记录"),
    (result("latest", context="bedtime"), "一年内没有睡前血糖记录", "一年内没有睡前血糖记录"),
    (result("count", at_least=2), "30天内测了2次，2次符合",
     "30天内测了0次，0次符合；一年内没有血糖记录"),
    ({"change": {"code": "15074-8", "unit": "mmol/L", "by": 1, "over": "P366D"}},
     "6.1 mmol/L → 7.2 mmol/L（2026-02-24 12:00）", "366天内血糖不足两次，无法比较"),
    ({"absent": {"code": "15074-8", "days": 1}},
     "最近一次血糖 高于量程（2026-03-04 12:00，空腹）", "计划内已过去0天要测血糖，还不到1天"),
    ({"measured": {"code": "15074-8", "within": "P30D"}},
     "最近一次血糖 高于量程（2026-03-04 12:00，空腹）", "一年内没有血糖记录"),
    ({"condition": {"code": "E11"}}, "有效诊断：E11.900、I10、K21等4个", "没有有效诊断"),
    ({"tag": {"key": "diabetes"}}, "有这个标签或它的下级", "没有这个标签"),
    ({"answer": {"questionnaire": "phq-9", "link_id": "q2", "op": "==", "value": True}},
     "最近一次回答：是（2026-03-02）", "一年内没有填过这份问卷"),
    ({"missed": {"kind": "measurement", "at_least": 1, "of": 5}}, "最近2次错过1次",
     "三个月内没有到期的这类任务"),
    ({"age": {"op": ">=", "years": 60}}, "76岁", "没有登记出生日期"),
    ({"gender": {"gender": "male"}}, "女", "没有登记性别"),
    ({"department": {"code": "card"}}, "内分泌科", "没有登记科室"),
    ({"region": {"region": "江苏省"}}, "住在浙江省宁波市", "没有登记居住地"),
    ({"visited": {"within": "P3D"}}, "3天内就诊0次；最近一次在2026-02-28", "3天内就诊0次"),
    ({"plan": {"key": "glucose"}}, "这个计划已暂停", "没有加入过这个计划"),
    ({"medication": {"code": "C"}}, "在用药品：A10BA02", "没有在用的处方药"),
    ({"score": {"questionnaire": "phq-9", "op": ">=", "value": 10, "within": "P90D"}},
     "最近一次11分（2026-03-02）", "一年内没有填过这份问卷"),
    ({"reachable": {"by": "official-account"}}, "可以通过小程序、电话联系到",
     "没有可用的联系方式"),
    ({"interaction": {"kind": "read", "within": "P7D"}}, "7天内读完1次；最近一次在2026-03-03",
     "7天内读完0次"),
    ({"risk": {"score": "lace", "band": "low"}}, "现在评为“高”", "没有可用的评估结果"),
    ({"preference": {"kind": "reach-hour", "value": "20"}}, "习惯的联系时段：08",
     "还不知道习惯的联系时段"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "full", "empty"), LEAVES, ids=[next(iter(d)) for d, _, _ in LEAVES]
)
def test_what_is_known_is_told_whether_the_leaf_holds_or_not(
    data: Mapping[str, Any], full: str, empty: str
) -> None:
    leaf = parse_criterion(data)
    assert isinstance(leaf, Leaf)

    assert known(leaf, FULL, NAMES) == full
    assert known(leaf, NOTHING, NO_NAMES) == empty


def trees() -> st.SearchStrategy[dict[str, Any]]:
    leaves = st.sampled_from([data for data, _, _ in LEAVES])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda one: {"not": one}, inner),
            st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=3)),
        ),
        max_leaves=6,
    )


@given(trees(), st.sampled_from([NOTHING, FULL, replace(FULL, observations={}, tags=frozenset())]))
def test_the_reason_of_a_tree_is_what_its_closure_says(data: dict[str, Any], facts: Facts) -> None:
    try:
        criterion = parse_criterion(data)
    except InvalidDefinition:
        return  # deeper than a tree may be

    reason = reason_of(criterion, facts, NO_NAMES)

    assert reason.holds == (compile_criterion(criterion)(facts) is not None)


WRONG: list[tuple[Any, str]] = [
    (result("latest", value="x"), "最近一次结果的“数值”：请填数字"),
    (result("latest", op="~"), "最近一次结果的“比较”：请从列表中选择"),
    (result("latest", within="P400D"), "最近一次结果的“时间范围”：请填 1 到 366 天"),
    (result("latest", within="long"), "最近一次结果的“时间范围”：请填时间长度"),
    (result("latest", code="x"), "最近一次结果的“项目”：请从列表中选择"),
    (result("count"), "结果出现的次数的“至少几次”：还没有填"),
    ({"change": {"code": "15074-8", "unit": "mmol/L", "by": 0, "over": "P9D"}},
     "结果的变化的“变化多少”：不能是 0"),
    ({"region": {"region": "Ningbo"}}, "居住地的“地名”：请从省开始填，例如 浙江省宁波市"),
    ({"medication": {"code": "a b"}}, "在用药品的“药品编码”：请填编码，中间没有空格"),
    ({"tag": {"key": "糖"}}, "标签的“标签”：请从列表中选择"),
    ({"tag": {"key": "a", "x": 1}}, "标签的“x”：不认识这一项"),
    ({"preference": {"kind": "contact", "value": "长" * 65}},
     "偏好的“偏好的内容”：不能超过 64 个字"),
    ({"any": [{"all": [{"age": {}}]}]}, "第1条里的第1条（年龄）的“比较”：还没有填"),
    ({"nonsense": {}}, "请从列表中选择"),
    ([], "这里的写法不对"),
    ({"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {}}}}}}}}}}},
     "条件套得太深，最多 10 层"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "told"), WRONG)
def test_what_is_wrong_is_told_with_its_place(data: Any, told: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_criterion(data)

    assert complaint(refused.value) == told
