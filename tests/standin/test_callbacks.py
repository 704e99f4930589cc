"""Encrypted callbacks: read by wechatpy, retried, and written down."""

import base64
import threading
import time
from typing import Any

import pytest
import xmltodict
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto as AccountCrypto
from wechatpy.utils import check_signature
from wechatpy.work.crypto import WeChatCrypto as CorpCrypto

from tests.standin.support import (
    ACCOUNT,
    AES_KEY,
    AGENT,
    CORP,
    LONG_TERM,
    MINI,
    ONE_TIME,
    TOKEN,
    Platform,
    Received,
    Receiver,
    wait_for,
)
from tests.standin.test_app_messages import card, update
from tests.standin.test_template_messages import FOLLOWER, send

PHONE = "o-patient"


def opened(one: Received, app: str) -> str:
    """Return the plaintext, verified and decrypted by wechatpy."""
    peer = CorpCrypto if app == CORP else AccountCrypto
    query = one.query
    text: str = peer(TOKEN, AES_KEY, app).decrypt_message(
        one.body, query["msg_signature"], query["timestamp"], query["nonce"]
    )
    return text


def plain(one: Received, app: str) -> dict[str, Any]:
    return xmltodict.parse(opened(one, app))["xml"]


def test_an_answered_popup_is_told_with_every_template(
    platform: Platform, receiver: Receiver
) -> None:
    answers = {ONE_TIME: "accept", LONG_TERM: "reject"}
    told = platform.control(f"/phones/{PHONE}/subscriptions", appid=MINI, answers=answers)
    assert told["results"][0] | {"ms": 0} == {"ok": True, "status": 200, "tries": 1, "ms": 0}
    (one,) = receiver.received
    assert one.path == "/mini"
    assert (one.query["openid"], one.query["encrypt_type"]) == (PHONE, "aes")
    message = parse_message(opened(one, MINI))
    assert message.event == "subscribe_msg_popup_event"
    told_of = [(s["TemplateId"], s["SubscribeStatusString"]) for s in message.subscribes]
    assert told_of == [(ONE_TIME, "accept"), (LONG_TERM, "reject")]


def test_the_outer_signature_covers_token_time_and_nonce(
    platform: Platform, receiver: Receiver
) -> None:
    platform.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT)
    query = receiver.received[0].query
    check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
    assert plain(receiver.received[0], ACCOUNT)["Event"] == "subscribe"


def test_the_sent_event_joins_the_message_by_its_id(platform: Platform, receiver: Receiver) -> None:
    platform.control("/phones", appid=MINI, openids=[PHONE], grants={ONE_TIME: 1})
    sent = platform.subscribe(platform.stable_token()["access_token"], PHONE)
    wait_for(lambda: receiver.received)
    entry = plain(receiver.received[0], MINI)["SubscribeMsgSentEvent"]["List"]
    assert (entry["MsgID"], entry["ErrorCode"]) == (str(sent["msgid"]), "0")


def test_the_settings_and_the_template_result_are_told(
    platform: Platform, receiver: Receiver
) -> None:
    platform.control("/phones", appid=MINI, openids=[PHONE], grants={LONG_TERM: 1})
    platform.control(f"/phones/{PHONE}/settings", reject=[LONG_TERM])
    platform.control("/phones", appid=ACCOUNT, openids=[FOLLOWER], follow=True)
    platform.control("/receipts", outcome="failed")
    sent = send(platform)
    wait_for(lambda: len(receiver.received) == 2)
    assert plain(receiver.received[0], MINI)["Event"] == "subscribe_msg_change_event"
    result = plain(receiver.received[1], ACCOUNT)
    assert (result["Status"], result["MsgID"]) == ("failed:user block", str(sent["msgid"]))


def test_a_receipt_never_keeps_the_answer_waiting(platform: Platform, receiver: Receiver) -> None:
    def slow(_: Received) -> tuple[int, bytes]:
        time.sleep(1)
        return 200, b""

    receiver.answer = slow
    platform.control("/phones", appid=MINI, openids=[PHONE], grants={ONE_TIME: 1})
    token = platform.stable_token()["access_token"]
    started = time.monotonic()
    assert platform.subscribe(token, PHONE)["errcode"] == 0
    assert time.monotonic() - started < 0.5


def test_a_failed_push_is_tried_three_times_encrypted_anew(
    platform: Platform, receiver: Receiver
) -> None:
    receiver.answer = lambda _: (500, b"")
    told = platform.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT)
    assert told["results"][0] | {"ms": 0} == {"ok": False, "status": 500, "tries": 3, "ms": 0}
    assert len(receiver.received) == 3
    assert len({one.query["nonce"] for one in receiver.received}) == 3
    assert len({one.body for one in receiver.received}) == 3
    assert len({opened(one, ACCOUNT) for one in receiver.received}) == 1
    results = platform.ledger("callback_result")
    assert [(one["try"], one["status"]) for one in results] == [(1, 500), (2, 500), (3, 500)]


