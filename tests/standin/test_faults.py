"""Scripted faults, the outage, and what is written down about calls."""

import contextlib
import json
import threading
import time
from typing import Any

import pytest
import requests

from tests.standin.support import CORP, MINI, ONE_TIME, Platform, configuration, started

GETTOKEN = {"corpid": CORP, "corpsecret": "agent-secret"}


def fetch(platform: Platform, timeout: float = 5) -> requests.Response:
    # A connection of its own: a kept one that breaks would be reopened in silence.
    url = f"{platform.url}/qyapi/cgi-bin/gettoken"
    return requests.get(url, params=GETTOKEN, timeout=timeout)


def test_an_errcode_happens_as_often_as_asked(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="errcode", value=-1, times=2)
    assert [fetch(platform).json()["errcode"] for _ in range(3)] == [-1, -1, 0]


def test_a_fault_without_times_lasts_until_it_is_lifted(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="errcode", value=45009)
    assert [fetch(platform).json()["errcode"] for _ in range(4)] == [45009] * 4
    platform.http.delete(f"{platform.url}/standin/faults", timeout=5)
    assert fetch(platform).json()["errcode"] == 0


def test_every_second_call_can_fail(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="status", value=503, every=2)
    assert [fetch(platform).status_code for _ in range(4)] == [200, 503, 200, 503]


@pytest.mark.parametrize("kind", ["reset", "refuse-before", "half"])
def test_a_broken_connection_gives_no_answer(platform: Platform, kind: str) -> None:
    platform.control("/faults", path="/gettoken", kind=kind, times=1)
    with pytest.raises(requests.exceptions.RequestException):
        fetch(platform)
    assert fetch(platform).json()["errcode"] == 0
    assert len(platform.ledger("token_issued")) == 1


def test_a_hanging_call_ends_when_the_fault_is_lifted(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        fetch(platform, timeout=0.3)
    assert platform.ledger("token_issued") == []


def test_lifting_a_hang_hangs_up_at_once(platform: Platform) -> None:
    platform.control("/faults", path="/qyapi/cgi-bin/gettoken", kind="hang")
    threading.Timer(
        0.3, lambda: requests.delete(f"{platform.url}/standin/faults", timeout=5)
    ).start()
    with pytest.raises(requests.exceptions.ConnectionError):
        fetch(platform)


def test_a_delay_delays(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="delay", value=0.3)
    started = time.monotonic()
    assert fetch(platform).json()["errcode"] == 0
    assert time.monotonic() - started >= 0.3


def test_garbage_is_no_json(platform: Platform) -> None:
    platform.control("/faults", path="/gettoken", kind="garbage")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        fetch(platform).json()


def test_a_fault_of_one_host_spares_the_other(platform: Platform) -> None:
    platform.control("/faults", path="", host="weixin", kind="status", value=500)
    assert fetch(platform).status_code == 200
    url = f"{platform.url}/weixin/cgi-bin/stable_token"
    assert requests.post(url, timeout=5).status_code == 500


@pytest.mark.parametrize("kind", ["reset", "status", "errcode", "half"])
def test_a_fault_after_loses_the_answer_and_keeps_the_effect(platform: Platform, kind: str) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"], grants={ONE_TIME: 1})
    token = platform.stable_token()["access_token"]
    platform.control("/faults", path="/subscribe/send", kind=kind, times=1, after=True)
    answer: Any = {}
    with contextlib.suppress(requests.exceptions.RequestException):
        answer = Platform(platform.url).subscribe(token, "o-one")
    assert answer.get("errcode") != 0
    assert len(platform.ledger("subscribe_message", openid="o-one")) == 1
    assert platform.get("/standin/phones/o-one")["rights"] == {}


def test_the_outage_cuts_wechat_and_wecom_but_not_sms(platform: Platform) -> None:
    platform.control("/outage", on=True)
    for path in ("/qyapi/cgi-bin/gettoken", "/weixin/cgi-bin/token"):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(platform.url + path, timeout=5)
    assert requests.post(f"{platform.url}/sms/send", timeout=5).status_code == 400
    platform.control("/outage", on=False)
    assert fetch(platform).status_code == 200


def test_calls_are_counted_without_their_queries(platform: Platform) -> None:
    fetch(platform)
    platform.get("/qyapi/cgi-bin/gettoken", corpid=CORP, corpsecret="wrong-secret")
    calls = platform.get("/standin/requests", since=0)["requests"]
    assert [(call["path"], call["errcode"]) for call in calls] == [
        ("/qyapi/cgi-bin/gettoken", 0),
        ("/qyapi/cgi-bin/gettoken", 40001),
    ]
    assert "secret" not in str(calls)
    assert platform.get("/standin/requests", since=1)["requests"] == calls[1:]
    stats = platform.get("/standin/stats")
    assert stats["requests"] == {"/qyapi/cgi-bin/gettoken": 2}
    assert stats["errcodes"] == {"40001": 1}


def test_the_ledger_is_read_in_pages_and_by_person(platform: Platform) -> None:
    openids = [f"o-{n}" for n in range(5)]
    platform.control("/phones", appid=MINI, openids=openids, grants={ONE_TIME: 1})
    token = platform.stable_token()["access_token"]
    platform.control("/receipts", outcome="lost")
    for openid in openids:
        platform.subscribe(token, openid)
    query = {"kind": "subscribe_message", "limit": 3}
    page = platform.get("/standin/ledger", **query)
    assert (len(page["entries"]), page["more"]) == (3, True)
    rest = platform.get("/standin/ledger", since=page["last"], **query)
    assert ([e["openid"] for e in rest["entries"]], rest["more"]) == (["o-3", "o-4"], False)
    assert len(platform.ledger(openid="o-2")) == 1


def test_an_address_off_the_allow_list_is_told_so(tmp_path: Any) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration("") | {"ip_allow_list": ["192.0.2.1"]}))
    with started(config) as platform:
        assert fetch(platform).json()["errcode"] == 60020
        assert platform.stable_token()["errcode"] == 40164
