"""Senders over real HTTP: what each answer, and each broken call, means for the message."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.domain.outreach.messaging import Accepted, Channel, ErrorClass, Failure, Outgoing
from app.integrations import platform_http
from app.integrations.platform_http import CallFailed, CodeRefused, PlatformHttp
from app.integrations.sms import sms_sender
from app.integrations.wechat import MiniProgram, OfficialAccount
from app.integrations.wechat_senders import subscription_sender, template_sender
from tests.integration.platforms import MINI_SECRET, PAGE, calls, in_threads
from tests.standin.support import (
    ACCOUNT,
    AGENT,
    FOLLOWER_TEMPLATE,
    MINI,
    ONE_TIME,
    Platform,
)
from wecom.client import WeComClient, authorize_url
from wecom.sender import card_sender, card_update_sender, cut, cut_bytes, text_sender

OPENID = "o-sender-test"
SUBSCRIBE = "/message/subscribe/send"
CARD = {
    "userids": ["NurseChen", "nurse-li"],
    "source": "康伴",
    "title": "重度预警",
    "description": "有一位患者需要处理，请打开查看",
    "lines": [{"name": "时限", "value": "30分钟内处理"}, {"name": "通知", "value": "值班护士"}],
    "url": "https://careloop.test/wecom/alerts/abc",
    "buttons": [
        {"key": "take", "text": "我来处理"},
        {"key": "transfer", "text": "转交"},
        {"key": "contacted", "text": "已联系"},
    ],
}


@pytest.fixture
def granted(standin: Platform) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID], grants={ONE_TIME: 3})


@pytest.fixture
def follower(standin: Platform) -> str:
    standin.control(f"/phones/{OPENID}-f/follow", appid=ACCOUNT, wait=False)
    return f"{OPENID}-f"


def subscription(public_id: str = "c1", **changes: Any) -> Outgoing:
    content = {
        "openid": OPENID,
        "template_id": ONE_TIME,
        "page": PAGE,
        "data": {"thing1": "记录今天的血糖", "time2": "18:30"},
    }
    return Outgoing(public_id, Channel.SUBSCRIPTION, "mini", content | changes)


def template(openid: str, public_id: str = "t1") -> Outgoing:
    content = {
        "openid": openid,
        "template_id": FOLLOWER_TEMPLATE,
        "page": PAGE,
        "data": {"thing1": "随访提醒", "keyword2": "请打开小程序查看"},
    }
    return Outgoing(public_id, Channel.TEMPLATE, "account", content)


def card(public_id: str = "k1", **changes: Any) -> Outgoing:
    return Outgoing(public_id, Channel.WECOM_CARD, "nurse", CARD | changes)


# ------------------------------------------------------------------------ mini-program, account


@pytest.mark.usefixtures("granted")
def test_a_subscribe_message_arrives_as_it_was_frozen(mini: MiniProgram, standin: Platform) -> None:
    outcome = subscription_sender({"mini": mini})(subscription())

    (entry,) = standin.ledger("subscribe_message")
    assert outcome == Accepted(entry["msgid"])
    assert entry["openid"] == OPENID
    assert entry["data"] == {"thing1": "记录今天的血糖", "time2": "18:30"}
    assert entry["page"] == PAGE
    assert entry["state"] == "trial"


def test_a_template_message_opens_the_mini_program(
    account: OfficialAccount, standin: Platform, follower: str
) -> None:
    outcome = template_sender({"account": account})(template(follower))

    (entry,) = standin.ledger("template_message")
    assert outcome == Accepted(entry["msgid"])
    assert entry["miniprogram"] == {"appid": MINI, "pagepath": PAGE}
    assert entry["client_msg_id"] == "t1"


@pytest.mark.parametrize(
    ("errcode", "error_class"),
    [
        (-1, ErrorClass.BUSY),
        (43101, ErrorClass.RECIPIENT),
        (43108, ErrorClass.PERSON_BUSY),
        (45009, ErrorClass.QUOTA),
        (45011, ErrorClass.RATE),
        (47003, ErrorClass.CONTENT),
        (48001, ErrorClass.OURS),
        (99999, ErrorClass.OTHER),
    ],
)
def test_an_errcode_says_what_becomes_of_the_message(
    mini: MiniProgram, standin: Platform, errcode: int, error_class: ErrorClass
) -> None:
    standin.control("/faults", path=SUBSCRIBE, kind="errcode", value=errcode)

    outcome = subscription_sender({"mini": mini})(subscription())

    assert outcome == Failure(error_class, errcode)
    assert calls(standin, "/weixin/cgi-bin/message/subscribe/send") == 1


def test_a_person_without_a_right_is_refused_by_the_platform(
    mini: MiniProgram, standin: Platform
) -> None:
    standin.control("/phones", appid=MINI, openids=[OPENID])

    outcome = subscription_sender({"mini": mini})(subscription())

    assert outcome == Failure(ErrorClass.RECIPIENT, 43101)


@pytest.mark.parametrize(
    "data",
    [
        {"thing1": "超过二十个字的内容会被平台拒绝所以在发送之前就要看出来", "time2": "18:30"},
        {"thing1": "两行\n文字", "time2": "18:30"},
        {"thing1": "", "time2": "18:30"},
        {"thing1": "待办", "time2": "明天下午"},
        {"thing1": "待办", "number2": "三"},
        {"thing1": "待办", "character_string2": "中文"},
        {"thing1": "待办", "phrase2": "已完成的任务"},
        {"thing1": "待办", "time2": 1830},
        "thing1",
    ],
)
def test_a_value_that_the_platform_would_refuse_is_not_sent(
    mini: MiniProgram, standin: Platform, data: Any
) -> None:
    outcome = subscription_sender({"mini": mini})(subscription(data=data))

    assert outcome == Failure(ErrorClass.CONTENT)
    assert calls(standin, "/weixin/cgi-bin/message/subscribe/send") == 0


def test_a_login_code_is_good_once(mini: MiniProgram, standin: Platform) -> None:
    code = standin.control(f"/phones/{OPENID}/login-code", appid=MINI)["code"]

    logged_in = mini.exchange_code(code)

    assert logged_in.openid == OPENID
    assert logged_in.unionid
    assert logged_in.session_key
    for refused in (code, "never-given"):
        with pytest.raises(CodeRefused):
            mini.exchange_code(refused)
    assert calls(standin, "/weixin/cgi-bin/stable_token") == 0


def test_a_follower_is_known_over_our_apps(
    account: OfficialAccount, standin: Platform, follower: str
) -> None:
    known = account.follower(follower)
    standin.control(f"/phones/{follower}/unfollow", appid=ACCOUNT, wait=False)
    left = account.follower(follower)

    assert known.is_following
    assert known.unionid
    assert not left.is_following
    assert left.unionid is None


# ---------------------------------------------------------------------------- what left, or not


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bounds, smaller, so that the tests need not wait them out."""
    monkeypatch.setattr(platform_http, "READ_SECONDS", 0.4)
    monkeypatch.setattr(platform_http, "TOTAL_SECONDS", 1.0)


