"""The pack we ship, and how a pack with a fault is refused."""

import copy
import re
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.pack_sets import library_names
from app.domain.plans.packs import Medium, MediumKind, Pack
from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import Occurrence, occurrences
from app.domain.plans.rules import Grade, RuleIndex
from app.domain.profile.patient_facts import Answers, Facts, ObservedValue, ScheduledReading
from app.domain.profile.vital_signs import Interpretation, OffScale, VitalSign
from app.integrations.pack_files import read_pack

FOLDER = Path(__file__).parents[2] / "packs" / "t2dm-after-discharge"
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
GLUCOSE = "15074-8"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return read_pack(FOLDER)


# What we ship


def test_the_shipped_pack_is_a_draft_until_a_department_signs(pack: Pack) -> None:
    assert not pack.is_in_force(date(2026, 6, 1))


def test_its_articles_are_short_and_its_sentences_too(pack: Pack) -> None:
    assert len(pack.articles) == 7
    for article in pack.articles:
        assert 150 <= sum(map(len, article.paragraphs)) <= 400
        sentences = re.split("[。；？！]", "".join(article.paragraphs))
        assert max(map(len, sentences)) <= 60
        assert not re.search("[<>&]", "".join(article.paragraphs))


def test_an_article_may_have_places_for_pictures_and_videos(pack: Pack) -> None:
    told = copy.deepcopy(dict(pack.definition))
    told["articles"][0]["media"] = [{"kind": "video", "caption": "护士示范测血糖"}]
    shown = parse_pack(told)
    assert shown.articles[0].media == (Medium(MediumKind.VIDEO, "护士示范测血糖"),)
    assert shown.content_hash != pack.content_hash


def test_its_lock_screen_texts_tell_nothing_about_health(pack: Pack) -> None:
    telling = re.compile(r"糖|血|病|药|胰岛素|足|脚|检|测|\d")
    assert not [text for text in pack.notices.values() if telling.search(text)]


def test_severe_texts_name_120_and_low_ones_the_sugar(pack: Pack) -> None:
    for rule in pack.rules:
        assert rule.alert is not None
        if rule.grade is Grade.SEVERE:
            assert "120" in rule.alert.patient_text
        if rule.episode == "glucose-low":
            assert "15克糖" in rule.alert.patient_text
            assert "15分钟" in rule.alert.patient_text


def test_an_answer_that_raised_an_alert_is_told_in_the_words_of_the_form(pack: Pack) -> None:
    facts = Facts(NOW, ZONE, answers={"weekly-check": Answers(NOW, {"foot-wound": True})})
    (wound,) = [
        hit
        for one in RuleIndex(pack.rules, library_names([pack])).woken_by("response:weekly-check")
        if (hit := one.evaluate(facts))
    ]
    assert wound.lines[0].startswith("回答（2026-")
    assert wound.lines[0].endswith(
        "问卷“每周健康问卷”的“您的脚上现在有没有破口、水泡、变色，或新出现的麻木？”答“是”"
    )


def fired(pack: Pack, trigger: str, facts: Facts) -> set[tuple[str, str]]:
    index = RuleIndex(pack.rules)
    hits = [compiled.evaluate(facts) for compiled in index.woken_by(trigger)]
    return {(hit.rule.key[: hit.rule.key.index("-")], hit.rule.grade) for hit in hits if hit}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.6", {("d2", "severe")}),
        ("2.9", {("d2", "severe")}),
        ("3.0", {("d1", "moderate")}),
        ("3.8", {("d1", "moderate")}),
        ("3.9", set()),
        ("16.6", set()),
        ("16.7", {("d6", "moderate")}),
        ("33.3", {("d6", "moderate")}),
    ],
)
def test_glucose_fires_the_rule_of_its_range(
    pack: Pack, value: str, expected: set[tuple[str, str]]
) -> None:
    facts = Facts(NOW, ZONE, {GLUCOSE: [ObservedValue(Decimal(value), NOW)]})
    assert fired(pack, f"observation:{GLUCOSE}", facts) == expected


