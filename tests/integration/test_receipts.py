"""Receipts: in any order, however often, a message ends where its receipt says."""

import itertools
import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState, Lane, Outgoing
from app.domain.outreach.platform_events import CardClick, Inbound, read_message
from app.integrations.wechat import MiniProgram
from app.integrations.wechat_senders import subscription_sender
from app.models import Communication, EarlyReceipt, Event, InboundMessage, WeChatAccount
from app.models.outreach.receipt import apply_early_receipts
from app.services.outreach.platform_inbox import Handler, keep, process_pending
from app.services.outreach.receipts import (
    click,
    follow,
    record_answers,
    retry_early_receipts,
    settle_subscription,
    settle_template,
)
from tests.conftest import NOON
from tests.standin.support import MINI, ONE_TIME, Platform, wait_for

OPENID = "o-receipt-test"
HANDLERS: dict[str, Handler] = {
    "subscribe_msg_sent_event": settle_subscription,
    "TEMPLATESENDJOBFINISH": settle_template,
}
_numbers = itertools.count()


def account(session: Session, openid: str = OPENID, app_key: str = "mini") -> WeChatAccount:
    found = session.scalar(select(WeChatAccount).filter_by(app_key=app_key, openid=openid))
    if found is None:
        found = WeChatAccount(app_key=app_key, openid=openid, created_at=NOON, last_seen_at=NOON)
        session.add(found)
        session.flush()
    return found


def called(session: Session, **values: Any) -> Communication:
    """A message to the account, whose call is under way."""
    number = next(_numbers)
    whole = {
        "dedupe_key": number.to_bytes(32, "big"),
        "account_id": account(session, app_key=values.get("app_key", "mini")).id,
        "kind": "task-reminder",
        "channel": Channel.SUBSCRIPTION,
        "lane": Lane.TRANSACTIONAL,
        "state": CommunicationState.CALLING,
        "app_key": "mini",
        "template_id": "T",
        "content": "{}",
        "recipient_key": f"mini:{number}",
        "planned_at": NOON,
        "due_at": NOON,
        "expires_at": NOON + timedelta(days=1),
        "first_called_at": NOON - timedelta(seconds=5),
    }
    message = Communication(**(whole | values))
    session.add(message)
    session.flush()
    return message


def answered(session: Session, message: Communication, msgid: str) -> None:
    """What the outbox does when the platform's answer comes."""
    if message.state is CommunicationState.CALLING:
        message.state, message.sent_at = CommunicationState.SENT, NOON
        message.platform_id = msgid
        apply_early_receipts(session, message)
        session.flush()


def receipt(
    msgid: str, code: int = 0, openid: str = OPENID, template: str = "T", at: datetime = NOON
) -> Inbound:
    return inbound(
        "subscribe_msg_sent_event",
        openid,
        at,
        List={
            "TemplateId": template,
            "MsgID": msgid,
            "ErrorCode": str(code),
            "ErrorStatus": "success" if code == 0 else "system failed",
        },
    )


def inbound(
    kind: str, sender: str = OPENID, at: datetime = NOON, app_key: str = "mini", **fields: Any
) -> Inbound:
    head = {
        "FromUserName": sender,
        "CreateTime": int(at.timestamp()),
        "MsgType": "event",
        "Event": kind,
    }
    return Inbound(app_key, read_message(json.dumps(head | fields).encode()), at)


def failed_events(session: Session) -> list[Any]:
    rows = session.scalars(select(Event).filter_by(kind="communication.failed"))
    return [row.payload["communication_id"] for row in rows]


def early(session: Session) -> list[str]:
    return list(session.scalars(select(EarlyReceipt.platform_id)))


