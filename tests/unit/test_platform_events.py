"""What the platforms write, in every spelling seen, becomes one form."""

import json
from datetime import UTC, datetime

import pytest

from app.domain.outreach.platform_events import (
    CardClick,
    Receipt,
    SubscriptionAnswer,
    card_click,
    read_message,
    subscription_answers,
    subscription_receipts,
    template_receipts,
)
from app.domain.outreach.platform_xml import NotReadable

AT = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)
HEAD = (
    "<ToUserName>gh_1</ToUserName><FromUserName>o-1</FromUserName>"
    f"<CreateTime>{int(AT.timestamp())}</CreateTime><MsgType>event</MsgType>"
)


def event(name: str, body: str) -> bytes:
    return f"<xml>{HEAD}<Event><![CDATA[{name}]]></Event>{body}</xml>".encode()


def json_event(name: str, **body: object) -> bytes:
    head = {
        "ToUserName": "gh_1",
        "FromUserName": "o-1",
        "CreateTime": int(AT.timestamp()),
        "MsgType": "event",
        "Event": name,
    }
    return json.dumps(head | body).encode()


def sent(*entries: tuple[str, str]) -> str:
    lists = "".join(
        f"<List><TemplateId>T</TemplateId><MsgID>{msgid}</MsgID><ErrorCode>{code}</ErrorCode>"
        "<ErrorStatus>success</ErrorStatus></List>"
        for msgid, code in entries
    )
    return f"<SubscribeMsgSentEvent>{lists}</SubscribeMsgSentEvent>"


def test_one_receipt_and_several_are_read_alike() -> None:
    one = read_message(event("subscribe_msg_sent_event", sent(("7", "0"))))
    two = read_message(event("subscribe_msg_sent_event", sent(("7", "0"), ("8", "1"))))

    assert one.kind == "subscribe_msg_sent_event"
    assert (one.sender, one.created_at) == ("o-1", AT)
    assert subscription_receipts(one) == [Receipt("7", True, "0 success", "T")]
    assert [(one.platform_id, one.is_delivered) for one in subscription_receipts(two)] == [
        ("7", True),
        ("8", False),
    ]


@pytest.mark.parametrize("code", [0, "0"])
@pytest.mark.parametrize("alone", [True, False])
def test_json_receipts_are_read_like_xml_ones(code: object, alone: bool) -> None:
    entry = {"TemplateId": "T", "MsgID": "7", "ErrorCode": code, "ErrorStatus": "success"}

    message = read_message(json_event("subscribe_msg_sent_event", List=entry if alone else [entry]))

    assert subscription_receipts(message) == [Receipt("7", True, "0 success", "T")]


@pytest.mark.parametrize(
    ("status", "is_delivered"),
    [
        ("success", True),
        (" Success ", True),
        ("failed:user block", False),
        ("failed: system failed", False),
        ("", False),
    ],
)
def test_the_result_of_a_template_message_is_read_in_any_spelling(
    status: str, is_delivered: bool
) -> None:
    body = f"<MsgID>200163836</MsgID><Status><![CDATA[{status}]]></Status>"

    (receipt,) = template_receipts(read_message(event("TEMPLATESENDJOBFINISH", body)))

    assert (receipt.platform_id, receipt.is_delivered) == ("200163836", is_delivered)


def test_answers_to_the_popup_are_read_from_xml_and_json() -> None:
    entry = "<TemplateId>T</TemplateId><SubscribeStatusString>accept</SubscribeStatusString>"
    xml = event(
        "subscribe_msg_popup_event",
        f"<SubscribeMsgPopupEvent><List>{entry}</List></SubscribeMsgPopupEvent>",
    )
    in_json = json_event(
        "subscribe_msg_change_event", List={"TemplateId": "T", "SubscribeStatusString": "reject"}
    )

    assert subscription_answers(read_message(xml)) == [SubscriptionAnswer("T", "accept")]
    assert subscription_answers(read_message(in_json)) == [SubscriptionAnswer("T", "reject")]


@pytest.mark.parametrize("s", ["Option", "Opiton"])
def test_a_press_of_a_card_is_read_with_its_choices(s: str) -> None:
    body = (
        "<EventKey>take</EventKey><TaskId>k1</TaskId><CardType>button_interaction</CardType>"
        "<ResponseCode>code-1</ResponseCode><AgentID>1000002</AgentID><SelectedItems><SelectedItem>"
        f"<QuestionKey>q</QuestionKey><{s}Ids><{s}Id>a</{s}Id><{s}Id>b</{s}Id></{s}Ids>"
        "</SelectedItem></SelectedItems>"
    )

    click = card_click(read_message(event("template_card_event", body)))

    assert click == CardClick("o-1", "k1", "take", "code-1", 1000002, AT, {"q": ("a", "b")})


def test_a_press_that_names_no_card_is_none() -> None:
    body = "<EventKey>take</EventKey><AgentID>1000002</AgentID>"

    assert card_click(read_message(event("template_card_event", body))) is None


def test_a_persons_message_has_an_id_and_its_type_for_kind() -> None:
    message = read_message(
        f"<xml>{HEAD.replace('event', 'text')}<Content>&lt;!DOCTYPE</Content>"
        "<MsgId>6054768590064713728</MsgId></xml>".encode()
    )

    assert message.kind == "text"
    assert message.message_id == "6054768590064713728"
    assert message.fields["Content"] == "<!DOCTYPE"


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"<xml/>",
        b"<xml></xml>",
        b"[]",
        b"{",
        b'{"MsgType": "event"}',
        b"<xml><MsgType>event</MsgType><MsgType>text</MsgType></xml>",
        event("x", "").replace(b"<CreateTime>", b"<CreateTime>" + b"9" * 30),
        event("x", "").replace(b"o-1", b"o 1"),
        event("x" * 65, ""),
        b"<!DOCTYPE xml [<!ENTITY a 'b'>]>" + event("x", ""),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_push_is_refused(plain: bytes) -> None:
    with pytest.raises(NotReadable):
        read_message(plain)