def test_lo_and_hi_are_severe(pack: Pack) -> None:
    low = Facts(NOW, ZONE, {GLUCOSE: [ObservedValue(None, NOW, off_scale=OffScale.LOW)]})
    assert fired(pack, f"observation:{GLUCOSE}", low) == {("d2", "severe")}
    high = Facts(NOW, ZONE, {GLUCOSE: [ObservedValue(None, NOW, off_scale=OffScale.HIGH)]})
    assert fired(pack, f"observation:{GLUCOSE}", high) == {("d6", "moderate"), ("d7", "severe")}


@pytest.mark.parametrize(
    ("value", "answers", "expected"),
    [
        ("16.7", {"vomiting": True}, {("d7", "severe")}),
        ("16.7", {"drowsy": True}, {("d7", "severe")}),
        ("16.7", {"deep-breathing": True}, {("d7", "severe")}),
        ("16.7", {"ketone": Decimal("3.0")}, {("d7", "severe")}),
        ("16.7", {"ketone": Decimal("2.9"), "vomiting": False}, set()),
        ("16.6", {"vomiting": True}, set()),
    ],
)
def test_danger_signs_make_a_high_value_severe(
    pack: Pack, value: str, answers: dict[str, object], expected: set[tuple[str, str]]
) -> None:
    facts = Facts(
        NOW,
        ZONE,
        {GLUCOSE: [ObservedValue(Decimal(value), NOW - timedelta(hours=1))]},
        answers={"high-glucose-check": Answers(NOW, answers)},
    )
    assert fired(pack, "response:high-glucose-check", facts) == expected


def test_a_foot_wound_is_moderate(pack: Pack) -> None:
    def answered(wound: bool) -> Facts:
        return Facts(NOW, ZONE, answers={"weekly-check": Answers(NOW, {"foot-wound": wound})})

    assert fired(pack, "response:weekly-check", answered(True)) == {("d11", "moderate")}
    assert fired(pack, "response:weekly-check", answered(False)) == set()


@pytest.mark.parametrize(
    ("silent_days", "expected"),
    [(2, set()), (3, {("d8", "mild")}), (5, {("d8", "mild"), ("d8", "moderate")})],
)
def test_silence_is_mild_on_day_three_and_moderate_on_day_five(
    pack: Pack, silent_days: int, expected: set[tuple[str, str]]
) -> None:
    plan = pack.plans[0]
    discharged, last_read = date(2026, 3, 1), date(2026, 3, 10)
    slots: list[Occurrence] = []
    now = datetime(2026, 3, 10 + silent_days, 23, 45, tzinfo=ZONE)
    for action in plan.actions:
        if action.kind is ActionKind.MEASUREMENT:
            slots += occurrences(action, discharged, ZONE, NOW - timedelta(days=99), now)
    slots.sort(key=lambda one: one.starts_at, reverse=True)
    read_at = datetime(last_read.year, last_read.month, last_read.day, 6, tzinfo=ZONE)
    facts = Facts(
        now,
        ZONE,
        {GLUCOSE: [ObservedValue(Decimal("6.0"), read_at)]},
        scheduled={GLUCOSE: [ScheduledReading(one.starts_at, one.expires_at) for one in slots]},
    )
    assert fired(pack, "clock", facts) == expected


def test_the_plan_asks_what_the_department_expects(pack: Pack) -> None:
    plan = pack.plans[0]
    discharged = date(2026, 3, 1)
    span = datetime(2026, 3, 1, tzinfo=ZONE), datetime(2027, 1, 1, tzinfo=ZONE)
    dated = {
        action.key: [
            (one.starts_at.astimezone(ZONE).date() - discharged).days
            for one in occurrences(action, discharged, ZONE, *span)
        ]
        for action in plan.actions
    }
    assert dated["medication-morning"] == list(range(1, 92))
    assert dated["glucose-fasting"] == list(range(1, 92))
    assert dated["glucose-bedtime-first-week"] == list(range(1, 7))
    assert dated["weekly-check"] == list(range(7, 92, 7))
    assert dated["nurse-call-day-3"] == [3]
    assert dated["revisit-two-weeks"] == [12]
    assert dated["revisit-three-months"] == [84]
    stages = [plan.stage_on(discharged, discharged + timedelta(days=day)) for day in (6, 7, 28)]
    assert [stage and stage.name for stage in stages] == ["第1周", "第2–4周", "第2–3月"]
    assert plan.stage_on(discharged, discharged + timedelta(days=92)) is None