@pytest.mark.parametrize("code", [0, 1])
def test_every_order_of_answer_and_receipts_ends_the_same(session: Session, code: int) -> None:
    """The answer of the send, its receipt three times, and a receipt of another system's."""
    ends = set()
    steps = ("answer", "receipt", "receipt again", "receipt anew", "foreign")
    for order in itertools.permutations(steps):
        with session.begin_nested() as savepoint:
            message = called(session)
            for step in order:
                if step == "answer":
                    answered(session, message, "7")
                else:
                    told = receipt("99" if step == "foreign" else "7", code)
                    settle_subscription(session, told, NOON)
            retry_early_receipts(session, NOON)
            times = (message.sent_at is not None, message.delivered_at)
            count = len(failed_events(session))
            ends.add((message.state, message.platform_id, times, count, tuple(early(session))))
            savepoint.rollback()

    state = CommunicationState.REFUSED if code else CommunicationState.DELIVERED
    assert ends == {(state, "7", (True, None if code else NOON), code, ("99",))}


def test_every_order_of_a_lost_answer_and_its_receipts_ends_the_same(session: Session) -> None:
    ends = set()
    for order in itertools.permutations(("lost", "receipt", "receipt again", "sweep")):
        with session.begin_nested() as savepoint:
            message = called(session)
            for step in order:
                if step == "sweep":
                    retry_early_receipts(session, NOON)
                elif step == "lost":
                    message.state = CommunicationState.UNKNOWN
                    session.flush()
                else:
                    settle_subscription(session, receipt("7"), NOON)
            retry_early_receipts(session, NOON)
            ends.add((message.state, message.platform_id, tuple(early(session))))
            savepoint.rollback()

    assert ends == {(CommunicationState.DELIVERED, "7", ())}


@pytest.mark.parametrize(
    "state",
    [
        CommunicationState.DELIVERED,
        CommunicationState.REFUSED,
        CommunicationState.DEAD,
        CommunicationState.CANCELLED,
        CommunicationState.EXPIRED,
    ],
)
def test_a_final_state_never_moves(session: Session, state: CommunicationState) -> None:
    message = called(session, state=state, platform_id="7")

    for code in (0, 1):
        settle_subscription(session, receipt("7", code), NOON)

    assert message.state is state
    assert failed_events(session) == []
    assert early(session) == []


def test_a_lost_answer_is_not_guessed_where_two_are_open(session: Session) -> None:
    messages = [called(session, state=CommunicationState.UNKNOWN) for _ in range(2)]

    settle_subscription(session, receipt("7"), NOON)

    assert [one.state for one in messages] == [CommunicationState.UNKNOWN] * 2
    assert early(session) == ["7"]


@pytest.mark.parametrize(
    "told",
    [
        receipt("7", openid="o-somebody-else"),
        receipt("7", template="T2"),
        receipt("7", at=NOON - timedelta(hours=1)),
        receipt("7", at=NOON + timedelta(hours=25)),
    ],
    ids=["another person", "another template", "before the call", "long after"],
)
def test_a_lost_answer_is_settled_only_by_its_own_receipt(session: Session, told: Inbound) -> None:
    message = called(session, state=CommunicationState.UNKNOWN)

    settle_subscription(session, told, NOON)

    assert message.state is CommunicationState.UNKNOWN


def test_a_receipt_during_the_next_call_waits_and_then_finds_the_lost_one(
    session: Session,
) -> None:
    lost = called(session, state=CommunicationState.UNKNOWN)
    under_way = called(session)
    settle_subscription(session, receipt("7"), NOON)
    assert lost.state is CommunicationState.UNKNOWN

    answered(session, under_way, "8")
    assert retry_early_receipts(session, NOON) == 1

    assert (lost.state, lost.platform_id) == (CommunicationState.DELIVERED, "7")
    assert under_way.state is CommunicationState.SENT
    assert early(session) == []


def test_ids_of_two_apps_do_not_meet(session: Session) -> None:
    ours = called(session, state=CommunicationState.SENT, platform_id="7")
    other = called(session, state=CommunicationState.SENT, platform_id="7", app_key="other")

    settle_subscription(session, receipt("7"), NOON)

    assert ours.state is CommunicationState.DELIVERED
    assert other.state is CommunicationState.SENT