def test_a_reset_frees_whoever_waits_for_a_push(platform: Platform, receiver: Receiver) -> None:
    def fail_and_reset(_: Received) -> tuple[int, bytes]:
        threading.Timer(0.2, lambda: Platform(platform.url).control("/reset")).start()
        return 500, b""

    receiver.answer = fail_and_reset
    told = platform.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT)
    assert told["results"][0]["ok"] is False
    assert len(receiver.received) == 1


def test_a_push_counts_as_taken_with_status_200_only(
    platform: Platform, receiver: Receiver
) -> None:
    answers = iter([(204, b""), (200, b"")])
    receiver.answer = lambda _: next(answers)
    told = platform.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT)
    assert (told["results"][0]["ok"], told["results"][0]["tries"]) == (True, 2)


def test_a_click_brings_a_new_response_code(platform: Platform, receiver: Receiver) -> None:
    token = platform.corp_token()
    sent = platform.message(token, **card())
    told = platform.control("/cards/task-1/click", userid="NurseChen", key="take")
    assert told["results"][0]["ok"]
    event = plain(receiver.received[0], CORP)
    assert (event["Event"], event["EventKey"]) == ("template_card_event", "take")
    assert (event["TaskId"], event["FromUserName"]) == ("task-1", "NurseChen")
    assert event["AgentID"] == str(AGENT)
    assert event["ResponseCode"] != sent["response_code"]
    assert update(platform, token, event["ResponseCode"])["errcode"] == 0
    assert update(platform, token, event["ResponseCode"])["errcode"] == 40058


def test_a_button_that_is_gone_cannot_be_pressed_but_by_a_late_client(
    platform: Platform, receiver: Receiver
) -> None:
    token = platform.corp_token()
    sent = platform.message(token, **card())
    update(platform, token, sent["response_code"])
    url = f"{platform.url}/standin/cards/task-1/click"
    body = {"userid": "nurse-li", "key": "take"}
    assert platform.http.post(url, json=body, timeout=5).status_code == 409
    assert receiver.received == []
    assert platform.http.post(url, json=body | {"late": True}, timeout=5).status_code == 200


def test_one_click_can_arrive_three_times_at_once(platform: Platform, receiver: Receiver) -> None:
    platform.message(platform.corp_token(), **card())
    told = platform.control("/cards/task-1/click", userid="NurseChen", key="take", repeat=3)
    assert [one["ok"] for one in told["results"]] == [True] * 3
    assert len({opened(one, CORP) for one in receiver.received}) == 1
    assert len({one.query["nonce"] for one in receiver.received}) == 3


def test_selected_options_and_menu_entries_are_told(platform: Platform, receiver: Receiver) -> None:
    menu = {"desc": "更多", "action_list": [{"text": "稍后", "key": "later"}]}
    platform.message(platform.corp_token(), **card(action_menu=menu))
    click = {"userid": "NurseChen", "key": "later", "selected": {"who": ["li", "wang"]}}
    platform.control("/cards/task-1/click", **click)
    event = plain(receiver.received[0], CORP)
    assert event["Event"] == "template_card_menu_event"
    item = event["SelectedItems"]["SelectedItem"]
    assert (item["QuestionKey"], item["OptionIds"]["OptionId"]) == ("who", ["li", "wang"])


def corp_echo(one: Received) -> tuple[int, bytes]:
    query = one.query
    peer = CorpCrypto(TOKEN, AES_KEY, CORP)
    text = peer.check_signature(
        query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"]
    )
    return 200, text.encode()


def test_the_url_check_of_both_platforms(platform: Platform, receiver: Receiver) -> None:
    receiver.answer = corp_echo
    assert platform.control("/callbacks/verify", corpid=CORP, agentid=AGENT)["ok"]
    receiver.answer = lambda one: (200, one.query["echostr"].encode())
    assert platform.control("/callbacks/verify", appid=MINI)["ok"]
    assert not platform.control("/callbacks/verify", corpid=CORP, agentid=AGENT)["ok"]


@pytest.mark.parametrize("answer", [(200, b'"echo"\n'), (500, b"")])
def test_a_wrong_echo_fails_the_url_check(
    platform: Platform, receiver: Receiver, answer: tuple[int, bytes]
) -> None:
    receiver.answer = lambda _: answer
    assert not platform.control("/callbacks/verify", appid=MINI)["ok"]


def test_the_envelope_names_corp_and_app(platform: Platform, receiver: Receiver) -> None:
    platform.message(platform.corp_token(), **card())
    platform.control("/cards/task-1/click", userid="NurseChen", key="take")
    envelope = xmltodict.parse(receiver.received[0].body)["xml"]
    assert (envelope["ToUserName"], envelope["AgentID"]) == (CORP, str(AGENT))
    assert len(base64.b64decode(envelope["Encrypt"])) % 32 == 0
