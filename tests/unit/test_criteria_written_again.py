"""Trees of criteria written as plain data, and told in Chinese with the names people use."""

import json
from datetime import time, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.for_segments import NotForSegments, for_segments
from app.domain.criteria.names import Names
from app.domain.criteria.needs import FactGroup, FactNeeds
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    InteractionKind,
    OnPlan,
    PreferenceKind,
    Prefers,
    Scored,
    Visited,
)
from app.domain.criteria.tree import (
    Absent,
    Age,
    All,
    Answered,
    Any,
    Count,
    Criterion,
    HasTag,
    Latest,
    Leaf,
    Not,
)
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.unparsing import unparse
from app.domain.criteria.wording import describe
from app.domain.intake.hospital_records import EncounterClass
from tests.integration.random_population import random_tree

OLD = Age(Comparator.AT_LEAST, 65)
GLUCOSE = "15074-8"
TEN, SIX = time(22), time(6)
NAMES = Names(
    tags={"type-2": "2型糖尿病", "frail": "衰弱"},
    departments={"endo": "内分泌科"},
    plans={"discharge": "出院后随访"},
    questionnaires={"phq-9": "情绪问卷"},
    subjects={"low-sugar": "低血糖怎么办"},
)


@settings(max_examples=500, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_what_is_written_reads_back_as_the_same_tree(random: Random) -> None:
    tree = random_tree(random, depth=5)
    written = json.dumps(unparse(tree))
    note(written)

    assert parse_criterion(json.loads(written)) == tree


@pytest.mark.parametrize(
    "leaf",
    [
        Absent(GLUCOSE, 3),
        Answered("phq-9", "q1", Comparator.EQUAL, "a"),
        Answered("phq-9", "q1", Comparator.EQUAL, True),
        Answered("phq-9", "q1", Comparator.AT_LEAST, Decimal("2.5"), timedelta(days=3)),
        Answered("phq-9", "q1", Comparator.AT_LEAST, Decimal(2), timedelta(hours=25, minutes=1)),
        Latest(GLUCOSE, Comparator.LESS, Decimal("3.90"), timedelta(minutes=90)),
        Latest(GLUCOSE, Comparator.LESS, Decimal("3.9"), timedelta(days=366)),
        Slope("29463-7", Comparator.AT_LEAST, Decimal("0.35"), timedelta(days=7), 4),
        Growth("14682-9", timedelta(days=7), Decimal("-12.5")),
        Dip("8480-6", Comparator.LESS, Decimal(10), timedelta(days=2), TEN, SIX, 20, 7),
    ],
)
def test_leaves_that_are_for_rules_read_back_too(leaf: Leaf) -> None:
    assert parse_criterion(json.loads(json.dumps(unparse(leaf)))) == leaf


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        (HasTag("type-2"), "有标签“2型糖尿病”"),
        (HasTag("unknown"), "有标签“unknown”"),
        (Not(HasTag("frail")), "没有标签“衰弱”"),
        (Not(Not(OLD)), "年龄≥65岁"),
        (Not(OLD), "年龄＜65岁（或不详）"),
        (InDepartment("endo"), "所属科室为内分泌科"),
        (
            Visited(timedelta(days=90), 2, EncounterClass.INPATIENT, "endo"),
            "90天内在内分泌科住院至少2次",
        ),
        (Not(Visited(timedelta(days=90))), "90天内就诊少于1次"),
        (OnPlan("discharge"), "计划“出院后随访”正在进行"),
        (Not(OnPlan("discharge")), "计划“出院后随访”不是正在进行（或没有参加）"),
        (
            Scored("phq-9", Comparator.AT_LEAST, 10, timedelta(days=30)),
            "30天内最近一次问卷“情绪问卷”得分≥10分",
        ),
        (AtRisk("lace", "high"), "风险“LACE 再入院评分”为“高”"),
        (AtRisk("other", "moderate"), "风险“other”为“中”"),
        (
            Interacted(InteractionKind.READ, timedelta(days=7), 1, "low-sugar"),
            "7天内读完“低血糖怎么办”至少1次",
        ),
        (Prefers(PreferenceKind.REACH_HOUR, "19"), "习惯的联系时段是19点"),
        (Prefers(PreferenceKind.PRACTITIONER_GENDER, "female"), "偏好的医生性别是女"),
        (Prefers(PreferenceKind.DEPARTMENT, "endo"), "常去的科室是内分泌科"),
        (
            Not(Latest(GLUCOSE, Comparator.MORE, Decimal(7), timedelta(days=30))),
            "30天内最近一次血糖不是＞7 mmol/L（或没有记录）",
        ),
        (
            Not(Count(GLUCOSE, Comparator.LESS, Decimal("3.9"), timedelta(days=7), 3)),
            "7天内血糖＜3.9 mmol/L少于3次",
        ),
        (
            OfLast(GLUCOSE, Comparator.MORE, Decimal(10), timedelta(days=7), 2, 3),
            "7天内最近3次中血糖＞10 mmol/L至少2次",
        ),
        (
            Not(OfLast(GLUCOSE, Comparator.MORE, Decimal(10), timedelta(days=7), 2, 3)),
            "7天内最近3次中血糖＞10 mmol/L少于2次",
        ),
        (
            Mean("8480-6", Comparator.AT_LEAST, Decimal(135), timedelta(days=7), 6),
            "7天内收缩压平均≥135 mmHg（至少6次）",
        ),
        (
            Not(Mean("8480-6", Comparator.AT_LEAST, Decimal(135), timedelta(days=7), 6)),
            "7天内收缩压平均不是≥135 mmHg（至少6次）或次数不够",
        ),
        (Rise("29463-7", timedelta(days=3), Decimal(2)), "3天内体重比最低时上升达到2 kg"),
        (
            Not(Rise("29463-7", timedelta(days=3), Decimal("-3"))),
            "3天内没有体重比最高时下降达到3 kg",
        ),
        (
            Slope("29463-7", Comparator.AT_LEAST, Decimal("0.35"), timedelta(days=7), 4),
            "7天内体重平均每天变化≥0.35 kg（至少4次）",
        ),
        (Growth("14682-9", timedelta(days=7), Decimal(50)), "7天内肌酐比最低时上升达到50%"),
        (
            Not(Growth("98979-8", timedelta(days=366), Decimal(-25))),
            "366天内没有估算肾小球滤过率比最高时下降达到25%",
        ),
        (
            Not(Dip("8480-6", Comparator.LESS, Decimal(10), timedelta(days=2), TEN, SIX, 20, 7)),
            (
                "2天内夜间收缩压比白天下降不是＜10%（夜间22:00至06:00，白天至少20次、夜间至少7次）"
                "或次数不够"
            ),
        ),
    ],
)
def test_leaves_are_told_by_name_and_denied_in_words(tree: Criterion, told: str) -> None:
    assert describe(tree, NAMES) == told


