"""Writing as the customer service: while a person's own act lets us, and never past it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
    Outgoing,
)
from app.integrations.wechat import MiniProgram
from app.integrations.wechat_senders import customer_service_sender
from app.models import Communication, ServiceWindow, WeChatAccount
from app.models.outreach.service_window import room
from app.services.outreach import outbox
from app.services.outreach.platform_inbox import keep, process_pending
from jobs.platform_events import handlers
from tests.conftest import NOON
from tests.integration.postbox import letter
from tests.integration.ward import WORK
from tests.standin.support import MINI, Platform

OPENID = "oWriter"
MINI_KEY = WORK.outlets.mini_program
HANDLERS = handlers(WORK)


def push(session: Session, kind: str, at: datetime, source: str = f"wechat:{MINI_KEY}") -> None:
    """Take in that the person wrote (`text`), or came to the session."""
    event = f"<MsgType>event</MsgType><Event>{kind}</Event>"
    message = f"<MsgType>{kind}</MsgType><Content>您好</Content><MsgId>{at.timestamp():.0f}</MsgId>"
    plain = (
        f"<xml><FromUserName>{OPENID}</FromUserName><CreateTime>{at.timestamp():.0f}</CreateTime>"
        f"{event if kind == 'user_enter_tempsession' else message}</xml>"
    )
    keep(session, source, plain.encode(), at)
    process_pending(session, HANDLERS, at)


def account_id(session: Session) -> int:
    return session.scalars(select(WeChatAccount.id).filter_by(openid=OPENID)).one()


def written(session: Session, outcome: Outcome, at: datetime) -> Communication:
    """Queue a message to the person and settle its call."""
    message = letter(
        session, OPENID, Channel.CUSTOMER_SERVICE, account_id=account_id(session), due_at=at
    )
    token, ids = outbox.claim(session, at, 1)
    assert outbox.begin_calling(session, token, ids, at)
    outbox.settle(session, token, {message.id: outcome}, at)
    session.flush()
    session.expire_all()
    return message


def test_a_message_opens_48_hours_for_five_and_the_next_one_for_five_more(
    session: Session,
) -> None:
    push(session, "text", NOON)
    who = account_id(session)
    assert room(session, who, NOON) == 5
    for left in (4, 3, 2, 1, 0):
        assert written(session, Accepted(), NOON + timedelta(minutes=1)).state == "delivered"
        assert room(session, who, NOON + timedelta(minutes=1)) == left
    push(session, "text", NOON + timedelta(minutes=2))
    assert room(session, who, NOON + timedelta(minutes=2)) == 5
    assert room(session, who, NOON + timedelta(hours=48, minutes=3)) == 0


def test_coming_to_the_session_opens_a_minute_for_two(session: Session) -> None:
    push(session, "user_enter_tempsession", NOON)
    who = account_id(session)
    assert room(session, who, NOON + timedelta(seconds=59)) == 2
    assert room(session, who, NOON + timedelta(seconds=60)) == 0
    push(session, "text", NOON + timedelta(seconds=30))
    assert room(session, who, NOON + timedelta(seconds=59)) == 7


def test_what_waits_to_be_sent_takes_its_room_already(session: Session) -> None:
    push(session, "text", NOON)
    letter(session, OPENID, Channel.CUSTOMER_SERVICE, account_id=account_id(session))
    letter(session, OPENID, Channel.TEMPLATE, account_id=account_id(session))

    assert room(session, account_id(session), NOON) == 4
    busy = written(session, Failure(ErrorClass.BUSY, -1), NOON + timedelta(minutes=1))
    assert busy.state is CommunicationState.QUEUED
    assert room(session, account_id(session), NOON + timedelta(minutes=1)) == 3


def test_a_call_without_an_answer_may_have_taken_its_room(session: Session) -> None:
    push(session, "text", NOON)
    at = NOON + timedelta(minutes=1)

    assert written(session, Failure(ErrorClass.AMBIGUOUS), at).state is CommunicationState.UNKNOWN
    assert written(session, Failure(ErrorClass.CONTENT, 87014), at).state is CommunicationState.DEAD
    assert room(session, account_id(session), at) == 4


def test_a_late_push_opens_no_window_anew(session: Session) -> None:
    push(session, "text", NOON + timedelta(hours=1))
    push(session, "text", NOON)

    window = session.scalars(select(ServiceWindow)).one()
    assert window.opened_at == NOON + timedelta(hours=1)
    assert window.closes_at == NOON + timedelta(hours=49)


def test_the_platforms_word_closes_the_window_until_the_person_acts_again(
    session: Session,
) -> None:
    push(session, "text", NOON)
    refused = written(session, Failure(ErrorClass.WINDOW, 45047), NOON + timedelta(minutes=1))
    assert refused.state is CommunicationState.REFUSED
    assert room(session, account_id(session), NOON + timedelta(minutes=2)) == 0
    push(session, "text", NOON + timedelta(minutes=3))
    assert room(session, account_id(session), NOON + timedelta(minutes=3)) == 5


def test_a_message_to_another_app_opens_nothing(session: Session) -> None:
    push(session, "text", NOON, source="wecom:nurse")

    assert session.scalars(select(ServiceWindow)).all() == []


def outgoing(**changes: Any) -> Outgoing:
    content = {"openid": OPENID, "text": "您有新的回复，请打开小程序查看"} | changes
    return Outgoing("c1", Channel.CUSTOMER_SERVICE, "mini", content)


def test_the_sender_says_what_the_platform_says(mini: MiniProgram, standin: Platform) -> None:
    send = customer_service_sender({"mini": mini})
    standin.control("/phones", appid=MINI, openids=[OPENID])
    assert send(outgoing()) == Failure(ErrorClass.WINDOW, 45015)
    standin.control(f"/phones/{OPENID}/messages", appid=MINI, text="您好", wait=False)
    url = "https://careloop.test/read"
    outcomes = [send(outgoing()), send(outgoing(title="新回复", url=url))]
    outcomes += [send(outgoing()) for _ in range(4)]
    assert outcomes == [Accepted()] * 5 + [Failure(ErrorClass.WINDOW, 45047)]
    text, link, *_ = standin.ledger("customer_message", openid=OPENID)
    assert text["data"] == {"content": outgoing().content["text"]}
    assert (link["msgtype"], link["data"]["url"]) == ("link", url)


@pytest.mark.parametrize("changes", [{"text": " "}, {"openid": None}, {"text": 5}])
def test_a_broken_message_is_not_sent(
    mini: MiniProgram, standin: Platform, changes: dict[str, Any]
) -> None:
    send = customer_service_sender({"mini": mini})

    assert send(outgoing(**changes)) == Failure(ErrorClass.CONTENT)
    assert standin.ledger("customer_message") == []
