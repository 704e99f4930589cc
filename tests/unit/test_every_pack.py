"""All packs we ship: whole, each rule shown to fire and to keep still, each as its document says.

`tests/packs/ID.yaml` has facts and the rules they set off.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.cli.packs import EXAMPLE_ANCHOR, MARKER, document, pack_folders
from app.domain.criteria.population import PlanState
from app.domain.criteria.wording import describe
from app.domain.definitions import read_duration
from app.domain.intake.hospital_records import Gender
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_sets import in_order, library_names, problems
from app.domain.plans.packs import Pack, SignOffState
from app.domain.plans.plan import ActionKind
from app.domain.plans.rules import Grade, RuleIndex
from app.domain.profile.patient_facts import (
    Answers,
    Facts,
    ObservedValue,
    ScheduledReading,
    SettledTask,
)
from app.domain.profile.vital_signs import MeasurementContext
from app.integrations.pack_files import read_pack, read_yaml
from tests.conftest import ROOT

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)  # 23:30, when the day's readings are over
FOLDERS = pack_folders(ROOT / "packs")
WITH_RULES = [folder.name for folder in FOLDERS if (folder / "rules.yaml").exists()]

pack = cache(lambda name: read_pack(ROOT / "packs" / name))


def test_packs_go_together() -> None:
    found = in_order(pack(folder.name) for folder in FOLDERS)
    assert problems(found) == []
    assert [one.id for one in found if one.sign_off.state is not SignOffState.DRAFT] == []


@pytest.mark.parametrize("name", WITH_RULES)
def test_every_rule_fires_and_keeps_still(name: str) -> None:
    told = read_yaml(ROOT / "tests" / "packs" / f"{name}.yaml")["cases"]
    index = RuleIndex(pack(name).rules)
    fired: set[str] = set()
    silent: set[str] = set()
    for number, case in enumerate(told):
        facts = facts_of(case, pack(name))
        woken = {one.rule.key: one for trigger in triggers(case) for one in index.woken_by(trigger)}
        hits = {key for key, one in woken.items() if one.evaluate(facts)}
        assert hits == set(case["fires"]), f"case {number}: {case}"
        fired |= hits
        silent |= woken.keys() - hits
    every = {rule.key for rule in pack(name).rules}
    assert every - fired == set(), "no case sets them off"
    assert every - silent == set(), "no case wakes them in vain"


def triggers(case: Mapping[str, Any]) -> set[str]:
    return {
        *(f"observation:{code}" for code in case.get("values", {})),
        *(f"response:{form}" for form in case.get("answers", {})),
        *(f"response:{form}" for form in case.get("scores", {})),
        *(f"task:{kind}" for kind in case.get("missed", {})),
        *(f"tag:{key}" for key in case.get("tags", ())),
        *(["clock"] if "silent_days" in case else []),
        *(["medication"] if "medications" in case else []),
    }


def facts_of(case: Mapping[str, Any], of: Pack) -> Facts:
    return Facts(
        NOW,
        ZONE,
        observations={code: list(values_of(told)) for code, told in case.get("values", {}).items()},
        answers=forms_of(case),
        settled_tasks={
            kind: [SettledTask(NOW, True)] * times for kind, times in case.get("missed", {}).items()
        },
        scheduled={code: slots(days) for code, days in case.get("silent_days", {}).items()},
        tags=frozenset(case.get("tags", ())),
        plans=dict.fromkeys(case.get("plans", ()), PlanState.ACTIVE),
        conditions=frozenset(case.get("conditions", ())),
        medications=frozenset(case.get("medications", ())),
        gender=Gender(case["gender"]) if "gender" in case else None,
        birth_on=NOW.date() - timedelta(days=case["age_days"]) if "age_days" in case else None,
    )


def values_of(told: list[list[Any]]) -> list[ObservedValue]:
    """Return values newest first; each is told as number, how long ago, context."""
    found = [
        ObservedValue(
            Decimal(str(value)),
            NOW - read_duration(ago, "ago"),
            MeasurementContext(context[0]) if context else None,
        )
        for value, ago, *context in told
    ]
    return sorted(found, key=lambda one: one.effective_at, reverse=True)


def forms_of(case: Mapping[str, Any]) -> dict[str, Answers]:
    answers, scores = case.get("answers", {}), case.get("scores", {})
    return {
        form: Answers(
            NOW, {key: exact(one) for key, one in answers.get(form, {}).items()}, scores.get(form)
        )
        for form in {*answers, *scores}
    }


def exact(answer: Any) -> Any:
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    return Decimal(str(answer)) if is_number else answer


def slots(days: int) -> list[ScheduledReading]:
    return [
        ScheduledReading(NOW - timedelta(days=day, hours=6), NOW - timedelta(days=day, hours=2))
        for day in range(days)
    ]


@pytest.mark.parametrize("name", WITH_RULES)
def test_texts_are_such_as_people_can_read_anywhere(name: str) -> None:
    one = pack(name)
    for rule in one.rules:
        if rule.grade is Grade.SEVERE:
            assert rule.cool_down == timedelta(), rule.key
    for article in one.articles:
        text = "".join(article.paragraphs)
        assert 150 <= len(text) <= 400, f"{article.key}: {len(text)}"
        longest = max(re.split("[。；？！：]", text), key=len)
        assert len(longest) <= 60, longest
        assert not re.search("[<>&]", text)
    telling = re.compile(r"糖|血|病|药|癌|瘤|化疗|心理|抑郁|情绪|检|测|\d")
    notices = [text for kind, text in one.notices.items() if kind is not ActionKind.STAFF_TASK]
    assert [text for text in notices if telling.search(text)] == []


def test_a_nurse_reads_no_key_and_no_nameless_code_in_a_condition() -> None:
    packs = [pack(folder.name) for folder in FOLDERS]
    names = library_names(packs)
    asked = [rule.condition for one in packs for rule in one.rules]
    asked += [plan.enrol_when for one in packs for plan in one.plans if plan.enrol_when]
    raw = re.compile("[“＝][a-z][a-z0-9]*[-”]|有?诊断[A-Z][0-9]|药品|[{}*]")
    assert [told for one in asked if raw.search(told := describe(one, names))] == []


@pytest.mark.parametrize("name", WITH_RULES)
def test_the_document_is_the_pack(name: str) -> None:
    forms = [pack("instruments")] if pack(name).borrows else []
    kept = (ROOT / "docs" / "packs" / f"{name}.md").read_text("utf-8")
    assert kept.partition(MARKER)[2].lstrip("\n") == document(pack(name), EXAMPLE_ANCHOR, forms)


def test_what_does_not_go_together_is_told() -> None:
    one = pack("t2dm-after-discharge")
    told = problems([one, renamed("other", {})])
    assert "other: rules: d1-glucose-low is a key of t2dm-after-discharge" in told
    assert "other: episodes: glucose-low is a key of t2dm-after-discharge" in told
    told = problems([renamed("third", {"borrows": ["phq-9"]})])
    assert told == ["third: borrows: phq-9 is in none of these packs"]
    rules = pack("t2dm-after-discharge").definition["rules"]
    asking = {**rules[0], "condition": {"plan": {"key": "gone"}}}
    told = problems([renamed("fourth", {"rules": [asking, *rules[1:]]})])
    assert told == ["fourth: rules: d1-glucose-low asks for gone, a plan of none of these packs"]


def renamed(name: str, more: Mapping[str, Any]) -> Pack:
    return parse_pack({**pack("t2dm-after-discharge").definition, "id": name, **more})