def test_a_nested_tree_is_one_sentence_with_no_bracket_too_many() -> None:
    tree = All(
        (
            HasTag("type-2"),
            All((OLD, Any((All((InDepartment("endo"),)),)))),
            Any((OnPlan("discharge"), Any((HasTag("frail"),)))),
            Not(All((OLD, HasTag("frail")))),
            Not(Any((OLD, HasTag("frail")))),
        )
    )

    assert describe(tree, NAMES) == (
        "有标签“2型糖尿病”，并且年龄≥65岁，并且所属科室为内分泌科，"
        "并且（计划“出院后随访”正在进行，或者有标签“衰弱”），"
        "并且不同时满足（年龄≥65岁，并且有标签“衰弱”），"
        "并且任何一项都不满足（年龄≥65岁，或者有标签“衰弱”）"
    )


def test_a_builder_is_told_at_once_what_no_segment_can_ask() -> None:
    for_segments(All((OLD, HasTag("frail"))))

    with pytest.raises(NotForSegments, match="Answered") as refused:
        for_segments(Any((OLD, Not(Answered("phq-9", "q1", Comparator.EQUAL, "a")))), NAMES)

    assert refused.value.title == "人群条件里不能使用：最近一次问卷“情绪问卷”的“q1”答“a”"


def test_needs_are_those_of_the_leaves_and_join() -> None:
    rare = Latest(GLUCOSE, Comparator.MORE, Decimal(7), timedelta(days=1))
    long = Count(GLUCOSE, Comparator.MORE, Decimal(7), timedelta(days=90), 2)
    read = Interacted(InteractionKind.READ, timedelta(days=7))

    needs = FactNeeds.joined([FactNeeds.of(rare, Not(OLD)), FactNeeds.of(All((long, read)))])

    assert needs.groups == {FactGroup.PERSON}
    assert needs.observations == {GLUCOSE: timedelta(days=90)}
    assert needs.interactions == {InteractionKind.READ: timedelta(days=7)}
    assert FactNeeds.joined([]) == FactNeeds()
