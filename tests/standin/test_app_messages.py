"""WeCom app messages and template cards."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.standin.support import AGENT, Platform

Move = Callable[[float], None]
TEXT = {"touser": "NurseChen", "msgtype": "text", "text": {"content": "有一条预警"}}


@pytest.fixture
def token(platform: Platform) -> str:
    return platform.corp_token()


def card(task_id: str = "task-1", **changes: Any) -> dict[str, Any]:
    content = {
        "card_type": "button_interaction",
        "task_id": task_id,
        "main_title": {"title": "血糖偏低", "desc": "请在 15 分钟内处理"},
        "button_list": [
            {"text": "我来处理", "style": 1, "key": "take"},
            {"text": "转交", "style": 2, "key": "hand-over"},
        ],
        "card_action": {"type": 1, "url": "http://careloop.test/alert/1"},
    } | changes
    body = {"touser": "NurseChen|nurse-li", "msgtype": "template_card"}
    return body | {"template_card": content}


def update(platform: Platform, token: str, code: str, **changes: Any) -> Any:
    body = {
        "userids": ["NurseChen", "nurse-li"],
        "agentid": AGENT,
        "response_code": code,
        "button": {"replace_name": "陈护士已处理"},
    } | changes
    body = {name: value for name, value in body.items() if value is not None}
    return platform.raw_json("/qyapi/cgi-bin/message/update_template_card", body, token)


def test_part_of_the_receivers_can_be_invalid(platform: Platform, token: str) -> None:
    answer = platform.message(token, **TEXT | {"touser": "NurseChen|OUTSIDER|nobody"})
    assert answer["errcode"] == 0
    assert answer["invaliduser"] == "outsider|nobody"
    (entry,) = platform.ledger("app_message")
    assert (entry["userid"], entry["data"]) == ("NurseChen", {"content": "有一条预警"})


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": "nobody"}, 81013),
        ({"touser": ""}, 82001),
        ({"touser": "|".join(f"u{n}" for n in range(1001))}, 82001),
        ({"agentid": 9}, 40056),
        ({"agentid": "1000002"}, 40035),
        ({"text": {"content": " "}}, 44004),
        ({"msgtype": "image"}, 40008),
        ({"msgtype": "markdown", "markdown": {"content": "长" * 683}}, 40035),
        ({"extra": 1}, 40035),
    ],
)
def test_a_wrong_app_message_is_refused(
    platform: Platform, token: str, changes: dict[str, Any], errcode: int
) -> None:
    assert platform.message(token, **TEXT | changes)["errcode"] == errcode
    assert platform.ledger("app_message") == []


def test_limits_are_bytes_and_a_long_text_is_cut(platform: Platform, token: str) -> None:
    markdown = {"touser": "nurse-li", "msgtype": "markdown", "markdown": {"content": "长" * 683}}
    assert platform.message(token, **markdown)["errcode"] == 45002
    markdown["markdown"] = {"content": "长" * 682}
    assert platform.message(token, **markdown)["errcode"] == 0
    assert platform.message(token, **TEXT | {"text": {"content": "长" * 700}})["errcode"] == 0
    assert len(platform.ledger("app_message")[-1]["data"]["content"]) == 682


def test_escaped_chinese_is_an_invalid_character(platform: Platform, token: str) -> None:
    path = "/qyapi/cgi-bin/message/send"
    escaped = platform.post(path, {"agentid": AGENT} | TEXT, access_token=token)
    assert escaped["errcode"] == 40033
    shown = platform.message(token, **TEXT | {"text": {"content": "a\\u4e2d"}})
    assert shown["errcode"] == 0


def test_the_duplicate_check_compares_bytes_within_its_interval(
    platform: Platform, token: str, move_clock: Move
) -> None:
    checked = TEXT | {"enable_duplicate_check": 1, "duplicate_check_interval": 14400}
    first = platform.message(token, **checked)
    assert platform.message(token, **checked) == first
    assert len(platform.ledger("app_message")) == 1
    platform.message(token, **dict(reversed(checked.items())))
    assert len(platform.ledger("app_message")) == 2
    move_clock(14401)
    platform.message(platform.corp_token(), **checked)
    assert len(platform.ledger("app_message")) == 3


def test_without_the_check_a_repeat_is_a_second_message(platform: Platform, token: str) -> None:
    platform.message(token, **TEXT)
    platform.message(token, **TEXT)
    assert len(platform.ledger("app_message")) == 2


def test_past_thirty_a_minute_messages_to_a_member_are_dropped_in_silence(
    platform: Platform, token: str, move_clock: Move
) -> None:
    # Begin with a minute, so that the calls do not spread over two.
    move_clock(60 - time.time() % 60)
    answers = [platform.message(token, **TEXT)["errcode"] for _ in range(33)]
    assert answers == [0] * 33
    assert len(platform.ledger("app_message")) == 30
    assert platform.get("/standin/stats")["dropped"] == 3


def test_an_interactive_card_gives_a_response_code_that_works_once(
    platform: Platform, token: str
) -> None:
    sent = platform.message(token, **card())
    assert update(platform, token, sent["response_code"])["errcode"] == 0
    for userid in ("NurseChen", "nurse-li"):
        (shown,) = platform.get(f"/standin/members/{userid}")["messages"]
        assert (shown["replaced_by"], shown["keys"]) == ("陈护士已处理", [])
    assert update(platform, token, sent["response_code"])["errcode"] == 40058
    assert [entry["userid"] for entry in platform.ledger("card_update")] == [
        "NurseChen",
        "nurse-li",
    ]


def test_a_response_code_dies_after_72_hours(
    platform: Platform, token: str, move_clock: Move
) -> None:
    sent = platform.message(token, **card())
    move_clock(72 * 3600 + 1)
    late = update(platform, platform.corp_token(), sent["response_code"])
    assert late["errcode"] == 40058


def test_an_update_touches_only_the_members_it_names(platform: Platform, token: str) -> None:
    sent = platform.message(token, **card())
    answer = update(platform, token, sent["response_code"], userids=["NurseChen", "outsider"])
    assert answer["invaliduser"] == ["outsider"]
    (untouched,) = platform.get("/standin/members/nurse-li")["messages"]
    assert (untouched["replaced_by"], untouched["keys"]) == (None, ["take", "hand-over"])


def test_a_whole_card_can_replace_the_old_one(platform: Platform, token: str) -> None:
    sent = platform.message(token, **card())
    new = {
        "card_type": "text_notice",
        "main_title": {"title": "已处理"},
        "card_action": {"type": 1, "url": "http://careloop.test/alert/1"},
    }
    answer = update(platform, token, sent["response_code"], button=None, template_card=new)
    assert answer["errcode"] == 0
    (shown,) = platform.get("/standin/members/NurseChen")["messages"]
    assert shown["content"]["main_title"]["title"] == "已处理"
    assert shown["keys"] == []


def test_a_task_id_is_unique_for_ever(platform: Platform, token: str, move_clock: Move) -> None:
    assert platform.message(token, **card())["errcode"] == 0
    move_clock(400 * 86400)
    answer = platform.message(platform.corp_token(), **card(main_title={"title": "另一张"}))
    assert answer["errcode"] == 40058
    assert "task_id" in answer["errmsg"]


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"task_id": "任务"}, 40058),
        ({"task_id": "x" * 129}, 40058),
        ({"main_title": {"title": "长" * 37}}, 40058),
        ({"main_title": {"title": "x", "desc": "长" * 45}}, 40058),
        ({"sub_title_text": "长" * 161}, 40058),
        ({"horizontal_content_list": [{"keyname": "六个字的名字"}]}, 40058),
        ({"horizontal_content_list": [{"keyname": "名", "value": "v"}] * 7}, 40058),
        ({"button_list": [{"text": "x", "key": "k"}] * 7}, 40058),
        ({"button_list": [{"text": "x"}]}, 40035),
        ({"button_list": [{"text": "按钮" * 6, "key": "k"}]}, 40058),
        ({"jump_list": [{"title": "x"}] * 4}, 40058),
        ({"card_type": "poster"}, 40058),
        ({"colour": "red"}, 40035),
        ({"card_type": "text_notice", "card_action": {}}, 40035),
    ],
)
def test_a_card_out_of_its_limits_is_refused(
    platform: Platform, token: str, changes: dict[str, Any], errcode: int
) -> None:
    assert platform.message(token, **card(**changes))["errcode"] == errcode
    assert platform.ledger("app_message") == []


def test_a_notice_has_no_response_code(platform: Platform, token: str) -> None:
    body = card(card_type="text_notice")
    del body["template_card"]["button_list"]
    assert "response_code" not in platform.message(token, **body)
