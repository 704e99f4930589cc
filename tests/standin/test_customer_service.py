"""Customer-service messages: only what the user's own act lets through."""

from typing import Any

import pytest

from tests.standin.support import MINI, Platform, Receiver
from tests.standin.test_callbacks import plain

PHONE = "o-writes"
SEND = "/weixin/cgi-bin/message/custom/send"


@pytest.fixture
def token(platform: Platform) -> str:
    value: str = platform.stable_token()["access_token"]
    return value


def send(platform: Platform, token: str, **changes: Any) -> int:
    body = {"touser": PHONE, "msgtype": "text", "text": {"content": "已收到"}} | changes
    errcode: int = platform.raw_json(SEND, body, token)["errcode"]
    return errcode


def act(platform: Platform, **more: Any) -> None:
    platform.control(f"/phones/{PHONE}/messages", appid=MINI, **more)


def test_a_users_message_lets_five_through_and_a_new_one_five_more(
    platform: Platform, token: str, receiver: Receiver
) -> None:
    platform.control("/phones", appid=MINI, openids=[PHONE])
    assert send(platform, token) == 45015
    act(platform, text="请问几点取报告")
    assert [send(platform, token) for _ in range(6)] == [0] * 5 + [45047]
    act(platform, text="谢谢")
    assert send(platform, token) == 0
    assert len(platform.ledger("customer_message", openid=PHONE)) == 6
    told = plain(receiver.received[0], MINI)
    assert (told["MsgType"], told["Content"]) == ("text", "请问几点取报告")
    assert told["MsgId"].isdigit()


def test_the_window_of_a_message_is_48_hours_that_of_entering_one_minute(
    platform: Platform, token: str, move_clock: Any, receiver: Receiver
) -> None:
    act(platform)
    assert plain(receiver.received[0], MINI)["Event"] == "user_enter_tempsession"
    assert [send(platform, token) for _ in range(3)] == [0, 0, 45047]
    move_clock(61)
    assert send(platform, token) == 45015
    act(platform, text="您好")
    move_clock(61 + 48 * 3600 - 5)
    token = platform.stable_token()["access_token"]
    assert send(platform, token) == 0
    move_clock(61 + 48 * 3600 + 5)
    assert send(platform, token) == 45015


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"touser": "o-stranger"}, 40003),
        ({"text": {"content": " "}}, 44004),
        ({"text": {"content": "字" * 683}}, 45002),
        ({"msgtype": "music"}, 40008),
        ({"msgtype": "link"}, 47001),
        ({"unknown": "x"}, 47001),
    ],
)
def test_a_bad_message_costs_nothing(
    platform: Platform, token: str, changes: Any, errcode: int
) -> None:
    act(platform, text="您好")
    assert send(platform, token, **changes) == errcode
    assert [send(platform, token) for _ in range(6)] == [0] * 5 + [45047]