def test_its_limits_read_glucose_as_its_rules_do(pack: Pack) -> None:
    limits = pack.limits[VitalSign.GLUCOSE]
    assert limits.interpret(Decimal("2.9")) is Interpretation.CRITICALLY_LOW
    assert limits.interpret(Decimal("3.9")) is Interpretation.NORMAL
    assert limits.interpret(Decimal("16.7")) is Interpretation.CRITICALLY_HIGH


# Content hash


def test_the_content_hash_follows_content_and_not_approval(pack: Pack) -> None:
    assert re.fullmatch("[0-9a-f]{64}", pack.content_hash)
    assert read_pack(FOLDER).content_hash == pack.content_hash
    signed = copy.deepcopy(dict(pack.definition))
    signed["sign_off"] = {
        "state": "approved", "department": "内分泌科", "approver": "演示主任",
        "approved_on": "2026-02-01",
    }  # fmt: skip
    approved = parse_pack(signed)
    assert approved.content_hash == pack.content_hash
    assert not approved.is_in_force(date(2025, 12, 31))
    assert approved.is_in_force(date(2026, 1, 1))
    reworded = copy.deepcopy(dict(pack.definition))
    reworded["articles"][0]["paragraphs"][0] += "。"
    assert parse_pack(reworded).content_hash != pack.content_hash


# Faults

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda d: d.update(colour="blue"), "colour"),
        (lambda d: d.pop("sign_off"), "sign_off"),
        (lambda d: d["sign_off"].update(state="approved"), "sign_off"),
        (lambda d: d.update(effective_from="1.1.2026"), "effective_from"),
        (lambda d: d["notices"].update(article="您" * 21), "notices.article"),
        (lambda d: d["notices"].update(article="记录今天的血糖"), "notices.article"),
        (lambda d: d["notices"].update(sms="您有一项任务"), "notices.sms"),
        (lambda d: d["notices"].pop("article"), "plans[0].actions[0].kind (notices)"),
        (lambda d: d["limits"][GLUCOSE].update(unit="mg/dL"), "limits.15074-8.unit"),
        (lambda d: d["limits"][GLUCOSE].update(low=1), "limits.15074-8"),
        (lambda d: d["limits"].update({"0-0": {}}), "limits.0-0"),
        (lambda d: d["tags"].append(d["tags"][0]), "tags"),
        (lambda d: d["tags"].reverse(), "tags[9].parent"),
        (lambda d: d["tag_rules"][0].update(tag="gout"), "tag_rules[0].tag"),
        (lambda d: d["tag_rules"][0].update(source="blog"), "tag_rules[0].source"),
        (lambda d: d["articles"].pop(0), "plans[0].actions[0].article"),
        (lambda d: d["articles"][0].update(source="blog"), "articles[0].source"),
        (lambda d: d["articles"][0].update(html="<b>"), "articles[0].html"),
        (
            lambda d: d["articles"][0].update(media=[{"kind": "song", "caption": "歌"}]),
            "articles[0].media[0].kind",
        ),
        (
            lambda d: d["articles"][0].update(media=[{"kind": "video"}]),
            "articles[0].media[0].caption",
        ),
        (lambda d: d["plans"][0].update(tag="gout"), "plans[0].tag"),
        (lambda d: d["plans"][0]["stages"][1].update(first_day=5), "plans[0].stages"),
        (lambda d: d["plans"][0]["actions"][0].pop("article"), "plans[0].actions[0]"),
        (
            lambda d: d["plans"][0]["actions"][0]["timing"].update(at="8:00"),
            "plans[0].actions[0].timing.at",
        ),
        (
            lambda d: d["plans"][0]["actions"][0]["timing"].update(every="P1D"),
            "plans[0].actions[0].timing",
        ),
        (
            lambda d: d["plans"][0]["actions"][0]["timing"].update(due_after="P15D"),
            "plans[0].actions[0].timing",
        ),
        (
            lambda d: d["plans"][0]["actions"][0]["timing"].update(start="P1Y"),
            "plans[0].actions[0].timing.start",
        ),
        (
            lambda d: d["plans"][0]["actions"][0].update(code=GLUCOSE),
            "plans[0].actions[0]",
        ),
        (lambda d: d["rules"][0].update(source="blog"), "rules[0].source"),
        (
            lambda d: d["rules"][0]["actions"][1]["article"].update(key="gone"),
            "rules[0].actions[1].article.key",
        ),
        (
            lambda d: d["rules"][0].update(condition={"tag": {"key": "gout"}}),
            "rules[0].condition (tag)",
        ),
        (
            lambda d: d["rules"][0].update(
                condition={"missed": {"kind": "yoga", "at_least": 1, "of": 1}}
            ),
            "rules[0].condition (missed)",
        ),
        (
            lambda d: d["rules"][-1]["condition"]["answer"].update(link_id="hand"),
            "rules[17].condition (answer)",
        ),
        (
            lambda d: d["rules"][-1]["condition"]["answer"].update(value="yes"),
            "rules[17].condition (answer)",
        ),
        (lambda d: d["rules"].pop(), "questionnaires[0].items[2].react_to"),
    ],
)  # fmt: skip
def test_a_pack_with_a_fault_is_refused_with_its_path(
    pack: Pack, change: Change, path: str
) -> None:
    broken = copy.deepcopy(dict(pack.definition))
    change(broken)
    with pytest.raises(InvalidDefinition) as refused:
        parse_pack(broken)
    assert refused.value.path == path


