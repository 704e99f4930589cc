"""Shared messages split per person, and receipts that must be asked for."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Lane,
    Outgoing,
    dedupe_key,
)
from app.domain.outreach.receipts import Answered, Inquiry, next_wait
from app.integrations.sms import sms_inquirer, sms_sender
from app.models import Communication, CommunicationRecipient, Event
from app.models.outreach.delivery import accept
from app.services.outreach.receipt_queries import settle, to_ask
from jobs.receipt_queries import ask_after
from tests.conftest import NOON
from tests.integration.postbox import letter, send_due
from tests.standin.support import MINI, Platform
from wecom.client import WeComClient
from wecom.group_tasks import group_task_inquirer, group_task_sender

pytestmark = pytest.mark.both_databases

State = CommunicationState
CARD = {"userids": ["NurseChen", "nurse-li", "gone"]}
TASK = {"userid": "NurseChen", "external_userids": ["wmA", "wma"], "text": "本周健康小课堂"}


def taken(
    session: Session, channel: Channel, content: dict[str, Any], outcome: Accepted
) -> Communication:
    """A message that its platform took at noon; it runs out a day later."""
    message = Communication.queue(
        session, dedupe_key=dedupe_key(channel), kind="education", channel=channel, lane=Lane.BULK,
        app_key="nurse", recipient_key="nurse:x", planned_at=NOON, due_at=NOON,
        expires_at=NOON + timedelta(days=1), content=json.dumps(content),
    )  # fmt: skip
    assert message is not None
    message.state = State.CALLING
    accept(message, outcome, NOON)
    session.flush()
    return message


def people(session: Session) -> dict[str, tuple[str, str | None]]:
    rows = session.scalars(select(CommunicationRecipient)).all()
    return {one.recipient: (one.state.value, one.reason) for one in rows}


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


def test_who_wecom_left_out_is_known_by_name(session: Session) -> None:
    card = taken(session, Channel.WECOM_CARD, CARD, Accepted("m", refused=("gone", "nursechen")))

    assert (card.state, card.reason) == (State.DELIVERED, "2 recipients left out")
    assert people(session) == {
        "NurseChen": ("refused", "left out"),
        "nurse-li": ("delivered", None),
        "gone": ("refused", "left out"),
    }


def test_a_message_that_went_to_all_alike_is_not_split(session: Session) -> None:
    taken(session, Channel.WECOM_CARD, CARD, Accepted("m"))

    assert people(session) == {}


def ask(session: Session, answered: Answered, at: datetime) -> bool:
    (inquiry,) = to_ask(session, Channel.WECOM_GROUP_TASK, at)
    return settle(session, inquiry, answered, at)


def test_a_mass_message_is_asked_after_until_each_customer_is_settled(session: Session) -> None:
    task = taken(session, Channel.WECOM_GROUP_TASK, TASK, Accepted("msg1"))
    assert task.state is State.SENT
    assert not ask(session, Answered(), NOON)
    assert not ask(session, Answered(frozenset({"wmA"})), after(minutes=1))
    # Two customers whose names differ in a letter's case are two.
    assert people(session) == {"wmA": ("delivered", None), "wma": ("sent", None)}
    assert ask(session, Answered(refused={"wma": "no friend any more"}), after(minutes=3))
    assert people(session)["wma"] == ("refused", "no friend any more")
    assert task.state is State.DELIVERED
    assert to_ask(session, Channel.WECOM_GROUP_TASK, after(days=2)) == []


def test_a_task_nobody_confirmed_in_time_did_not_arrive(session: Session) -> None:
    task = taken(session, Channel.WECOM_GROUP_TASK, TASK, Accepted("msg1"))

    assert not ask(session, Answered(), after(hours=23))
    assert task.due_at == task.expires_at  # asked once more when it runs out
    assert ask(session, Answered(), after(days=1))
    assert (task.state, task.reason) == (State.REFUSED, "nobody reached")
    assert {reason for _, reason in people(session).values()} == {"not confirmed"}
    assert session.scalars(select(Event.kind)).all() == ["communication.failed"]


def test_an_sms_is_settled_by_its_report_and_left_alone_without_one(session: Session) -> None:
    content = {"phone": "13800138000", "template": "t", "params": {}}
    message = taken(session, Channel.SMS, content, Accepted("p1"))

    assert [one.platform_id for one in to_ask(session, Channel.SMS, NOON)] == ["p1"]
    assert to_ask(session, Channel.SMS, after(seconds=59)) == []
    (inquiry,) = to_ask(session, Channel.SMS, after(minutes=2))
    assert not settle(session, inquiry, Answered(), after(days=2))
    assert message.state is State.SENT
    assert settle(session, inquiry, Answered(refused={"phone": "no such number"}), after(days=2))
    assert (message.state, message.reason) == (State.REFUSED, "no such number")
    assert not settle(session, inquiry, Answered(frozenset({"delivered"})), after(days=3))
    assert message.state is State.REFUSED


def test_a_message_is_asked_after_less_and_less_and_not_for_ever(session: Session) -> None:
    taken(session, Channel.SMS, {"phone": "1"}, Accepted("p1"))
    at, asked = NOON, []
    while at < after(days=9):
        if to_ask(session, Channel.SMS, at):
            asked.append(at)
        at += timedelta(minutes=30)

    assert asked[0] == NOON
    assert after(days=7) < asked[-1] <= after(days=8)
    assert len(asked) < 40
    assert next_wait(timedelta()) == timedelta(minutes=1)


def outgoing(customers: list[str], **changes: Any) -> Outgoing:
    content = {**TASK, "external_userids": customers} | changes
    return Outgoing("g1", Channel.WECOM_GROUP_TASK, "nurse", content)


def customer(wecom: WeComClient, standin: Platform) -> str:
    """Let a WeChat user add the nurse; return WeCom's name for them."""
    config_id, _ = wecom.add_contact_way(["NurseChen"], "state", "演示")
    added = standin.control(
        "/phones/oCustomer/scan-contact-way", appid=MINI, config_id=config_id, wait=False
    )
    named: str = added["external_userid"]
    return named


