"""A lost answer, channel by channel: the stand-in's ledger says how often it had an effect."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.database import unit_of_work
from app.domain.outreach.channels import CONTRACTS, DELIVERY, Idempotency, OnAmbiguity
from app.domain.outreach.messaging import Channel, CommunicationState, Sender
from app.integrations.medical_assistant import medical_assistant_sender
from app.integrations.sms import sms_sender
from app.integrations.wechat import MiniProgram, OfficialAccount
from app.integrations.wechat_senders import (
    customer_service_sender,
    subscription_sender,
    template_sender,
)
from app.models import Communication
from tests.conftest import NOON
from tests.integration.platforms import PAGE
from tests.integration.postbox import letter, send_due
from tests.standin.support import (
    ACCOUNT,
    FOLLOWER_TEMPLATE,
    MEDICAL_STATUS,
    MINI,
    ONE_TIME,
    Platform,
)
from wecom.client import WeComClient
from wecom.group_tasks import group_task_sender
from wecom.sender import card_sender, card_update_sender, text_sender

State = CommunicationState
OPENID, FOLLOWER = "oRepeat", "oRepeatFollower"
# Of each channel: where it is sent to, what the ledger calls it, and a message.
DATA = {"thing1": "您有一项今日健康任务", "time2": "18:30"}
CARD = {
    "userids": ["NurseChen"], "source": "康伴", "title": "预警", "description": "请打开查看",
    "buttons": [{"key": "take", "text": "我来处理"}],
}  # fmt: skip
CASES: Mapping[Channel, tuple[str, str, dict[str, Any]]] = {
    Channel.SUBSCRIPTION: (
        "/subscribe/send", "subscribe_message",
        {"openid": OPENID, "template_id": ONE_TIME, "page": PAGE, "data": DATA},
    ),
    Channel.TEMPLATE: (
        "/template/send", "template_message",
        {
            "openid": FOLLOWER, "template_id": FOLLOWER_TEMPLATE, "page": PAGE,
            "data": {"thing1": "随访提醒", "keyword2": "请打开小程序查看"},
        },
    ),
    Channel.MEDICAL_ASSISTANT: (
        "/sendchannelmsg", "medical_message",
        {
            "openid": OPENID, "status": MEDICAL_STATUS, "order_id": "visit", "page": PAGE,
            "fields": {"pat_name": "张*", "pat_hospital_id": "1", "department_name": "门诊楼"},
        },
    ),
    Channel.CUSTOMER_SERVICE: (
        "/custom/send", "customer_message", {"openid": OPENID, "text": "您有新的回复"},
    ),
    Channel.WECOM_GROUP_TASK: (
        "/add_msg_template", "group_task",
        {"userid": "NurseChen", "external_userids": ["{customer}"], "text": "健康小课堂"},
    ),
    Channel.SMS: (
        "/sms/send", "sms",
        {"phone": "13800138000", "template": "binding-code", "params": {"code": "123456"}},
    ),
    Channel.WECOM_CARD: ("/message/send", "app_message", CARD),
    Channel.WECOM_TEXT: (
        "/message/send", "app_message", {"userids": ["NurseChen"], "text": "请看"},
    ),
    Channel.WECOM_CARD_UPDATE: (
        "/update_template_card", "card_update",
        {"userids": ["NurseChen"], "response_code": "{code}", "replace_name": "已处理"},
    ),
}  # fmt: skip


@pytest.fixture
def senders(
    mini: MiniProgram, account: OfficialAccount, wecom: WeComClient, standin: Platform
) -> dict[Channel, Sender]:
    programs, accounts, clients = {"patient": mini}, {"patient": account}, {"patient": wecom}
    return {
        Channel.SUBSCRIPTION: subscription_sender(programs),
        Channel.TEMPLATE: template_sender(accounts),
        Channel.MEDICAL_ASSISTANT: medical_assistant_sender(accounts),
        Channel.CUSTOMER_SERVICE: customer_service_sender(programs),
        Channel.WECOM_GROUP_TASK: group_task_sender(clients),
        Channel.SMS: sms_sender(f"{standin.url}/sms/send", "sms-key"),
        Channel.WECOM_CARD: card_sender(clients),
        Channel.WECOM_TEXT: text_sender(clients),
        Channel.WECOM_CARD_UPDATE: card_update_sender(clients),
    }


def prepare(standin: Platform, wecom: WeComClient, content: dict[str, Any]) -> str:
    """Let the people be whom the message needs; return the message's text."""
    standin.control("/phones", appid=MINI, openids=[OPENID], grants={ONE_TIME: 5})
    standin.control(f"/phones/{FOLLOWER}/follow", appid=ACCOUNT, wait=False)
    standin.control(f"/phones/{OPENID}/messages", appid=MINI, text="您好", wait=False)
    text = json.dumps(content, ensure_ascii=False)
    if "{customer}" in text:
        way, _ = wecom.add_contact_way(["NurseChen"], "state", "演示")
        added = standin.control(
            f"/phones/{OPENID}/scan-contact-way", appid=MINI, config_id=way, wait=False
        )
        text = text.replace("{customer}", added["external_userid"])
    if "{code}" in text:
        card = {"card_type": "button_interaction", "main_title": {"title": "x"}, "task_id": "t",
                "button_list": [{"text": "x", "key": "x"}]}  # fmt: skip
        sent = wecom.send_message(["NurseChen"], "template_card", card)
        text = text.replace("{code}", sent.response_code or "")
    return text


