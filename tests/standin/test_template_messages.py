"""Template messages of the official account, and the SMS gateway."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.standin.support import ACCOUNT, FOLLOWER_TEMPLATE, MINI, Platform, wait_for

FOLLOWER = "f-patient"


def send(platform: Platform, **changes: Any) -> Any:
    token = platform.stable_token(ACCOUNT, "account-secret")["access_token"]
    body = {
        "touser": FOLLOWER,
        "template_id": FOLLOWER_TEMPLATE,
        "url": "http://careloop.test/m",
        "client_msg_id": "message-1",
        "data": {"thing1": {"value": "请查看"}, "keyword2": {"value": "随访", "color": "#000000"}},
    } | changes
    path = "/weixin/cgi-bin/message/template/send"
    return platform.post(path, body, access_token=token)


def test_a_follower_gets_the_message_and_the_account_its_result(platform: Platform) -> None:
    platform.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT)
    sent = send(platform)
    assert sent["errcode"] == 0
    (entry,) = platform.ledger("template_message", openid=FOLLOWER)
    assert (entry["msgid"], entry["client_msg_id"]) == (str(sent["msgid"]), "message-1")
    events = wait_for(
        lambda: [e for e in platform.ledger("callback_result") if e["event"][0] == "T"]
    )
    assert events[0]["event"] == "TEMPLATESENDJOBFINISH"


def test_one_who_does_not_follow_gets_nothing(platform: Platform) -> None:
    platform.control("/phones", appid=ACCOUNT, openids=[FOLLOWER])
    assert send(platform)["errcode"] == 43004
    assert platform.ledger("template_message") == []


def test_a_repeated_client_msg_id_has_one_effect_for_ten_minutes(
    platform: Platform, move_clock: Callable[[float], None]
) -> None:
    platform.control("/phones", appid=ACCOUNT, openids=[FOLLOWER, "f-other"], follow=True)
    first = send(platform)
    assert send(platform) == first
    assert send(platform, touser="f-other")["msgid"] != first["msgid"]
    assert len(platform.ledger("template_message", openid=FOLLOWER)) == 1
    move_clock(601)
    assert send(platform)["msgid"] != first["msgid"]


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": "f-stranger"}, 40003),
        ({"template_id": "none"}, 40037),
        ({"data": {"thing1": {"value": "x"}}}, 47003),
        ({"miniprogram": {"appid": "wx-unknown", "pagepath": "x"}}, 40013),
        ({"miniprogram": {"appid": MINI, "pagepath": "pages/none"}}, 40165),
        ({"page": "x"}, 47001),
    ],
)
def test_a_wrong_template_message_is_refused(
    platform: Platform, changes: dict[str, Any], errcode: int
) -> None:
    platform.control("/phones", appid=ACCOUNT, openids=[FOLLOWER], follow=True)
    assert send(platform, **changes)["errcode"] == errcode


def sms(platform: Platform, **changes: Any) -> Any:
    body = {
        "key": "sms-key",
        "phone": "13800000001",
        "template": "code",
        "params": {"code": "123456"},
        "idempotency_key": "k-1",
    } | changes
    return platform.http.post(f"{platform.url}/sms/send", json=body, timeout=5)


def test_an_sms_is_recorded_once_however_often_its_key_comes(platform: Platform) -> None:
    first, second = sms(platform), sms(platform)
    assert first.status_code == 200
    assert first.json() == second.json()
    (entry,) = platform.ledger("sms")
    assert (entry["phone"], entry["data"]) == ("13800000001", {"code": "123456"})


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"key": "no"}, 401), ({"phone": "12"}, 400), ({"params": {"a": 1}}, 400)],
)
def test_a_wrong_sms_is_refused(platform: Platform, changes: dict[str, Any], status: int) -> None:
    assert sms(platform, **changes).status_code == status
    assert platform.ledger("sms") == []


def test_a_provider_is_asked_what_became_of_its_messages(platform: Platform) -> None:
    sent = sms(platform).json()["id"]

    def reports(key: str = "sms-key") -> Any:
        body = {"key": key, "ids": [sent, "unknown"]}
        return platform.http.post(f"{platform.url}/sms/reports", json=body, timeout=5).json()

    assert reports() == {"reports": [{"id": sent, "status": "delivered"}]}
    platform.control("/receipts", outcome="failed")
    assert reports() == {"reports": [{"id": sent, "status": "failed"}]}
    platform.control("/receipts", outcome="lost")
    assert reports() == {"reports": []}
    assert reports("wrong")["code"] == "InvalidKey"
