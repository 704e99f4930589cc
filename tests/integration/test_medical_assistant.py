"""就医助手: its file, its sender, and its messages in the outbox."""

from pathlib import Path
from typing import Any

import pytest

from app.domain.definitions import InvalidDefinition
from app.domain.outreach.medical_assistant import business_info
from app.domain.outreach.messaging import Accepted, Channel, ErrorClass, Failure, Outgoing, Outlets
from app.integrations.medical_assistant import medical_assistant_sender, read_scenes
from app.integrations.wechat import OfficialAccount
from app.settings import Settings, WeChat
from tests.conftest import ROOT, SECRET_KEYS
from tests.integration.platforms import PAGE
from tests.standin.support import ACCOUNT, MEDICAL_STATUS, MINI, Platform
from wiring import outlets

EXAMPLE = ROOT / "docs" / "examples" / "medical-assistant.yaml"
OPENID = "oVisitor"
SEND = "/cityservice/sendchannelmsg"
SAID = {"name": "张*", "record": "000123", "time": "2026-05-04 08:00", "title": "您有一项新安排"}


def outgoing(public_id: str = "m1", **changes: Any) -> Outgoing:
    scene = read_scenes(EXAMPLE)["task-reminder"]
    content = {
        "openid": OPENID, "status": scene.status, "order_id": "encounter-1", "page": PAGE,
        "fields": business_info(scene, SAID),
    }  # fmt: skip
    return Outgoing(public_id, Channel.MEDICAL_ASSISTANT, "account", content | changes)


def test_a_user_of_the_mini_program_gets_it_without_a_subscription(
    account: OfficialAccount, standin: Platform
) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID])

    assert medical_assistant_sender({"account": account})(outgoing()) == Accepted()
    (entry,) = standin.ledger("medical_message", openid=OPENID)
    assert (entry["app"], entry["status"], entry["msgid"]) == (ACCOUNT, MEDICAL_STATUS, "m1")
    assert entry["data"]["department_name"] == "门诊服务中心"
    assert entry["redirect"] == {"page_type": "mini_program", "app_id": MINI, "fullpath": PAGE}


def test_a_repeat_after_a_lost_answer_has_no_second_effect(
    account: OfficialAccount, standin: Platform
) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID])
    standin.control("/faults", path=SEND, kind="half", after=True, times=1)
    send = medical_assistant_sender({"account": account})

    assert send(outgoing()) == Failure(ErrorClass.AMBIGUOUS)
    assert send(outgoing()) == Accepted()
    assert len(standin.ledger("medical_message", openid=OPENID)) == 1


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"openid": "oStranger"}, Failure(ErrorClass.RECIPIENT, 40003)),
        ({"status": 1501999}, Failure(ErrorClass.CONTENT, 47001)),
        ({"fields": {}}, Failure(ErrorClass.CONTENT, 47001)),
        ({"page": "pages/none/index"}, Failure(ErrorClass.CONTENT, 41030)),
        ({"fields": None}, Failure(ErrorClass.CONTENT)),
    ],
)
def test_a_refusal_says_what_it_means(
    account: OfficialAccount, standin: Platform, changes: dict[str, Any], failure: Failure
) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID])

    assert medical_assistant_sender({"account": account})(outgoing(**changes)) == failure


def test_without_its_account_it_is_our_fault() -> None:
    assert medical_assistant_sender({})(outgoing()) == Failure(ErrorClass.OURS)


GOOD = "status: 1501001, fields: {pat_name: x, pat_hospital_id: x, department_name: x}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scenes: {}", "must hold scenes"),
        ("- a", "must hold scenes"),
        (f"scenes: {{task-reminder: {{{GOOD}}}}}\nmore: 1", "must hold scenes"),
        ("scenes: {a: {status: '1501001', fields: {}}}", "scenes.a.status"),
        ("scenes: {a: {status: 1501001, fields: [x]}}", "scenes.a.fields"),
        (f"scenes: {{a: {{{GOOD}, required: x}}}}", "scenes.a.required"),
        (f"scenes: {{a: {{{GOOD}, opens_page: 1}}}}", "scenes.a.opens_page"),
        (f"scenes: {{a: {{{GOOD}, surprise: 1}}}}", "scenes.a: must be a mapping"),
        (f"scenes: {{a: {{{GOOD}, required: [doc_name]}}}}", "doc_name is required"),
        ("scenes: {a: {status: 1601001, fields: {}, required: []}}", "none of 1501xxx"),
    ],
)
def test_a_file_the_platform_would_not_stand_is_not_read(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "scenes.yaml"
    file.write_text(text)

    with pytest.raises(InvalidDefinition, match=told):
        read_scenes(file)


def test_a_process_does_not_start_with_a_text_a_lock_screen_must_not_show(tmp_path: Path) -> None:
    def app(kind: str, keyword: str, text: str) -> dict[str, Any]:
        return {
            "key": kind, "kind": kind, "appid": "wx1", "secret": "s", "callback_token": "t",
            "callback_aes_key": "k" * 43,
            "templates": {"task-reminder": {"template_id": "T", "data": {keyword: text}}},
        }  # fmt: skip

    def start(*apps: dict[str, Any], **more: Any) -> Outlets:
        wechat = WeChat.model_validate({"apps": apps, **more})
        return outlets(Settings(secret_keys=SECRET_KEYS, wechat=wechat))

    for kind in ("mini-program", "official-account"):
        assert start(app(kind, "keyword1", "{title}")) is not None
        for keyword, text in (
            ("thing1", "血糖：{title}"),
            ("thing1", "{who}"),
            ("time1", "{title}"),
        ):
            with pytest.raises(InvalidDefinition, match="task-reminder"):
                start(app(kind, keyword, text))
    account = app("official-account", "thing1", "{title}")
    scenes = start(account, medical_assistant=EXAMPLE).medical_scenes
    assert scenes["task-reminder"].status == MEDICAL_STATUS
    assert start(medical_assistant=EXAMPLE).medical_scenes == {}  # nobody to send them
    with pytest.raises(InvalidDefinition, match="cannot be read"):
        start(account, medical_assistant=tmp_path / "missing.yaml")
