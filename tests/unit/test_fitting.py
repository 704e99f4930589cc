"""What a message may say before it is queued: the platform's limits, and a lock screen's."""

from typing import Any

import pytest
import yaml

from app.domain.outreach.channels import CONTRACTS, Audience
from app.domain.outreach.fitting import SAMPLE, template_flaws, unfit
from app.domain.outreach.keywords import misfits
from app.domain.outreach.lock_screen import revealing
from app.domain.outreach.medical_assistant import business_info, flaws
from app.domain.outreach.messaging import Channel, MedicalScene, PatientTemplate
from app.domain.plans.pack_parsing import LONGEST_NOTICE
from tests.conftest import ROOT

GOOD = {"thing1": "您有一项今日健康任务", "time2": "2026-05-04 08:00"}
SCENE = MedicalScene(
    1501001,
    {"pat_name": "{name}", "pat_hospital_id": "{record}", "department_name": "门诊楼 2 层"},
)


@pytest.mark.parametrize(
    "text",
    [
        "您的化疗安排有变化",  # treatment
        "记录今天的血糖",  # test
        "请按时服用二甲双胍",  # drug
        "肿瘤科随访",  # department
        "白血病患儿家长会",  # diagnosis
        "HIV 咨询",
        "CT检查提醒",
        "INR 该查了",
        "阿托伐他汀该续方了",
    ],
)
def test_a_text_that_tells_why_somebody_is_a_patient_is_caught(text: str) -> None:
    assert revealing(text)


@pytest.mark.parametrize(
    "text",
    [
        "您有一项今日健康任务",
        "您有一份健康问卷待填写",
        "明天 08:00 复诊，请打开小程序查看",
        "请打开 https://careloop.example/activity 查看",  # `CT` and `PET` inside of words
        "您的验证码是 123456，五分钟内有效",
        "petition",
    ],
)
def test_a_decent_text_passes(text: str) -> None:
    assert revealing(text) == []


def test_what_every_pack_says_on_a_lock_screen_is_decent_and_fits() -> None:
    packs = sorted((ROOT / "packs").glob("*/pack.yaml"))
    notices = {
        (path.parent.name, kind): text
        for path in packs
        for kind, text in (yaml.safe_load(path.read_text("utf-8")).get("notices") or {}).items()
    }

    assert len(notices) > 40
    assert {place: found for place, text in notices.items() if (found := revealing(text))} == {}
    assert [place for place, text in notices.items() if misfits({"thing1": text})] == []


@pytest.mark.parametrize(
    ("channel", "content", "why"),
    [
        (Channel.SUBSCRIPTION, {"data": GOOD}, None),
        (Channel.TEMPLATE, {"data": GOOD}, None),
        (Channel.SUBSCRIPTION, {"data": GOOD | {"thing1": "字" * 21}}, "unfit: thing1"),
        (Channel.SUBSCRIPTION, {"data": GOOD | {"time2": "明天"}}, "unfit: time2"),
        (Channel.TEMPLATE, {"data": GOOD | {"thing1": "记录今天的血糖"}}, "reveals"),
        (Channel.SMS, {"params": {"code": "123456"}}, None),
        (Channel.SMS, {"params": {"title": "字" * 71}}, "unfit: too long"),
        (Channel.SMS, {"params": {"title": "化疗提醒"}}, "reveals"),
        (Channel.MEDICAL_ASSISTANT, {"fields": {"department_name": "肿瘤科"}}, "reveals"),
        (Channel.MEDICAL_ASSISTANT, {"fields": {"department_name": "门诊楼 2 层"}}, None),
        (Channel.CUSTOMER_SERVICE, {"text": "字" * 683}, "unfit: too long"),
        (Channel.CUSTOMER_SERVICE, {"text": "字" * 682}, None),
        (Channel.CUSTOMER_SERVICE, {"text": "您有新回复", "title": "血糖"}, "reveals"),
        (Channel.WECOM_GROUP_TASK, {"text": "字" * 1334}, "unfit: too long"),
        (Channel.WECOM_GROUP_TASK, {"text": "本周健康小课堂"}, None),
        # Behind sign-in, and among staff, it is said plainly.
        (Channel.INBOX, {"text": "记录今天的血糖"}, None),
        (Channel.WECOM_CARD, {"title": "血糖危急值"}, None),
        # Missing is not unfit: the sender sees to it.
        (Channel.SUBSCRIPTION, {}, None),
        (Channel.SUBSCRIPTION, {"data": "text"}, None),
    ],
)
def test_what_would_be_refused_or_told_to_others_is_found_before_it_is_queued(
    channel: Channel, content: dict[str, Any], why: str | None
) -> None:
    assert unfit(channel, content) == why


def test_a_template_is_tried_with_the_longest_title_a_pack_may_have() -> None:
    assert len(SAMPLE["title"]) == LONGEST_NOTICE


def test_every_channel_to_patients_is_looked_at() -> None:
    for channel, contract in CONTRACTS.items():
        if contract.audience is Audience.PATIENT and contract.is_on_lock_screen:
            said = {"text": "化疗"}
            content = {**said, "data": {"keyword1": "化疗"}, "fields": said, "params": said}
            assert unfit(channel, content) == "reveals", channel


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"thing1": "{title}", "time2": "{time}"}, []),
        ({"thing1": "血糖提醒"}, ["thing1 says '血糖' on a lock screen"]),
        ({"thing1": "{patient}"}, ["asks for {patient}, which no message has"]),
        ({"phrase1": "{title}"}, [f"phrase1 does not take {SAMPLE['title']!r}"]),
        ({"thing1": ""}, ["thing1 does not take ''"]),
    ],
)
def test_a_configured_template_is_looked_at_whole(data: dict[str, str], found: list[str]) -> None:
    assert template_flaws(PatientTemplate("T", data)) == found


def test_a_scene_of_the_medical_assistant_is_filled_in() -> None:
    assert flaws(SCENE) == []
    told = business_info(SCENE, {"name": "张*", "record": "12345"})
    assert told["pat_name"] == "张*"
    with pytest.raises(KeyError):
        business_info(SCENE, {"name": "张*"})


@pytest.mark.parametrize(
    ("status", "fields", "found"),
    [
        (2501001, SCENE.fields, "status 2501001 is none of 1501xxx to 1505xxx"),
        (1501001, {"pat_name": "{name}", "department_name": "x"}, "pat_hospital_id is required"),
        (
            1501001,
            {**SCENE.fields, "memo": "{secret}"},
            "memo asks for {secret}, which no message has",
        ),
        (1501001, {**SCENE.fields, "memo": "化疗"}, "memo says '化疗' on a lock screen"),
        (1501001, {**SCENE.fields, "memo": " "}, "memo is empty"),
        (1501001, {**SCENE.fields, "Memo!": "x"}, "Memo! is not a field's name"),
    ],
)
def test_a_scene_the_platform_would_refuse_is_found(
    status: int, fields: dict[str, str], found: str
) -> None:
    assert flaws(MedicalScene(status, fields)) == [found]


def test_a_status_that_asks_for_less_may_be_given_less() -> None:
    assert flaws(MedicalScene(1505001, {"memo": "{title}"}, frozenset({"memo"}))) == []
