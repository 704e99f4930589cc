"""The typed tree: strict reading, bounds, triggers, and compiled = interpreted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any as Anything
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.tree import (
    Absent,
    ActiveCondition,
    Age,
    All,
    Answered,
    Any,
    Change,
    Count,
    Criterion,
    HasTag,
    Latest,
    Missed,
    Not,
    look_back,
    wakes,
)
from app.domain.criteria.windows import StepBudgetExceeded
from app.domain.criteria.wording import describe
from app.domain.definitions import InvalidDefinition
from app.domain.profile.patient_facts import (
    Answers,
    Facts,
    ObservedValue,
    ScheduledReading,
    SettledTask,
)
from app.domain.profile.vital_signs import MeasurementContext, OffScale

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
GLUCOSE = "15074-8"


def latest(**changed: Anything) -> dict[str, Anything]:
    leaf = {"code": GLUCOSE, "op": "<", "value": 3.9, "unit": "mmol/L", "within": "PT24H"}
    return {"latest": leaf | changed}


def glucose(*values: str, every: timedelta = timedelta(hours=1)) -> dict[str, list[ObservedValue]]:
    """Newest first, the newest at NOW."""
    return {
        GLUCOSE: [
            ObservedValue(Decimal(value), NOW - every * index) for index, value in enumerate(values)
        ]
    }


def holds(data: object, facts: Facts) -> bool:
    return compile_criterion(parse_criterion(data))(facts) is not None


# Strict reading


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ([], "condition"),
        ({}, "condition"),
        ({"all": [], "any": []}, "condition"),
        ({"eval": "1"}, "condition"),
        ({"all": []}, "condition.all"),
        ({"all": {"tag": {"key": "a"}}}, "condition.all"),
        ({"not": [{"tag": {"key": "a"}}]}, "condition.not"),
        ({"all": [latest(), latest(unit="mg/dL")]}, "condition.all[1].latest.unit"),
        (latest(value=70), "condition.latest.value"),
        (latest(value="3,9"), "condition.latest.value"),
        (latest(value=True), "condition.latest.value"),
        (latest(value="NaN"), "condition.latest.value"),
        (latest(op="="), "condition.latest.op"),
        (latest(op="=<"), "condition.latest.op"),
        (latest(code="0000-0"), "condition.latest.code"),
        (latest(within="24h"), "condition.latest.within"),
        (latest(within="P"), "condition.latest.within"),
        (latest(within="PT0M"), "condition.latest.within"),
        (latest(within="P400D"), "condition.latest.within"),
        (latest(context="before"), "condition.latest.context"),
        (latest(where="1=1"), "condition.latest.where"),
        ({"latest": {"code": GLUCOSE}}, "condition.latest.op"),
        ({"absent": {"code": GLUCOSE, "days": 0}}, "condition.absent.days"),
        ({"absent": {"code": GLUCOSE, "days": "3"}}, "condition.absent.days"),
        ({"condition": {"code": "e11"}}, "condition.condition.code"),
        ({"condition": {"code": "E11.*"}}, "condition.condition.code"),
        ({"tag": {"key": "Big Tag"}}, "condition.tag.key"),
        ({"missed": {"kind": "measurement", "at_least": 4, "of": 3}}, "condition.missed.at_least"),
        ({"age": {"op": ">=", "years": 65.5}}, "condition.age.years"),
        ({"change": {"code": GLUCOSE, "over": "P3D", "by": 0, "unit": "mmol/L"}},
         "condition.change.by"),
        ({"answer": {"questionnaire": "q", "link_id": "a", "op": ">", "value": "often"}},
         "condition.answer.op"),
        ({"answer": {"questionnaire": "q", "link_id": "a", "op": "==", "value": [1]}},
         "condition.answer.value"),
    ],
)  # fmt: skip
def test_a_wrong_tree_is_refused_with_its_path(data: object, path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_criterion(data)
    assert refused.value.path == path


def nested(depth: int) -> dict[str, Anything]:
    tree: dict[str, Anything] = {"tag": {"key": "a"}}
    for _ in range(depth - 1):
        tree = {"not": tree}
    return tree


def test_a_tree_may_be_ten_deep_and_no_deeper() -> None:
    parse_criterion(nested(10))
    with pytest.raises(InvalidDefinition, match="deeper than 10"):
        parse_criterion(nested(11))
    with pytest.raises(InvalidDefinition, match="deeper than 10"):
        parse_criterion(nested(50_000))


def test_a_tree_may_have_200_nodes_and_no_more() -> None:
    leaf = {"tag": {"key": "a"}}
    parse_criterion({"any": [leaf] * 199})
    with pytest.raises(InvalidDefinition, match="more than 200 nodes"):
        parse_criterion({"any": [leaf] * 200})


# Leaves at their edges


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("<", "3.8", True),
        ("<", "3.9", False),
        ("<=", "3.9", True),
        (">=", "3.9", True),
        (">", "3.9", False),
        ("==", "3.90", True),
        ("==", "3.91", False),
    ],
)
def test_a_number_is_compared_exactly(op: str, value: str, expected: bool) -> None:
    assert holds(latest(op=op), Facts(NOW, ZONE, glucose(value))) is expected


@pytest.mark.parametrize(("age", "expected"), [(0, True), (24 * 60, True), (24 * 60 + 1, False)])
def test_a_value_exactly_as_old_as_the_window_counts(age: int, expected: bool) -> None:
    seen = {GLUCOSE: [ObservedValue(Decimal("2.8"), NOW - timedelta(minutes=age))]}
    assert holds(latest(), Facts(NOW, ZONE, seen)) is expected


def test_only_the_newest_value_is_the_latest() -> None:
    assert not holds(latest(), Facts(NOW, ZONE, glucose("5.0", "2.8")))
    assert holds(latest(), Facts(NOW, ZONE, glucose("2.8", "5.0")))


def test_a_context_picks_the_newest_value_of_its_kind() -> None:
    seen = {
        GLUCOSE: [
            ObservedValue(Decimal("9.0"), NOW, MeasurementContext.AFTER_MEAL),
            ObservedValue(Decimal("7.5"), NOW - timedelta(hours=3), MeasurementContext.FASTING),
        ]
    }
    facts = Facts(NOW, ZONE, seen)
    assert holds(latest(op="==", value=7.5, context="fasting"), facts)
    assert not holds(latest(op="==", value=9.0, context="fasting"), facts)
    assert not holds(latest(op=">", value=1.0, context="bedtime"), facts)


@pytest.mark.parametrize(
    ("shown", "op", "expected"),
    [
        (OffScale.LOW, "<", True),
        (OffScale.LOW, "<=", True),
        (OffScale.LOW, ">=", False),
        (OffScale.LOW, "==", False),
        (OffScale.HIGH, ">", True),
        (OffScale.HIGH, ">=", True),
        (OffScale.HIGH, "<", False),
    ],
)
def test_lo_is_below_and_hi_above_every_number(shown: OffScale, op: str, expected: bool) -> None:
    seen = {GLUCOSE: [ObservedValue(None, NOW, off_scale=shown)]}
    assert holds(latest(op=op), Facts(NOW, ZONE, seen)) is expected


def test_counting_needs_enough_values_inside_the_window() -> None:
    rule = {
        "count": {
            "code": GLUCOSE, "op": ">=", "value": 13.9, "unit": "mmol/L",
            "within": "PT24H", "at_least": 2,
        }
    }  # fmt: skip
    assert holds(rule, Facts(NOW, ZONE, glucose("14.0", "8.0", "13.9")))
    assert not holds(rule, Facts(NOW, ZONE, glucose("14.0", "8.0")))
    apart = glucose("14.0", "13.9", every=timedelta(hours=24, minutes=1))
    assert not holds(rule, Facts(NOW, ZONE, apart))


@pytest.mark.parametrize(
    ("by", "newest", "expected"),
    [("2", "62.0", True), ("2", "61.9", False), ("-2", "58.0", True), ("-2", "58.1", False)],
)
def test_change_is_newest_minus_oldest(by: str, newest: str, expected: bool) -> None:
    rule = {"change": {"code": "29463-7", "over": "P3D", "by": by, "unit": "kg"}}
    weights = [
        ObservedValue(Decimal(newest), NOW),
        ObservedValue(Decimal("70"), NOW - timedelta(days=1)),
        ObservedValue(Decimal("60.0"), NOW - timedelta(days=3)),
        ObservedValue(Decimal("10.0"), NOW - timedelta(days=4)),
    ]
    assert holds(rule, Facts(NOW, ZONE, {"29463-7": weights})) is expected


def slots(*days: int) -> list[ScheduledReading]:
    """Fasting slots 05:00-11:00 local on these days of March 2026, newest first."""
    return [
        ScheduledReading(
            datetime(2026, 3, day, 5, tzinfo=ZONE), datetime(2026, 3, day, 11, tzinfo=ZONE)
        )
        for day in sorted(days, reverse=True)
    ]


ABSENT_3 = {"absent": {"code": GLUCOSE, "days": 3}}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # The third slot without a reading ends on 5 March at 11:00 in Shanghai.
        (datetime(2026, 3, 5, 10, 59, tzinfo=ZONE), False),
        (datetime(2026, 3, 5, 11, 0, tzinfo=ZONE), True),
    ],
)
def test_three_days_without_a_reading_are_over_with_the_third_slot(
    now: datetime, expected: bool
) -> None:
    read = {GLUCOSE: [ObservedValue(Decimal(6), datetime(2026, 3, 2, 7, tzinfo=ZONE))]}
    facts = Facts(now, ZONE, read, scheduled={GLUCOSE: slots(2, 3, 4, 5)})
    assert holds(ABSENT_3, facts) is expected


def test_absence_counts_scheduled_days_only_and_any_reading_ends_it() -> None:
    noon = datetime(2026, 3, 9, 12, tzinfo=ZONE)
    paused = Facts(noon, ZONE, scheduled={GLUCOSE: slots(2, 3)})
    assert not holds(ABSENT_3, paused)
    weekly = Facts(noon, ZONE, scheduled={GLUCOSE: slots(1, 4, 8)})
    assert holds(ABSENT_3, weekly)
    late_evening = {GLUCOSE: [ObservedValue(None, datetime(2026, 3, 1, 0, 30, tzinfo=ZONE))]}
    assert not holds(ABSENT_3, Facts(noon, ZONE, late_evening, scheduled={GLUCOSE: slots(1, 4, 8)}))
    before = {GLUCOSE: [ObservedValue(None, datetime(2026, 2, 28, 23, 59, tzinfo=ZONE))]}
    assert holds(ABSENT_3, Facts(noon, ZONE, before, scheduled={GLUCOSE: slots(1, 4, 8)}))


def test_a_day_with_an_open_slot_is_not_over() -> None:
    evening = ScheduledReading(
        datetime(2026, 3, 5, 20, 30, tzinfo=ZONE), datetime(2026, 3, 5, 23, 30, tzinfo=ZONE)
    )
    scheduled = {GLUCOSE: [evening, *slots(3, 4, 5)]}
    before = Facts(datetime(2026, 3, 5, 23, 29, tzinfo=ZONE), ZONE, scheduled=scheduled)
    assert not holds(ABSENT_3, before)
    after = Facts(datetime(2026, 3, 5, 23, 30, tzinfo=ZONE), ZONE, scheduled=scheduled)
    assert holds(ABSENT_3, after)


def test_diagnoses_match_by_the_beginning_of_their_code() -> None:
    facts = Facts(NOW, ZONE, conditions=frozenset({"E11.900x001", "I10"}))
    assert holds({"condition": {"code": "E11"}}, facts)
    assert holds({"condition": {"code": "E11.9"}}, facts)
    assert not holds({"condition": {"code": "E10"}}, facts)


def answered(value: object, at: datetime = NOW) -> Facts:
    return Facts(NOW, ZONE, answers={"weekly": Answers(at, {"item": value})})


def test_an_answer_is_compared_with_its_own_kind_only() -> None:
    def asks(op: str, value: object) -> dict[str, Anything]:
        leaf = {"questionnaire": "weekly", "link_id": "item", "op": op, "value": value}
        return {"answer": leaf}

    assert holds(asks("==", True), answered(True))
    assert not holds(asks("==", True), answered(False))
    assert not holds(asks("==", 1), answered(True))
    assert not holds(asks("==", True), answered(1))
    assert not holds(asks("==", "1"), answered(1))
    assert holds(asks(">=", 2), answered(2))
    assert not holds(asks(">=", 2), answered(1))
    within = {"answer": asks("==", True)["answer"] | {"within": "PT24H"}}
    assert holds(within, answered(True, NOW - timedelta(hours=24)))
    assert not holds(within, answered(True, NOW - timedelta(hours=25)))


def test_missed_looks_at_the_last_settled_tasks() -> None:
    rule = {"missed": {"kind": "questionnaire", "at_least": 2, "of": 3}}

    def history(*missed: bool) -> Facts:
        return Facts(
            NOW, ZONE, settled_tasks={"questionnaire": [SettledTask(NOW, one) for one in missed]}
        )

    assert holds(rule, history(True, False, True, False))
    assert not holds(rule, history(True, False, False, True))
    assert not holds(rule, history())


@pytest.mark.parametrize(
    ("born", "expected"),
    [(date(1961, 3, 5), True), (date(1961, 3, 6), False), (date(1960, 2, 29), True), (None, False)],
)
def test_age_is_in_completed_years_on_the_hospitals_day(born: date | None, expected: bool) -> None:
    facts = Facts(NOW, ZONE, birth_on=born)
    assert holds({"age": {"op": ">=", "years": 65}}, facts) is expected


def test_not_holds_where_there_is_nothing_to_look_at() -> None:
    assert holds({"not": latest()}, Facts(NOW, ZONE))


# Bounds, triggers, words


def test_one_evaluation_reads_at_most_its_budget() -> None:
    rule = {
        "count": {
            "code": GLUCOSE, "op": "<", "value": 3.9, "unit": "mmol/L",
            "within": "P366D", "at_least": 1,
        }
    }  # fmt: skip
    values = glucose(*["5.0"] * 10_000, every=timedelta(minutes=5))
    with pytest.raises(StepBudgetExceeded):
        holds(rule, Facts(NOW, ZONE, values))
    values[GLUCOSE] = values[GLUCOSE][:9_999]
    assert not holds(rule, Facts(NOW, ZONE, values))
    with pytest.raises(StepBudgetExceeded):
        holds({"any": [rule, rule]}, Facts(NOW, ZONE, values))


def test_a_tree_names_what_can_wake_it_and_how_far_it_looks() -> None:
    tree = parse_criterion(
        {
            "any": [
                latest(),
                {"absent": {"code": "8480-6", "days": 3}},
                {"condition": {"code": "E11"}},
                {"tag": {"key": "frail"}},
                {"answer": {"questionnaire": "weekly", "link_id": "a", "op": "==", "value": True}},
                {"missed": {"kind": "measurement", "at_least": 1, "of": 3}},
            ]
        }
    )
    assert wakes(tree) == {
        "observation:15074-8", "clock", "condition", "tag:frail", "response:weekly",
        "task:measurement",
    }  # fmt: skip
    assert look_back(tree) == {GLUCOSE: timedelta(days=1), "8480-6": timedelta(days=92)}


def test_time_can_wake_the_absence_of_a_recent_value() -> None:
    assert wakes(parse_criterion(latest())) == {"observation:15074-8"}
    assert wakes(parse_criterion({"not": latest()})) == {"observation:15074-8", "clock"}
    assert wakes(parse_criterion({"not": {"not": latest()}})) == {"observation:15074-8"}


def test_a_tree_is_told_in_chinese() -> None:
    tree = parse_criterion(
        {
            "all": [
                latest(context="fasting"),
                {"any": [{"condition": {"code": "E11"}}, {"age": {"op": ">=", "years": 65}}]},
                {"not": {"tag": {"key": "frail"}}},
                ABSENT_3,
            ]
        }
    )
    assert describe(tree) == (
        "1天内最近一次空腹血糖＜3.9 mmol/L，并且（有诊断2型糖尿病（E11），或者年龄≥65岁），"
        "并且没有标签“frail”，并且计划内连续3天没有血糖记录"
    )


# Compiled closures against a naive interpreter that shares no code with them.


def naive(tree: Criterion, facts: Facts) -> bool:  # noqa: C901
    def numeric(op: Comparator, left: Decimal, right: Decimal) -> bool:
        return {
            "<": left < right,
            "<=": left <= right,
            "==": left == right,
            ">=": left >= right,
            ">": left > right,
        }[op]

    def met(op: Comparator, seen: ObservedValue, wanted: Decimal) -> bool:
        low, high = Decimal("-Infinity"), Decimal("Infinity")
        shown = {OffScale.LOW: low, OffScale.HIGH: high}
        value = seen.value if seen.off_scale is None else shown[seen.off_scale]
        assert value is not None
        return numeric(op, value, wanted)

    def recent(code: str, span: timedelta) -> list[ObservedValue]:
        return [v for v in facts.observations.get(code, ()) if facts.now - v.effective_at <= span]

    if isinstance(tree, All):
        return all(naive(item, facts) for item in tree.items)
    if isinstance(tree, Any):
        return any(naive(item, facts) for item in tree.items)
    if isinstance(tree, Not):
        return not naive(tree.item, facts)
    if isinstance(tree, Latest):
        seen = [v for v in facts.observations.get(tree.code, ())
                if tree.context in (None, v.context)]  # fmt: skip
        newest = max(seen, key=lambda v: v.effective_at, default=None)
        return (
            newest is not None
            and facts.now - newest.effective_at <= tree.within
            and met(tree.op, newest, tree.value)
        )
    if isinstance(tree, Count):
        seen = [v for v in recent(tree.code, tree.within)
                if tree.context in (None, v.context) and met(tree.op, v, tree.value)]  # fmt: skip
        return len(seen) >= tree.at_least
    if isinstance(tree, Change):
        numbers = sorted(
            (v.effective_at, v.value) for v in recent(tree.code, tree.over) if v.value is not None
        )
        if len(numbers) < 2:
            return False
        moved = numbers[-1][1] - numbers[0][1]
        return moved >= tree.by if tree.by > 0 else moved <= tree.by
    if isinstance(tree, ActiveCondition):
        return any(code[: len(tree.prefix)] == tree.prefix for code in facts.conditions)
    if isinstance(tree, HasTag):
        return tree.key in facts.tags
    if isinstance(tree, Answered):
        answers = facts.answers.get(tree.questionnaire)
        value = answers.by_link_id.get(tree.link_id) if answers else None
        return type(value) is type(tree.value) and value == tree.value
    if isinstance(tree, Missed):
        last = list(facts.settled_tasks.get(tree.kind, ()))[: tree.of]
        return sum(task.is_missed for task in last) >= tree.at_least
    if isinstance(tree, Age):
        age = facts.age()
        return age is not None and numeric(tree.op, Decimal(age), Decimal(tree.years))
    assert isinstance(tree, Absent)
    return False


CODES = st.sampled_from([GLUCOSE, "8480-6"])
NUMBERS = st.sampled_from(["2.9", "3.0", "3.9", "10", "10.0", "16.7"]).map(Decimal)
SPANS = st.integers(1, 72).map(lambda hours: timedelta(hours=hours))
CONTEXTS = st.none() | st.sampled_from(list(MeasurementContext)[:2])
OPS = st.sampled_from(list(Comparator))
LEAVES = st.one_of(
    st.builds(Latest, CODES, OPS, NUMBERS, SPANS, CONTEXTS),
    st.builds(Count, CODES, OPS, NUMBERS, SPANS, st.integers(1, 3), CONTEXTS),
    st.builds(Change, CODES, SPANS, st.sampled_from([Decimal("6.1"), Decimal("-1")])),
    st.builds(ActiveCondition, st.sampled_from(["E11", "E11.9", "I10"])),
    st.builds(HasTag, st.sampled_from(["a", "b"])),
    st.builds(
        Answered, st.just("weekly"), st.just("item"), st.just(Comparator.EQUAL),
        st.sampled_from([True, False, "x"]),
    ),
    st.builds(Missed, st.just("measurement"), st.integers(1, 2), st.just(2)),
    st.builds(Age, OPS, st.integers(64, 66)),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: All(tuple(items))),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: Any(tuple(items))),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
VALUES = st.builds(
    lambda value, hours, context, shown: ObservedValue(
        None if shown else value, NOW - timedelta(hours=hours), context, shown
    ),
    NUMBERS,
    st.integers(0, 72),
    CONTEXTS,
    st.sampled_from([None, None, None, OffScale.LOW, OffScale.HIGH]),
)


def newest_first(values: list[ObservedValue]) -> list[ObservedValue]:
    by_time = {value.effective_at: value for value in values}
    return [by_time[at] for at in sorted(by_time, reverse=True)]


def facts_of(
    observations: Mapping[str, list[ObservedValue]],
    conditions: frozenset[str],
    tags: frozenset[str],
    answer: object,
    missed: list[bool],
    birth_on: date | None,
) -> Facts:
    return Facts(
        NOW,
        ZONE,
        observations=observations,
        conditions=conditions,
        tags=tags,
        answers={"weekly": Answers(NOW, {"item": answer})},
        settled_tasks={"measurement": [SettledTask(NOW, one) for one in missed]},
        birth_on=birth_on,
    )


FACTS = st.builds(
    facts_of,
    st.dictionaries(CODES, st.lists(VALUES, max_size=6).map(newest_first)),
    st.frozensets(st.sampled_from(["E11.9", "E119", "I10"])),
    st.frozensets(st.sampled_from(["a", "b"])),
    st.sampled_from([True, False, "x", 1]),
    st.lists(st.booleans(), max_size=3),
    st.none() | st.just(date(1961, 3, 5)) | st.just(date(1961, 3, 6)),
)


@given(TREES, FACTS)
def test_a_compiled_tree_agrees_with_a_naive_reading_of_it(tree: Criterion, facts: Facts) -> None:
    assert (compile_criterion(tree)(facts) is not None) is naive(tree, facts)