def queue(channel: Channel, text: str) -> int:
    with unit_of_work.begin() as session:
        message = letter(session, channel=channel)
        message.content = text
        return message.id


def send(senders: dict[Channel, Sender], at: datetime) -> int:
    """Send what is due then, as the worker does; return how many messages were claimed."""
    return send_due(senders, lambda: at)


def kept(id_: int) -> Communication:
    with unit_of_work.begin() as session:
        return session.get_one(Communication, id_)


def test_no_channel_is_left_out() -> None:
    assert set(CASES) == set(CONTRACTS) - {Channel.INBOX}


@pytest.mark.parametrize("channel", CASES)
def test_a_lost_answer_has_one_effect_and_is_repeated_only_where_the_platform_drops_it(
    senders: dict[Channel, Sender], standin: Platform, wecom: WeComClient, channel: Channel
) -> None:
    path, kind, content = CASES[channel]
    id_ = queue(channel, prepare(standin, wecom, content))
    before = len(standin.ledger(kind))
    standin.control("/faults", path=path, kind="half", after=True, times=1)

    assert send(senders, NOON) == 1
    message = kept(id_)
    if CONTRACTS[channel].idempotency is Idempotency.AT_MOST_ONCE:
        assert message.state is State.UNKNOWN
        assert send(senders, NOON + timedelta(days=1)) == 0
    else:
        assert message.state is State.QUEUED
        late = NOON + DELIVERY[channel].resend_for
        assert message.due_at < late
        assert send(senders, message.due_at) == 1
        assert kept(id_).state in (State.SENT, State.DELIVERED)
    assert len(standin.ledger(kind)) == before + 1


@pytest.mark.parametrize(
    "channel", [one for one in CASES if DELIVERY[one].on_ambiguity is OnAmbiguity.RESEND]
)
def test_a_repeat_that_would_come_too_late_is_not_made(
    senders: dict[Channel, Sender], standin: Platform, wecom: WeComClient, channel: Channel
) -> None:
    path, kind, content = CASES[channel]
    id_ = queue(channel, prepare(standin, wecom, content))
    standin.control("/faults", path=path, kind="half", after=True, times=1)
    send(senders, NOON)
    calls = standin.get("/standin/stats")["requests"]

    send(senders, NOON + DELIVERY[channel].resend_for)
    assert kept(id_).state is State.UNKNOWN
    assert standin.get("/standin/stats")["requests"] == calls
    assert len(standin.ledger(kind)) == 1
