"""Tags: proposed by rules, decided by people."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.profile.patient_facts import Facts, ObservedValue
from app.domain.profile.tag_standing import (
    FoundTag,
    Judged,
    KeptTag,
    Standing,
    TagSource,
    weigh,
)
from app.domain.profile.tagging import (
    TagIndex,
    parse_tag_definition,
    parse_tag_rule,
)

NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)


def tag(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": key, "class": "treatment"} | more


def rule(key: str, when: dict[str, Any], confidence: float = 1) -> dict[str, Any]:
    return {"tag": key, "when": when, "confidence": confidence, "source": "cds"}


def hba1c(op: str, value: float) -> dict[str, Any]:
    leaf = {"code": "4548-4", "op": op, "value": value, "unit": "%", "within": "P180D"}
    return {"latest": leaf}


INDEX = TagIndex(
    [
        parse_tag_definition(one)
        for one in (
            tag("type-2-diabetes"),
            tag("above-target", exclusion_group="hba1c"),
            tag("high", exclusion_group="hba1c", expires_after="P90D"),
            tag("in-follow-up"),
        )
    ],
    [
        parse_tag_rule(one)
        for one in (
            rule("type-2-diabetes", {"condition": {"code": "E11"}}),
            rule("above-target", hba1c(">=", 7), confidence=0.9),
            rule("high", hba1c(">=", 9)),
        )
    ],
)


def facts(hba1c_percent: str | None = None, *conditions: str) -> Facts:
    seen = {}
    if hba1c_percent is not None:
        seen = {"4548-4": [ObservedValue(Decimal(hba1c_percent), NOW)]}
    return Facts(NOW, ZoneInfo("Asia/Shanghai"), seen, conditions=frozenset(conditions))


def changes(
    current: list[KeptTag], known: Facts, **decided: bool
) -> tuple[set[str], set[str], set[str]]:
    found = [
        FoundTag(one.tag, one.confidence, TagSource.RULE, "rule:cds", "", expires_at=one.expires_at)
        for one in INDEX.desired(known)
    ]
    said = {key.replace("_", "-"): word for key, word in decided.items()}
    standing = Standing({one.tag: one for one in current}, decided=said)
    judged = Judged(TagSource.RULE, {one for slot in INDEX.slots for one in slot.tags}, "rule:")
    done = weigh(standing, found, judged, INDEX.definitions, NOW)
    return {one.tag_key for one in done.give}, set(done.end), {one.tag_key for one in done.renew}


def by_rule(key: str, expires_at: datetime | None = None, confidence: str = "1") -> KeptTag:
    return KeptTag(key, TagSource.RULE, "rule:cds", Decimal(confidence), expires_at)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("6.9", set()), ("7.0", {"above-target"}), ("8.9", {"above-target"}), ("9.0", {"high"})],
)
def test_of_an_exclusion_group_the_surest_rule_wins(value: str, expected: set[str]) -> None:
    assert {one.tag for one in INDEX.desired(facts(value))} == expected


def test_a_desired_tag_brings_evidence_confidence_and_expiry() -> None:
    (desired,) = INDEX.desired(facts("9.4"))
    assert desired.confidence == 1
    assert desired.evidence[0].shown == "9.4"
    assert desired.expires_at == NOW + timedelta(days=90)


def test_a_change_of_data_adds_one_tag_and_removes_its_rival() -> None:
    borne = [by_rule("above-target", confidence="0.9")]
    assert changes(borne, facts("9.4")) == ({"high"}, {"above-target"}, set())


def test_what_is_as_desired_stays_untouched() -> None:
    current = [by_rule("type-2-diabetes")]
    assert changes(current, facts(None, "E11.9")) == (set(), set(), set())


def test_a_tag_no_rule_gives_is_not_taken_away() -> None:
    assert changes([by_rule("in-follow-up")], facts()) == (set(), set(), set())


def test_a_tag_a_person_set_is_neither_removed_nor_shut_out_by_a_rival() -> None:
    locked = [KeptTag("above-target", TagSource.PERSON)]
    assert changes(locked, facts("9.4"), above_target=True) == (set(), set(), set())
    assert changes(locked, facts(), above_target=True) == (set(), set(), set())


def test_a_tag_a_person_removed_does_not_come_back() -> None:
    assert changes([], facts(None, "E11.9"), type_2_diabetes=False) == (set(), set(), set())


def test_a_person_who_removed_one_tag_leaves_room_for_its_rival() -> None:
    assert changes([], facts("9.4"), above_target=False) == ({"high"}, set(), set())


def test_an_expired_tag_goes_and_a_fresh_reason_renews_it() -> None:
    assert changes([by_rule("in-follow-up", NOW)], facts()) == (set(), {"in-follow-up"}, set())
    soon = NOW + timedelta(days=1)
    assert changes([by_rule("high", soon)], facts("9.4")) == (set(), set(), {"high"})
    later = NOW + timedelta(days=90)
    assert changes([by_rule("high", later)], facts("9.4")) == (set(), set(), set())


def test_the_index_knows_what_makes_tags_change() -> None:
    assert INDEX.wakes == {"condition", "observation:4548-4", "clock"}


@pytest.mark.parametrize("confidence", [0, 1.1, -1, "high"])
def test_confidence_is_a_share(confidence: object) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_tag_rule(rule("high", hba1c(">=", 9)) | {"confidence": confidence})
    assert refused.value.path == "tag_rule.confidence"