# Files


def broken_copy(tmp_path: Path, name: str, text: str) -> Path:
    folder = tmp_path / "pack"
    shutil.copytree(FOLDER, folder)
    (folder / name).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("extra: 1\nextra: 2\n", "twice"),
        ("extra: {a: 1, a: 2}\n", "twice"),
        ("id: other\n", "another file has it too"),
        ("1: one\n", "key must be text"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "not the YAML we read"),
        ("a: &x 1\nb: *x\n", "aliases are not allowed"),
        ("a: !!python/object/apply:os.system [true]\n", "not the YAML we read"),
        # libyaml alone would take minutes for the first and end the process on the second.
        ("a: " + "[" * 400_000, "nested deeper than 40"),
        ("a: " + "[" * 40 + "]" * 40, "nested deeper than 40"),
        ("- " * 200_000, "nested deeper than 40"),
        ("\n".join(" " * level + "a:" for level in range(41)), "nested deeper than 40"),
        ("a: " + "[" * 38 + "]" * 38, "a: unknown key"),
        ("a: " + "x" * 600_000, "too large"),
    ],
)
def test_a_file_that_could_surprise_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidDefinition, match=problem):
        read_pack(broken_copy(tmp_path, "zz.yaml", text))


def test_a_file_in_another_encoding_or_an_empty_folder_is_refused(tmp_path: Path) -> None:
    folder = broken_copy(tmp_path, "zz.yaml", "")
    (folder / "zz.yaml").write_bytes("标题: 甲".encode("gb18030"))
    with pytest.raises(InvalidDefinition, match=r"zz\.yaml"):
        read_pack(folder)
    with pytest.raises(InvalidDefinition, match="no YAML file"):
        read_pack(tmp_path)


def test_words_that_older_yaml_reads_as_something_else_stay_words(tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(FOLDER, folder)
    plans = (folder / "plans.yaml").read_text("utf-8").replace('at: "10:00"', "at: 10:00")
    (folder / "plans.yaml").write_text(plans, "utf-8")
    assert read_pack(folder).plans == read_pack(FOLDER).plans
