"""Access tokens: stable, plain and WeCom's, and what a wrong one answers."""

from collections.abc import Callable

import pytest

from tests.standin.support import ACCOUNT, AGENT, CORP, MINI, OTHER_MINI, Platform

Move = Callable[[float], None]


def test_a_stable_token_stays_the_same_until_five_minutes_before_its_end(
    platform: Platform, move_clock: Move
) -> None:
    first = platform.stable_token()
    move_clock(6890)
    late = platform.stable_token()
    assert late["access_token"] == first["access_token"]
    assert 300 <= late["expires_in"] <= 310
    move_clock(6910)
    second = platform.stable_token()
    assert second["access_token"] != first["access_token"]
    assert second["expires_in"] == 7200


def test_old_and_new_stable_token_overlap_and_then_the_old_one_is_expired(
    platform: Platform, move_clock: Move
) -> None:
    old = platform.stable_token()["access_token"]
    move_clock(6910)
    new = platform.stable_token()["access_token"]
    assert platform.subscribe(old, "nobody")["errcode"] == 40003
    move_clock(7201)
    assert platform.subscribe(old, "nobody")["errcode"] == 42001
    assert platform.subscribe(new, "nobody")["errcode"] == 40003


def test_a_forced_refresh_kills_the_old_token_at_once(platform: Platform) -> None:
    old = platform.stable_token()["access_token"]
    assert platform.stable_token(force_refresh=True)["access_token"] != old
    assert platform.subscribe(old, "nobody")["errcode"] == 40001


def test_forcing_is_limited_to_twenty_a_day_thirty_seconds_apart(
    platform: Platform, move_clock: Move
) -> None:
    answers = []
    for turn in range(21):
        move_clock(31 * (turn + 1))
        answers.append(platform.stable_token(force_refresh=True).get("errcode", 0))
    assert answers == [0] * 20 + [45009]


def test_forcing_twice_within_thirty_seconds_is_too_fast(platform: Platform) -> None:
    platform.stable_token(force_refresh=True)
    assert platform.stable_token(force_refresh=True)["errcode"] == 45011


def plain_token(platform: Platform) -> str:
    query = {"grant_type": "client_credential", "appid": MINI, "secret": "mini-secret"}
    token: str = platform.get("/weixin/cgi-bin/token", **query)["access_token"]
    return token


def test_a_plain_token_is_new_every_time_and_the_one_before_lives_five_minutes(
    platform: Platform, move_clock: Move
) -> None:
    first, second = plain_token(platform), plain_token(platform)
    assert first != second
    assert platform.subscribe(first, "nobody")["errcode"] == 40003
    move_clock(301)
    assert platform.subscribe(first, "nobody")["errcode"] == 42001
    assert platform.subscribe(second, "nobody")["errcode"] == 40003


def test_plain_and_stable_tokens_do_not_kill_each_other(platform: Platform) -> None:
    stable = platform.stable_token()["access_token"]
    plain = plain_token(platform)
    platform.stable_token(force_refresh=True)
    assert platform.subscribe(plain, "nobody")["errcode"] == 40003
    assert platform.subscribe(stable, "nobody")["errcode"] == 40001


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"appid": "wx-unknown"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"grant_type": "other"}, 40002),
        ({"force_refresh": "yes"}, 47001),
        ({"extra": 1}, 47001),
    ],
)
def test_a_wrong_stable_token_request_names_its_fault(
    platform: Platform, changes: dict[str, object], errcode: int
) -> None:
    body = {"grant_type": "client_credential", "appid": MINI, "secret": "mini-secret"} | changes
    answer = platform.post("/weixin/cgi-bin/stable_token", body)
    assert answer["errcode"] == errcode
    assert " rid: " in answer["errmsg"]


@pytest.mark.parametrize(
    ("token", "errcode"), [("", 41001), ("short", 40014), ("x" * 120, 40001), ("中" * 40, 40001)]
)
def test_a_bad_token_names_its_fault(platform: Platform, token: str, errcode: int) -> None:
    assert platform.subscribe(token, "nobody")["errcode"] == errcode


def test_a_token_of_another_kind_of_account_is_not_authorised(platform: Platform) -> None:
    token = platform.stable_token(ACCOUNT, "account-secret")["access_token"]
    assert platform.subscribe(token, "nobody")["errcode"] == 48001


def test_a_token_of_another_mini_program_knows_other_people(platform: Platform) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"])
    token = platform.stable_token(OTHER_MINI, "other-secret")["access_token"]
    assert platform.subscribe(token, "o-one")["errcode"] == 40003


def test_wecom_gives_the_same_token_until_it_expires(platform: Platform, move_clock: Move) -> None:
    first = platform.corp_token()
    move_clock(7100)
    assert platform.corp_token() == first
    move_clock(7201)
    assert platform.message(first, msgtype="text", text={"content": "x"})["errcode"] == 42001
    assert platform.corp_token() != first


def test_each_wecom_app_has_its_own_token(platform: Platform) -> None:
    other = platform.corp_token("other-agent-secret")
    assert other != platform.corp_token()
    sent = platform.message(other, touser="nurse-li", msgtype="text", text={"content": "x"})
    assert sent["errcode"] == 301002


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"corpid": CORP, "corpsecret": "wrong"}, 40001),
        ({"corpid": "ww-unknown", "corpsecret": "agent-secret"}, 40013),
        ({"corpid": CORP}, 41004),
    ],
)
def test_a_wrong_gettoken_names_its_fault(
    platform: Platform, query: dict[str, str], errcode: int
) -> None:
    answer = platform.get("/qyapi/cgi-bin/gettoken", **query)
    assert answer["errcode"] == errcode
    assert "hint: [" in answer["errmsg"]
    assert "from ip: 127.0.0.1" in answer["errmsg"]


def test_an_unknown_wecom_token_is_malformed_not_wrong_secret(platform: Platform) -> None:
    sent = platform.message("x" * 120, touser="nurse-li", msgtype="text", text={"content": "x"})
    assert sent["errcode"] == 40014


def test_every_token_given_is_in_the_ledger_without_its_value(platform: Platform) -> None:
    token = platform.corp_token()
    platform.stable_token()
    entries = platform.ledger("token_issued")
    assert [entry["app"] for entry in entries] == [f"{CORP}/{AGENT}", MINI]
    assert token not in str(entries)
    assert token not in str(platform.get("/standin/requests"))