def failure_of(url: str, **kwargs: Any) -> Failure:
    http = PlatformHttp()
    try:
        with pytest.raises(CallFailed) as error:
            http.request("post", url, data=b"{}", **kwargs)
    finally:
        http.close()
    assert error.value.__context__ is None  # the library's text, with the address, is gone
    return error.value.failure


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then does what `answer` does with the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    return  # the caller had enough

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(10)


def test_a_call_that_reached_nobody_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_http, "_reachable", {"127.0.0.1", "no-such-host.invalid"})
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    assert failure_of(f"http://127.0.0.1:{port}/") == Failure(ErrorClass.NOT_SENT)
    assert failure_of("http://no-such-host.invalid/") == Failure(ErrorClass.NOT_SENT)


def test_a_failed_tls_handshake_sent_nothing() -> None:
    def no_tls(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(no_tls) as url:
        assert failure_of(url.replace("http:", "https:")) == Failure(ErrorClass.NOT_SENT)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["hang", "status", "garbage", "half", "reset", "refuse-before"])
def test_a_call_that_broke_off_is_ambiguous(
    mini: MiniProgram, standin: Platform, kind: str
) -> None:
    mini._tokens.refresh(mini.fetch_token)
    standin.control("/faults", path=SUBSCRIBE, kind=kind)
    started = time.monotonic()

    outcome = subscription_sender({"mini": mini})(subscription())

    assert isinstance(outcome, Failure)
    assert outcome.error_class is ErrorClass.AMBIGUOUS
    assert time.monotonic() - started < 2
    assert standin.get("/standin/faults")["faults"][0]["hits"] == 1