def test_a_template_message_is_settled_by_its_own_event(session: Session) -> None:
    told = inbound("TEMPLATESENDJOBFINISH", app_key="gzh", MsgID=200, Status="failed:user block")
    message = called(
        session,
        channel=Channel.TEMPLATE,
        app_key="gzh",
        state=CommunicationState.SENT,
        platform_id="200",
    )

    settle_template(session, told, NOON)
    settle_template(session, told, NOON)

    assert message.state is CommunicationState.REFUSED
    assert message.reason == "failed:userblock"
    assert failed_events(session) == [message.id]


def test_receipts_that_found_nothing_are_forgotten_after_a_day(session: Session) -> None:
    settle_subscription(session, receipt("7", openid="o-unknown"), NOON)
    assert early(session) == ["7"]

    retry_early_receipts(session, NOON + timedelta(hours=25))

    assert early(session) == []


@pytest.mark.mariadb
def test_a_receipt_and_its_answer_at_the_same_moment_meet(mariadb: Engine) -> None:
    """The outbox holds the row while the receipt looks for it: one of the two must see it."""
    with unit_of_work.begin() as session:
        id_ = called(session).id
    told = threading.Thread(target=_handle, args=(receipt("7"),))
    with unit_of_work.begin() as session:
        message = session.get_one(Communication, id_, with_for_update=True)
        told.start()
        told.join(0.5)
        assert told.is_alive()  # it waits for us
        answered(session, message, "7")
    told.join(10)

    with unit_of_work.begin() as session:
        assert session.get_one(Communication, id_).state is CommunicationState.DELIVERED
        assert early(session) == []


def _handle(told: Inbound) -> None:
    with unit_of_work.begin() as session:
        settle_subscription(session, told, NOON)


# ------------------------------------------------------------------ answers, followers, clicks


def test_what_a_user_answers_reaches_the_ledger_under_one_key(session: Session) -> None:
    written: list[tuple[Any, ...]] = []

    def record(session: Session, *told: Any, source_key: bytes) -> None:
        written.append((*told, source_key))

    entries = [
        {"TemplateId": "T", "SubscribeStatusString": "acceptWithAudio"},
        {"TemplateId": "U", "SubscribeStatusString": "reject"},
    ]
    told = inbound("subscribe_msg_popup_event", "o-new-user", List=entries)
    handle = record_answers(record)

    handle(session, told, NOON + timedelta(hours=1))
    handle(session, told, NOON + timedelta(hours=2))

    ours = account(session, "o-new-user").id
    assert [one[:4] for one in written[:2]] == [
        (ours, "T", "accept", NOON),
        (ours, "U", "reject", NOON),
    ]
    assert written[2:] == written[:2]
    assert len({one[4] for one in written}) == 2


def test_followers_come_and_go_in_any_order(session: Session) -> None:
    told = []
    handle = follow(lambda session, account, now: told.append(account.openid))
    come = inbound("subscribe", at=NOON, app_key="gzh")
    leave = inbound("unsubscribe", at=NOON + timedelta(minutes=1), app_key="gzh")

    for order in ((come, leave), (leave, come), (come, leave, come)):
        for one in order:
            handle(session, one, NOON)
        assert not account(session, app_key="gzh").is_following
        session.delete(account(session, app_key="gzh"))
        session.flush()

    handle(session, come, NOON)
    assert account(session, app_key="gzh").is_following
    assert told[-1] == OPENID


def test_a_pressed_button_is_handed_on(session: Session) -> None:
    pressed: list[CardClick] = []
    handle = click(lambda session, one, now: pressed.append(one))
    fields = {"EventKey": "take", "TaskId": "k1", "ResponseCode": "r1", "AgentID": 1000002}

    handle(session, inbound("template_card_event", "NurseChen", **fields), NOON)
    handle(session, inbound("template_card_event", "NurseChen"), NOON)

    assert pressed == [CardClick("NurseChen", "k1", "take", "r1", 1000002, NOON)]


