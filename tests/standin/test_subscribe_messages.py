"""Subscribe messages of the mini-program: rights, values, receipts, one at a time."""

import threading
import time
from typing import Any

import pytest

from tests.standin.support import LONG_TERM, MINI, ONE_TIME, OTHER_MINI, Platform, wait_for

PHONE = "o-patient"


@pytest.fixture
def token(platform: Platform) -> str:
    value: str = platform.stable_token()["access_token"]
    return value


def accept(platform: Platform, *templates: str) -> Any:
    answers = dict.fromkeys(templates, "accept")
    return platform.control(f"/phones/{PHONE}/subscriptions", appid=MINI, answers=answers)


def test_one_acceptance_is_the_right_to_one_message(platform: Platform, token: str) -> None:
    accept(platform, ONE_TIME)
    first = platform.subscribe(token, PHONE)
    assert (first["errcode"], first["errmsg"]) == (0, "ok")
    assert first["msgid"] > 2**53
    assert platform.subscribe(token, PHONE)["errcode"] == 43101
    (entry,) = platform.ledger("subscribe_message", openid=PHONE)
    assert entry["msgid"] == str(first["msgid"])
    assert entry["data"] == {"thing1": "记录今天的血糖", "time2": "18:30"}


def test_rights_add_up_and_a_rejection_adds_none(platform: Platform, token: str) -> None:
    accept(platform, ONE_TIME)
    accept(platform, ONE_TIME)
    rejected = {ONE_TIME: "reject"}
    platform.control(f"/phones/{PHONE}/subscriptions", appid=MINI, answers=rejected)
    assert platform.get(f"/standin/phones/{PHONE}")["rights"] == {ONE_TIME: 2}
    errcodes = [platform.subscribe(token, PHONE)["errcode"] for _ in range(3)]
    assert errcodes == [0, 0, 43101]


def test_a_long_term_right_lasts_until_refused_in_the_settings(
    platform: Platform, token: str
) -> None:
    accept(platform, LONG_TERM)
    changes = {"template_id": LONG_TERM, "data": {"thing1": {"value": "明天复诊"}}}
    assert [platform.subscribe(token, PHONE, **changes)["errcode"] for _ in range(3)] == [0] * 3
    platform.control(f"/phones/{PHONE}/settings", reject=[LONG_TERM])
    assert platform.subscribe(token, PHONE, **changes)["errcode"] == 43101


@pytest.mark.parametrize(
    ("changes", "errcode", "named"),
    [
        ({"touser": "o-stranger"}, 40003, ""),
        ({"template_id": "none"}, 40037, ""),
        ({"page": "pages/none/index"}, 41030, ""),
        ({"page": "/pages/task/index"}, 41030, ""),
        ({"data": '{"thing1": {"value": "x"}}'}, 47001, "data"),
        ({"data": {"thing1": {"value": "x"}}}, 47003, "time2"),
        ({"data": {"thing1": {"value": ""}, "time2": {"value": "18:30"}}}, 47003, "thing1"),
        ({"data": {"thing1": {"value": "长" * 21}, "time2": {"value": "18:30"}}}, 47003, "thing1"),
        ({"data": {"thing1": {"value": "x"}, "time2": {"value": "傍晚"}}}, 47003, "time2"),
        ({"data": {"thing1": {"value": 5}, "time2": {"value": "18:30"}}}, 47001, "thing1"),
        ({"lang": "fr"}, 40097, "lang"),
        ({"miniprogram_state": "release"}, 40097, "miniprogram_state"),
        ({"client_msg_id": "x"}, 47001, "client_msg_id"),
    ],
)
def test_a_wrong_message_is_refused_and_costs_no_right(
    platform: Platform, token: str, changes: dict[str, Any], errcode: int, named: str
) -> None:
    accept(platform, ONE_TIME)
    answer = platform.subscribe(token, PHONE, **changes)
    assert answer["errcode"] == errcode
    assert named in answer["errmsg"]
    assert platform.get(f"/standin/phones/{PHONE}")["rights"] == {ONE_TIME: 1}
    assert platform.ledger("subscribe_message") == []


@pytest.mark.parametrize("body", [b"", b"touser=x", b"[]", b'{"touser":"a","touser":"b"}', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(
    platform: Platform, token: str, body: bytes
) -> None:
    answer = platform.raw("/weixin/cgi-bin/message/subscribe/send", body, access_token=token)
    assert answer["errcode"] == (47001 if body else 44002)


def test_get_where_post_is_wanted_and_an_unknown_path_are_refused(platform: Platform) -> None:
    assert platform.get("/weixin/cgi-bin/message/subscribe/send")["errcode"] == 43002
    assert platform.get("/weixin/cgi-bin/nothing")["errcode"] == 40066


def test_a_second_call_in_flight_for_the_same_person_is_refused(
    platform: Platform, token: str
) -> None:
    accept(platform, ONE_TIME)
    accept(platform, ONE_TIME)
    platform.control("/phones", appid=MINI, openids=["o-other"], grants={ONE_TIME: 1})
    platform.control("/latency", ms=400)
    answers: list[int] = []

    def send(openid: str) -> None:
        answers.append(Platform(platform.url).subscribe(token, openid)["errcode"])

    threads = [threading.Thread(target=send, args=(one,)) for one in (PHONE, PHONE, "o-other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [0, 0, 43108]
    platform.control("/latency", ms=0)
    assert platform.subscribe(token, PHONE)["errcode"] == 0


def test_the_phone_shows_the_notification_with_its_link(platform: Platform, token: str) -> None:
    accept(platform, ONE_TIME)
    platform.subscribe(token, PHONE)
    (shown,) = platform.get(f"/standin/phones/{PHONE}")["notifications"]
    assert (shown["title"], shown["page"]) == ("待办提醒", "pages/task/index?id=7")
    assert shown["link"] == "http://127.0.0.1:9/#pages/task/index?id=7"


def test_a_lost_receipt_never_comes(platform: Platform, token: str) -> None:
    accept(platform, ONE_TIME)
    platform.control("/receipts", outcome="lost")
    platform.subscribe(token, PHONE)
    accept(platform, ONE_TIME)
    platform.control("/receipts", outcome="success")
    second = platform.subscribe(token, PHONE)
    sent = wait_for(lambda: [e for e in platform.ledger("callback_result") if "sent" in e["event"]])
    assert len(sent) == 1
    assert second["errcode"] == 0


def test_a_minutes_messages_and_a_days_run_out_apart(platform: Platform, move_clock: Any) -> None:
    platform.control("/phones", appid=OTHER_MINI, openids=["o-other"], grants={LONG_TERM: 1})

    def send() -> int:
        token = platform.stable_token(OTHER_MINI, "other-secret")["access_token"]
        data = {"thing1": {"value": "明天复诊"}}
        changes = {"template_id": LONG_TERM, "data": data, "page": ""}
        errcode: int = platform.subscribe(token, "o-other", **changes)["errcode"]
        return errcode

    start = (4 * 3600 - time.time()) % 86_400  # noon in China: the day is long
    move_clock(start)
    assert [send() for _ in range(3)] == [0, 0, 45011]
    move_clock(start + 60)
    assert [send() for _ in range(3)] == [0, 0, 45009]
    move_clock(start + 86_400)
    assert send() == 0