@pytest.mark.usefixtures("impatient")
def test_a_token_that_cannot_be_fetched_means_that_nothing_was_sent(
    mini: MiniProgram, standin: Platform
) -> None:
    standin.control("/faults", path="/stable_token", kind="half")

    outcome = subscription_sender({"mini": mini})(subscription())

    assert outcome == Failure(ErrorClass.NOT_SENT)
    assert calls(standin, "/weixin/cgi-bin/message/subscribe/send") == 0


@pytest.mark.usefixtures("impatient")
def test_a_dripping_answer_ends_with_the_whole_time() -> None:
    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    started = time.monotonic()
    with serving(drip) as url:
        assert failure_of(url, total=1.0).error_class is ErrorClass.AMBIGUOUS
        assert time.monotonic() - started < 1.6


def test_an_answer_that_stops_in_the_middle_ends_with_the_whole_time() -> None:
    begun = threading.Event()

    def stall(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        begun.wait(8)

    started = time.monotonic()
    with serving(stall) as url:
        assert failure_of(url, total=0.5).error_class is ErrorClass.AMBIGUOUS
        assert time.monotonic() - started < 2
        begun.set()


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n", b"x" * 100_000),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x" * 100_000),
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x" * 100_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000),
    ],
    ids=["promised", "until closed", "in the head", "never beginning"],
)
def test_a_giant_answer_is_not_read_to_its_end(head: bytes, more: bytes) -> None:
    sent = []

    def pour(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(600):
            connection.sendall(more)
            sent.append(1)

    with serving(pour) as url:
        assert failure_of(url).error_class is ErrorClass.AMBIGUOUS
    assert len(sent) < 300  # a megabyte for us, and what the kernels keep between


def test_a_redirect_is_not_followed(standin: Platform) -> None:
    def redirect(connection: socket.socket) -> None:
        target = f"{standin.url}/weixin/cgi-bin/token"
        connection.sendall(
            f"HTTP/1.1 307 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    with serving(redirect) as url:
        assert failure_of(url) == Failure(ErrorClass.AMBIGUOUS, 307)
    assert calls(standin, "/weixin/cgi-bin/token") == 0


def test_a_proxy_of_the_environment_is_not_used(
    mini: MiniProgram, standin: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert mini.fetch_token()[1] > 0


@pytest.mark.usefixtures("granted", "impatient")
def test_a_lost_answer_leaves_one_message_and_no_second_call(
    mini: MiniProgram, standin: Platform
) -> None:
    standin.control("/faults", path=SUBSCRIBE, kind="half", after=True, times=1)

    outcome = subscription_sender({"mini": mini})(subscription())

    assert outcome == Failure(ErrorClass.AMBIGUOUS)
    assert len(standin.ledger("subscribe_message")) == 1


@pytest.mark.usefixtures("granted")
def test_what_is_logged_of_a_failure_names_no_secret_and_no_person(
    mini: MiniProgram, standin: Platform, logged: io.StringIO
) -> None:
    token = mini._tokens.refresh(mini.fetch_token)
    for kind in ("half", "errcode", "status"):
        standin.control("/faults", path=SUBSCRIBE, kind=kind, times=1)
        subscription_sender({"mini": mini})(subscription())

    said = logged.getvalue()
    assert said.count("platform_call_failed") == 3
    for secret in (token, MINI_SECRET, OPENID, "血糖"):
        assert secret not in said


def test_threads_share_a_client(mini: MiniProgram, standin: Platform) -> None:
    openids = [f"o-many-{number}" for number in range(40)]
    standin.control("/phones", appid=MINI, openids=openids, grants={ONE_TIME: 1})
    send, waiting = subscription_sender({"mini": mini}), list(openids)

    def some() -> list[Any]:
        return [send(subscription(openid=waiting.pop())) for _ in range(5)]

    outcomes = [one for batch in in_threads(8, some) for one in batch]

    assert {one.platform_id for one in outcomes} == {
        entry["msgid"] for entry in standin.ledger("subscribe_message")
    }
    assert {entry["openid"] for entry in standin.ledger("subscribe_message")} == set(openids)


# ------------------------------------------------------------------------------------------ SMS


def sms(public_id: str = "s1", phone: str = "13800000000") -> Outgoing:
    content = {"phone": phone, "template": "reminder", "params": {"hospital": "康伴医院"}}
    return Outgoing(public_id, Channel.SMS, "", content)


def test_an_sms_is_sent_once_however_often_it_is_tried(standin: Platform) -> None:
    send = sms_sender(f"{standin.url}/sms/send", "sms-key")

    first, second, other = send(sms()), send(sms()), send(sms("s2"))

    assert isinstance(first, Accepted)
    assert first == second != other
    assert len(standin.ledger("sms")) == 2


def test_an_sms_provider_that_refuses_is_understood(standin: Platform) -> None:
    url = f"{standin.url}/sms/send"

    assert sms_sender(url, "sms-key")(sms(phone="12")) == Failure(ErrorClass.CONTENT, 400)
    assert sms_sender(url, "wrong")(sms()) == Failure(ErrorClass.OURS, 401)
    standin.control("/faults", path="/send", host="sms", kind="status", value=503)
    assert sms_sender(url, "sms-key")(sms()) == Failure(ErrorClass.AMBIGUOUS, 503)


# ---------------------------------------------------------------------------------------- WeCom


def test_a_card_reaches_the_team_with_its_buttons(wecom: WeComClient, standin: Platform) -> None:
    outcome = card_sender({"nurse": wecom})(card())

    assert isinstance(outcome, Accepted)
    assert outcome.response_code
    assert outcome.refused == ()
    (shown,) = standin.get("/standin/members/NurseChen")["messages"]
    assert shown["keys"] == ["take", "transfer", "contacted"]
    assert shown["task_id"] == "k1"
    assert shown["link"] == CARD["url"]
    assert shown["content"]["horizontal_content_list"][0] == {
        "keyname": "时限",
        "value": "30分钟内处理",
    }


def test_a_card_sent_again_after_a_lost_answer_reaches_the_team_once(
    wecom: WeComClient, standin: Platform
) -> None:
    standin.control("/faults", path="/message/send", kind="reset", after=True, times=1)
    send = card_sender({"nurse": wecom})

    outcomes = [send(card()), send(card())]

    assert outcomes[0] == Failure(ErrorClass.AMBIGUOUS)
    assert isinstance(outcomes[1], Accepted)
    assert len(standin.ledger("app_message", userid="NurseChen")) == 1


def test_a_card_too_long_for_its_parts_is_cut_not_refused(
    wecom: WeComClient, standin: Platform
) -> None:
    long = "很长的一段说明，" * 40
    lines = [{"name": "超过五个字的名称", "value": long}] * 9
    buttons = [{"key": f"key-{at}", "text": "超过十个字的按钮文字要缩短"} for at in range(8)]

    outcome = card_sender({"nurse": wecom})(
        card(title=long, description=long, source=long, lines=lines, buttons=buttons)
    )

    assert isinstance(outcome, Accepted)
    (shown,) = standin.get("/standin/members/nurse-li")["messages"]
    assert shown["content"]["sub_title_text"].endswith("说明…")
    assert len(shown["content"]["button_list"]) == 6


def test_who_cannot_be_reached_is_told_apart(wecom: WeComClient, standin: Platform) -> None:
    send = card_sender({"nurse": wecom})

    partly = send(card("p1", userids=["NurseChen", "nobody"]))
    nobody = send(card("p2", userids=["nobody"]))

    assert isinstance(partly, Accepted)
    assert partly.refused == ("nobody",)
    assert nobody == Failure(ErrorClass.RECIPIENT, 81013)


def test_a_text_is_cut_by_bytes_at_a_word(wecom: WeComClient, standin: Platform) -> None:
    text = "患者有新的消息，请查看。" * 100
    outgoing = Outgoing("x", Channel.WECOM_TEXT, "nurse", {"userids": ["NurseChen"], "text": text})

    outcome = text_sender({"nurse": wecom})(outgoing)

    assert isinstance(outcome, Accepted)
    (entry,) = standin.ledger("app_message")
    assert entry["data"]["content"].endswith("，请查看…")
    assert len(entry["data"]["content"].encode()) <= 2048


def test_the_buttons_of_a_card_give_way_to_words_once(
    wecom: WeComClient, standin: Platform
) -> None:
    sent = card_sender({"nurse": wecom})(card())
    assert isinstance(sent, Accepted)
    content = {
        "userids": CARD["userids"],
        "replace_name": "演示陈护士已处理",
        "response_code": sent.response_code,
    }
    update = Outgoing("u1", Channel.WECOM_CARD_UPDATE, "nurse", content)
    send = card_update_sender({"nurse": wecom})

    assert send(update) == Accepted()
    for userid in ("NurseChen", "nurse-li"):
        (shown,) = standin.get(f"/standin/members/{userid}")["messages"]
        assert shown["replaced_by"] == "演示陈护士已处理"
        assert shown["keys"] == []
    assert send(update) == Failure(ErrorClass.CONTENT, 40058)


def test_a_message_of_another_shape_never_raises(wecom: WeComClient, mini: MiniProgram) -> None:
    broken = Outgoing("b1", Channel.WECOM_CARD, "nurse", {"userids": []})

    assert card_sender({"nurse": wecom})(broken) == Failure(ErrorClass.CONTENT)
    assert card_sender({})(card()) == Failure(ErrorClass.OURS)
    assert subscription_sender({})(subscription()) == Failure(ErrorClass.OURS)


def test_a_member_signs_in_with_a_code_once(wecom: WeComClient, standin: Platform) -> None:
    code = standin.control("/members/NurseChen/oauth-code", agentid=AGENT)["code"]

    assert wecom.member_of_code(code) == "NurseChen"
    with pytest.raises(CodeRefused):
        wecom.member_of_code(code)


def test_the_sign_in_page_brings_the_member_back(standin: Platform) -> None:
    url = authorize_url(
        f"{standin.url}/open/connect/oauth2/authorize",
        "ww0000000000test00",
        AGENT,
        "http://careloop.test:8080/wecom/signed-in?next=/wecom/",
        "state-1",
    )

    answer = standin.http.get(
        url.replace("#wechat_redirect", "&as=NurseChen"), allow_redirects=False, timeout=10
    )

    assert url.endswith("#wechat_redirect")
    assert answer.status_code == 302
    assert "state=state-1" in answer.headers["Location"]


def test_a_cut_ends_at_a_word() -> None:
    assert cut("短", 5) == "短"
    assert cut("血糖偏高，请尽快联系患者", 10) == "血糖偏高，请尽快联…"
    assert cut("请在今天之内联系患者，并记录结果", 13) == "请在今天之内联系患者…"
    assert len(cut_bytes("汉" * 800, 2048).encode()) <= 2048
    assert cut_bytes("汉", 3) == "汉"