# -------------------------------------------------------------------------------------- inbox


def put(session: Session, number: int, source: str = "wechat:mini", kind: str = "good") -> None:
    body = {"FromUserName": "o", "CreateTime": number, "MsgType": "event", "Event": kind}
    keep(session, source, json.dumps(body).encode(), NOON)


def statuses(session: Session) -> list[tuple[str, str | None, int]]:
    rows = session.scalars(select(InboundMessage).order_by(InboundMessage.id))
    return [(row.status, row.reason, row.tries) for row in rows]


def test_pushes_are_worked_on_in_order_and_once(session: Session) -> None:
    seen: list[float] = []
    for number in (3, 1, 2):
        put(session, number)
    handlers: dict[str, Handler] = {
        "good": lambda session, one, now: seen.append(one.message.created_at.timestamp())
    }

    assert process_pending(session, handlers, NOON, limit=2) == 2
    assert process_pending(session, handlers, NOON, limit=2) == 1
    assert process_pending(session, handlers, NOON, limit=2) == 0

    assert seen == [3, 1, 2]
    assert statuses(session) == [("processed", None, 1)] * 3


def test_poison_is_tried_five_times_and_harms_no_other(session: Session) -> None:
    done: list[str] = []

    def bad(session: Session, one: Inbound, now: datetime) -> None:
        account(session, "o-half-done")
        raise KeyError("张测试 must not be kept as a reason")

    put(session, 1, kind="bad")
    put(session, 2)
    handlers: dict[str, Handler] = {"bad": bad, "good": lambda *_: done.append("good")}
    for _ in range(7):
        process_pending(session, handlers, NOON)

    assert statuses(session) == [("rejected", "KeyError", 5), ("processed", None, 1)]
    assert done == ["good"]
    assert session.scalar(select(WeChatAccount).filter_by(openid="o-half-done")) is None


def test_what_nobody_handles_or_reads_does_not_stay_in_the_way(session: Session) -> None:
    put(session, 1, kind="VIEW")
    keep(session, "wecom:nurse", b"<xml><Odd/></xml>", NOON)
    put(session, 2, source="hl7:his")

    assert process_pending(session, {}, NOON) == 2
    assert statuses(session) == [
        ("processed", "no handler", 1),
        ("rejected", "unreadable", 1),
        ("received", None, 0),
    ]


def test_two_workers_do_not_take_the_same_push(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        for number in range(10):
            put(session, number)
    with unit_of_work.begin() as first, unit_of_work.begin() as second:
        assert process_pending(first, {}, NOON, limit=6) == 6
        assert process_pending(second, {}, NOON) == 4


# ------------------------------------------------------------------------- over the real wires


def test_a_message_sent_comes_back_as_delivered(
    platform: Platform, mini: MiniProgram, database: Engine
) -> None:
    mini.api_base, mini.API_BASE_URL = platform.url, f"{platform.url}/weixin/cgi-bin/"
    mini.api_base += "/weixin"
    platform.control("/phones", appid=MINI, openids=[OPENID], grants={ONE_TIME: 1})
    with unit_of_work.begin() as session:
        id_ = called(session, template_id=ONE_TIME, first_called_at=None).id
    content = {
        "openid": OPENID,
        "template_id": ONE_TIME,
        "page": None,
        "data": {"thing1": "记录今天的血糖", "time2": "18:30"},
    }
    outcome = subscription_sender({"mini": mini})(
        Outgoing("c1", Channel.SUBSCRIPTION, "mini", content)
    )
    with unit_of_work.begin() as session:
        message = session.get_one(Communication, id_)
        answered(session, message, outcome.platform_id)  # type: ignore[union-attr, arg-type]

    def delivered() -> bool:
        with unit_of_work.begin() as session:
            process_pending(session, HANDLERS, NOON)
            return session.get_one(Communication, id_).state is CommunicationState.DELIVERED

    wait_for(delivered)