def test_a_task_waits_for_its_member_and_tells_who_got_it(
    wecom: WeComClient, standin: Platform
) -> None:
    known = customer(wecom, standin)
    send = group_task_sender({"nurse": wecom})
    ask = group_task_inquirer({"nurse": wecom})

    taken = send(outgoing([known, "wmStranger"], title="小课堂", url="https://careloop.test/read"))
    assert isinstance(taken, Accepted)
    assert taken.refused == ("wmStranger",)
    (made,) = standin.ledger("group_task")
    assert made["data"]["attachments"][0]["link"]["title"] == "小课堂"
    inquiry = Inquiry(1, "nurse", taken.platform_id or "", (known,), "NurseChen")
    unknown = Inquiry(2, "nurse", "msgNothing", (known,), "NurseChen")
    assert ask([inquiry, unknown]) == [Answered(), None]
    standin.control("/members/NurseChen/confirm-group-task", msgid=taken.platform_id)
    assert ask([inquiry]) == [Answered(frozenset({known}))]


def test_a_task_whose_time_is_over_cannot_be_confirmed_any_more(
    wecom: WeComClient, standin: Platform
) -> None:
    known = customer(wecom, standin)
    taken = group_task_sender({"nurse": wecom})(outgoing([known]))
    assert isinstance(taken, Accepted)
    over = Inquiry(1, "nurse", taken.platform_id or "", (known,), "NurseChen", is_over=True)
    cancel = "/cancel_groupmsg_send"

    standin.control("/faults", path=cancel, kind="refuse-before", times=1)
    assert group_task_inquirer({"nurse": wecom})([over]) == [None]
    standin.control("/faults", path=cancel, kind="errcode", value=40058, times=1)
    assert group_task_inquirer({"nurse": wecom})([over]) == [Answered()]
    assert group_task_inquirer({"nurse": wecom})([over]) == [Answered()]
    confirm = f"{standin.url}/standin/members/NurseChen/confirm-group-task"
    refused = standin.http.post(confirm, json={"msgid": taken.platform_id})
    assert refused.status_code == 404


def test_a_lost_answer_may_have_made_a_task_and_nothing_says_otherwise(
    wecom: WeComClient, standin: Platform
) -> None:
    known = customer(wecom, standin)
    standin.control("/faults", path="/add_msg_template", kind="half", after=True, times=1)

    assert group_task_sender({"nurse": wecom})(outgoing([known])) == Failure(ErrorClass.AMBIGUOUS)
    assert len(standin.ledger("group_task")) == 1


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"external_userids": ["wmStranger"]}, Failure(ErrorClass.RECIPIENT, 41048)),
        ({"external_userids": []}, Failure(ErrorClass.CONTENT)),
        ({"text": " "}, Failure(ErrorClass.CONTENT)),
        ({"userid": "outsider"}, Failure(ErrorClass.OURS, 60011)),
        ({"text": None}, Failure(ErrorClass.CONTENT)),
    ],
)
def test_a_task_that_cannot_be_made_says_why(
    wecom: WeComClient, standin: Platform, changes: dict[str, Any], failure: Failure
) -> None:
    message = outgoing(["wmStranger"], **changes)
    assert group_task_sender({"nurse": wecom})(message) == failure


def test_the_worker_settles_what_the_member_confirmed_and_the_provider_reports(
    wecom: WeComClient, standin: Platform
) -> None:
    known = customer(wecom, standin)
    senders = {
        Channel.WECOM_GROUP_TASK: group_task_sender({"patient": wecom}),
        Channel.SMS: sms_sender(f"{standin.url}/sms/send", "sms-key"),
    }
    asked = {
        Channel.WECOM_GROUP_TASK: group_task_inquirer({"patient": wecom}),
        Channel.SMS: sms_inquirer(f"{standin.url}/sms/reports", "sms-key"),
    }
    contents = {
        Channel.WECOM_GROUP_TASK: {**TASK, "external_userids": [known]},
        Channel.SMS: {"phone": "13800138000", "template": "t", "params": {}},
    }
    with unit_of_work.begin() as session:
        for channel, content in contents.items():
            letter(session, channel, channel).content = json.dumps(content)

    def states() -> dict[Channel, str]:
        with unit_of_work.begin() as session:
            return {one.channel: one.state for one in session.scalars(select(Communication))}

    assert send_due(senders, lambda: NOON) == 2
    assert set(states().values()) == {State.SENT}
    standin.control("/receipts", outcome="lost")
    assert ask_after(asked, lambda: NOON) == 0
    task = standin.ledger("group_task")[0]["msgid"]
    standin.control("/members/NurseChen/confirm-group-task", msgid=task)
    standin.control("/receipts", outcome="failed")
    assert ask_after(asked, lambda: after(minutes=1)) == 2
    assert states() == {
        Channel.WECOM_GROUP_TASK: State.DELIVERED, Channel.SMS: State.REFUSED,
    }  # fmt: skip
    assert ask_after(asked, lambda: after(days=1)) == 0
