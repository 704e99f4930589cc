"""Mass messages to customers: a task, a member who confirms, and what became of each customer."""

from typing import Any

import pytest

from tests.standin.support import MINI, Platform

PATH = "/qyapi/cgi-bin/externalcontact"


@pytest.fixture
def token(platform: Platform) -> str:
    return platform.corp_token()


def customer(platform: Platform, token: str, name: str) -> str:
    """Let a WeChat user add the nurse; return who they are to the corp."""
    way = platform.raw_json(
        f"{PATH}/add_contact_way", {"type": 1, "scene": 2, "user": ["NurseChen"]}, token
    )
    scan = {"appid": MINI, "unionid": f"u-{name}", "config_id": way["config_id"]}
    added = platform.control(f"/phones/o-{name}/scan-contact-way", **scan, wait=False)
    named: str = added["external_userid"]
    return named


def task(platform: Platform, token: str, *customers: str, **changes: Any) -> Any:
    body = {
        "chat_type": "single", "external_userid": list(customers), "sender": "NurseChen",
        "text": {"content": "本周健康小课堂已更新"},
    }  # fmt: skip
    return platform.raw_json(f"{PATH}/add_msg_template", body | changes, token)


def results(platform: Platform, token: str, msgid: str, **more: Any) -> Any:
    body = {"msgid": msgid, "userid": "NurseChen", **more}
    return platform.raw_json(f"{PATH}/get_groupmsg_send_result", body, token)


def test_nobody_gets_anything_before_the_member_confirms(platform: Platform, token: str) -> None:
    one, two = customer(platform, token, "one"), customer(platform, token, "two")
    made = task(platform, token, one, two, "wmNobody")
    assert (made["errcode"], made["fail_list"]) == (0, ["wmNobody"])
    msgid = made["msgid"]
    assert platform.ledger("group_message") == []
    asked = platform.raw_json(f"{PATH}/get_groupmsg_task", {"msgid": msgid}, token)
    assert asked["task_list"] == [{"userid": "NurseChen", "status": 0}]
    assert [one["status"] for one in results(platform, token, msgid)["send_list"]] == [0, 0]

    assert platform.control("/members/NurseChen/confirm-group-task", msgid=msgid) == {"sent": 2}
    asked = platform.raw_json(f"{PATH}/get_groupmsg_task", {"msgid": msgid}, token)
    assert asked["task_list"][0]["status"] == 2
    page = results(platform, token, msgid, limit=1)
    assert page["send_list"] == [{"external_userid": one, "userid": "NurseChen", "status": 1}]
    page = results(platform, token, msgid, limit=1, cursor=page["next_cursor"])
    assert (page["send_list"][0]["external_userid"], page["next_cursor"]) == (two, "")


def test_a_cancelled_task_cannot_be_confirmed(platform: Platform, token: str) -> None:
    one = customer(platform, token, "one")
    msgid = task(platform, token, one)["msgid"]
    cancelled = platform.raw_json(f"{PATH}/cancel_groupmsg_send", {"msgid": msgid}, token)
    assert cancelled["errcode"] == 0
    refused = platform.http.post(
        f"{platform.url}/standin/members/NurseChen/confirm-group-task", json={"msgid": msgid}
    )
    assert refused.status_code == 404
    assert platform.ledger("group_message") == []


def test_a_customer_gets_as_many_a_month_as_it_has_days(platform: Platform, token: str) -> None:
    one = customer(platform, token, "often")
    statuses = []
    for _ in range(32):
        msgid = task(platform, token, one)["msgid"]
        platform.control("/members/NurseChen/confirm-group-task", msgid=msgid)
        statuses.append(results(platform, token, msgid)["send_list"][0]["status"])
    assert 28 <= statuses.count(1) <= 31
    assert statuses[-1] == 3


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"external_userid": ["wmNobody"]}, 41048),
        ({"external_userid": []}, 40058),
        ({"text": {"content": " "}}, 40035),
        ({"text": {"content": "字" * 1334}}, 45002),
        ({"sender": "outsider"}, 60011),
        ({"chat_type": "group"}, 40058),
    ],
)
def test_a_bad_task_is_refused(platform: Platform, token: str, changes: Any, errcode: int) -> None:
    one = customer(platform, token, "one")
    assert task(platform, token, one, **changes)["errcode"] == errcode
    assert platform.ledger("group_task") == []
