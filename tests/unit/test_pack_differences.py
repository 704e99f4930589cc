"""The next version of a pack: numbers, sentences, and YAML that says exactly the same."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.plans.pack_differences import differences
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_versions import next_version, numbered
from app.integrations.pack_files import read_pack, read_text, write_text
from tests.conftest import ROOT

PACKS = sorted(one.parent for one in (ROOT / "packs").glob("*/pack.yaml"))


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return dict(read_pack(ROOT / "packs" / "t2dm-after-discharge").definition)


def changed(shipped: dict[str, Any]) -> dict[str, Any]:
    draft = copy.deepcopy(shipped)
    plan = draft["plans"][0]
    actions = {one["key"]: one for one in plan["actions"]}
    actions["glucose-fasting"]["timing"]["at"] = "05:30"
    actions["weekly-check"]["title"] = "填写健康问卷"
    plan["actions"].remove(actions["article-diet"])
    plan["actions"].append(
        {"key": "call-day-10", "kind": "staff-task", "title": "第10天电话",
         "timing": {"start": "P10D", "at": "09:00", "due_after": "PT8H", "expires_after": "P2D"}}
    )  # fmt: skip
    plan["enrol_when"] = {"condition": {"code": "E10"}}
    draft["effective_until"] = "2027-12-31"
    return draft


def test_a_change_is_told_in_sentences(shipped: dict[str, Any]) -> None:
    told = differences(shipped, changed(shipped))

    place = "计划“2型糖尿病出院后随访”"
    assert told[0] == "失效日期：加上“2027-12-31”。"
    assert told[1].startswith(f"{place}的入组条件：由“有诊断2型糖尿病（E11）”")
    assert (
        f"新增{place}的安排“第10天电话”：出院后 10 天，09:00 开始，8 小时内完成，2 天后不再收。"
        in told
    )
    assert any(one.startswith(f"去掉{place}的安排“读一读：怎样吃饭”") for one in told)
    assert any("测一次空腹血糖”的时间：由“出院后 1 天起，每天，到 91 天为止，05:00 开始" in one
               for one in told)  # fmt: skip
    assert (
        f"{place}的安排“填写每周健康问卷”的标题：由“填写每周健康问卷”改为“填写健康问卷”。" in told
    )
    assert len(told) == 6
    assert differences(shipped, shipped) == ()


def test_what_changed_bears_the_next_number_and_nothing_else(shipped: dict[str, Any]) -> None:
    told = numbered(shipped, changed(shipped), {"1.1.0", "1.1.1"})

    assert told["version"] == "1.1.2"
    assert told["plans"][0]["version"] == shipped["plans"][0]["version"] + 1
    assert [one["version"] for one in told["rules"]] == [one["version"] for one in shipped["rules"]]
    assert parse_pack(told).plans[0].version == shipped["plans"][0]["version"] + 1
    again = numbered(shipped, told, {"1.0.0"}, {("plans", "t2dm-after-discharge"): 7})
    assert again["plans"][0]["version"] == 8
    assert next_version("2026-11", ()) == "2026-12"
    assert next_version("draft", ("draft.1",)) == "draft.2"


@pytest.mark.parametrize("folder", PACKS, ids=lambda folder: folder.name)
def test_every_shipped_pack_comes_back_from_yaml_as_it_was(folder: Any) -> None:
    pack = read_pack(folder)
    again = read_text(write_text(pack.definition))
    assert again == pack.definition
    assert parse_pack(again).content_hash == pack.content_hash
    assert write_text(again) == write_text(pack.definition)


_WORDS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    st.sampled_from(["on", "yes", "null", "~", "10:00", "2026-03-01", "1.0", "-1", "0x1", "1e3",
                     "=", "<<", "*a", "&a", "- a", "a: b", "#", "", " ", "是"]),
)  # fmt: skip
_VALUES = st.recursive(
    st.one_of(_WORDS, st.booleans(), st.integers(-10**6, 10**6), st.none(),
              st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_WORDS, _VALUES, min_size=1, max_size=3))
def test_whatever_a_pack_may_hold_comes_back_from_yaml(content: dict[str, Any]) -> None:
    assert read_text(write_text(content)) == content
