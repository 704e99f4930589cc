"""Pushes of the platforms: verified, kept once, answered at once, whatever the database does."""

import io
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.database import make_engine, unit_of_work
from app.domain.outreach.platform_events import read_message
from app.integrations.callback_crypto import CallbackCrypto
from app.integrations.relayed_push import RelayedPush
from app.integrations.spool import Spool
from app.models import InboundMessage
from app.web import callbacks
from app.web.callbacks import CallbackReceiver, Door
from tests.integration.callback_site import DOORS, Site, make_receiver, make_site_app, signed
from tests.integration.platforms import in_threads
from tests.standin.support import (
    ACCOUNT,
    AES_KEY,
    AGENT,
    CORP,
    MINI,
    ONE_TIME,
    TOKEN,
    Platform,
)
from wecom.client import WeComClient

OPENID = "o-callback-test"
WECHAT, ACCOUNT_DOOR, WECOM = DOORS


def event(number: int = 1, agent: int = AGENT) -> str:
    return (
        f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>NurseChen</FromUserName>"
        f"<CreateTime>{1_777_867_200 + number}</CreateTime><MsgType>event</MsgType>"
        f"<Event>template_card_event</Event><EventKey>take</EventKey><TaskId>k{number}</TaskId>"
        f"<ResponseCode>r</ResponseCode><AgentID>{agent}</AgentID></xml>"
    )


def kept() -> list[InboundMessage]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(InboundMessage).order_by(InboundMessage.id)))


def push(site: Site, number: int = 1, **kwargs: Any) -> int:
    query, body = signed(event(number), WECOM, time.time(), **kwargs)
    return site.post("/wecom/callback/nurse", query, body).status_code


@pytest.mark.parametrize(
    "app", [{"appid": MINI}, {"appid": ACCOUNT}, {"corpid": CORP, "agentid": AGENT}]
)
def test_the_platforms_check_of_our_address_passes(platform: Platform, app: dict[str, Any]) -> None:
    assert platform.control("/callbacks/verify", **app) == {"ok": True}


def test_a_push_is_kept_sealed_and_answered_with_nothing(platform: Platform) -> None:
    (result,) = platform.control(
        f"/phones/{OPENID}/subscriptions", appid=MINI, answers={ONE_TIME: "accept"}
    )["results"]

    (row,) = kept()
    assert (result["status"], result["tries"]) == (200, 1)
    assert (row.source, row.kind, row.status) == (
        "wechat:mini",
        "subscribe_msg_popup_event",
        "received",
    )
    assert OPENID.encode() not in row.body_sealed
    assert read_message((row.body or "").encode("latin-1")).sender == OPENID


def test_a_press_that_arrives_three_times_at_once_is_one_row(
    platform: Platform, wecom: WeComClient, database: Engine
) -> None:
    wecom.api_base = f"{platform.url}/qyapi"
    wecom.API_BASE_URL = f"{platform.url}/qyapi/cgi-bin/"
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "预警"},
        "task_id": "k1",
        "button_list": [{"text": "我来处理", "key": "take"}],
    }
    wecom.send_message(["NurseChen"], "template_card", card)

    results = platform.control("/cards/k1/click", userid="NurseChen", key="take", repeat=3)

    assert [one["ok"] for one in results["results"]] == [True] * 3
    (row,) = kept()
    assert row.kind == "template_card_event"
    assert row.repeats == 2


def test_many_repeats_in_parallel_are_one_row_each(site: Site) -> None:
    def all_of_them() -> list[int]:
        return [push(site, number) for number in range(20)]

    answers = in_threads(3, all_of_them)

    assert answers == [[200] * 20] * 3
    assert sorted(row.repeats for row in kept()) == [2] * 20


def test_a_message_is_known_by_its_id_even_if_written_anew(site: Site) -> None:
    for content in ("你好", "你好 "):
        plain = (
            f"<xml><FromUserName>{OPENID}</FromUserName><CreateTime>1777867200</CreateTime>"
            f"<MsgType>text</MsgType><Content>{content}</Content><MsgId>77</MsgId></xml>"
        )
        query, body = signed(plain, WECHAT, time.time())
        assert site.post("/wechat/callback/mini", query, body).status_code == 200

    (row,) = kept()
    assert (row.control_id, row.repeats) == ("77", 1)


def test_everything_wrong_looks_the_same_and_leaves_nothing(site: Site) -> None:
    query, body = signed(event(), WECOM, time.time())
    late, late_body = signed(event(), WECOM, time.time() - 301)
    foreign = Door("x", CallbackCrypto.of(TOKEN, AES_KEY, "ww0000000000other0"))
    other_token = Door("x", CallbackCrypto.of("OtherToken", AES_KEY, CORP))
    plain_mode = f"<xml><ToUserName>{CORP}</ToUserName><MsgType>event</MsgType></xml>"
    pushes: list[tuple[Any, Any]] = [
        (query | {"msg_signature": "0" * 40}, body),
        (query | {"nonce": "n2"}, body),
        ({}, body),
        ([*query.items(), ("nonce", "n1")], body),
        (late, late_body),
        signed(event(), foreign, time.time()),
        signed(event(), other_token, time.time()),
        signed(event(agent=AGENT + 1), WECOM, time.time()),
        (query, body[:-20]),
        (query, body.replace(b"<xml>", b"<!DOCTYPE xml><xml>")),
        (query, plain_mode),
        (query, b""),
        (query, body + b" " * 70_000),
        (query, iter([body, b" " * 70_000])),  # chunked: without a length in front
    ]

    answers = [site.post("/wecom/callback/nurse", *one) for one in pushes]
    answers.append(site.post("/wecom/callback/unknown", query, body))
    answers.append(site.post("/wechat/callback/mini", query, body))
    answers.append(site.get("/wecom/callback/nurse", query | {"echostr": "abc"}))
    answers.append(site.get("/wechat/callback/mini", query | {"echostr": "abc"}))

    assert [(one.status_code, one.content) for one in answers] == [(403, b"")] * len(answers)
    assert kept() == []
    assert site.post("/wecom/callback/nurse", query, body).status_code == 200


def test_a_recorded_push_played_again_is_no_second_row(site: Site) -> None:
    query, body = signed(event(), WECOM, time.time())

    answers = [site.post("/wecom/callback/nurse", query, body).status_code for _ in range(5)]

    assert answers == [200] * 5
    assert len(kept()) == 1


def test_a_push_nobody_can_read_is_kept_for_a_person(site: Site) -> None:
    query, body = signed("<xml><Odd/></xml>", WECOM, time.time())

    assert site.post("/wecom/callback/nurse", query, body).status_code == 200
    assert [row.kind for row in kept()] == ["unreadable"]


def test_neither_person_nor_secret_is_logged(site: Site, logged: io.StringIO) -> None:
    push(site)
    query, body = signed(event(), WECOM, time.time() - 900)
    site.post("/wecom/callback/nurse", query, body)
    site.post("/wecom/callback/13800000000", query, body)

    said = logged.getvalue()
    assert said.count("callback_refused") == 2
    for secret in ("NurseChen", TOKEN, AES_KEY, query["msg_signature"], "13800000000"):
        assert secret not in said


# ------------------------------------------------------------------- when the database does not


@pytest.fixture
def dead_engine() -> Engine:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return make_engine(f"mysql+pymysql://root@127.0.0.1:{port}/careloop")


def test_an_outage_loses_nothing_and_keeps_the_order(
    site: Site, receiver: CallbackReceiver, database: Engine, dead_engine: Engine
) -> None:
    unit_of_work.configure(bind=dead_engine)
    answers = [push(site, number) for number in (3, 1, 2)]
    answers.append(push(site, 1))  # the platform's second try
    with pytest.raises(Exception, match="Can't connect"):
        receiver.replay()
    unit_of_work.configure(bind=database)
    assert kept() == []

    assert receiver.replay() == 4
    assert receiver.replay() == 0

    assert answers == [200] * 4
    tasks = [read_message((row.body or "").encode("latin-1")).fields["TaskId"] for row in kept()]
    assert tasks == ["k3", "k1", "k2"]
    assert [row.repeats for row in kept()] == [0, 1, 0]


def test_the_spool_holds_nothing_readable(
    site: Site, tmp_path: Path, database: Engine, dead_engine: Engine
) -> None:
    unit_of_work.configure(bind=dead_engine)
    push(site)
    unit_of_work.configure(bind=database)

    spooled = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert len(spooled) > 200
    for secret in ("NurseChen", "template_card_event", TOKEN):
        assert secret.encode() not in spooled


def test_a_spooled_push_is_judged_by_the_time_it_came(
    receiver: CallbackReceiver, site: Site, database: Engine, dead_engine: Engine
) -> None:
    unit_of_work.configure(bind=dead_engine)
    push(site)
    unit_of_work.configure(bind=database)
    (received_at,) = [RelayedPush.unpack(one).received_at for one in spooled(receiver)]

    assert abs(received_at.timestamp() - time.time()) < 10
    assert receiver.replay() == 1
    (row,) = kept()
    assert row.received_at == received_at


def spooled(receiver: CallbackReceiver) -> list[bytes]:
    """Return the records of the spool, which keeps them."""
    records: list[bytes] = []
    receiver._spool.replay(records.append)
    for record in records:
        receiver._spool.append(record)
    return records


def test_a_hanging_database_is_waited_for_two_seconds(
    site: Site, receiver: CallbackReceiver, database: Engine
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        port = hanging.getsockname()[1]
        unit_of_work.configure(bind=make_engine(f"mysql+pymysql://root@127.0.0.1:{port}/careloop"))
        started = time.monotonic()
        answers = in_threads(6, lambda: push(site, int(time.time_ns() % 10**9)))
        took = time.monotonic() - started
        unit_of_work.configure(bind=database)

    assert answers == [200] * 6
    assert took < 4
    assert receiver.replay() == 6
    assert len(kept()) == 6


def test_a_push_that_the_database_took_late_is_not_kept_twice(
    site: Site,
    receiver: CallbackReceiver,
    sqlite_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "STORE_SECONDS", 0.3)
    unit_of_work.configure(bind=sqlite_engine)
    writer = sqlite3.connect(str(sqlite_engine.url.database), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    assert push(site) == 200
    writer.execute("COMMIT")
    writer.close()
    end = time.monotonic() + 5
    while not kept() and time.monotonic() < end:
        time.sleep(0.05)
    assert len(kept()) == 1  # the slow statement went through after all

    assert receiver.replay() == 1
    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count(InboundMessage.id))) == 1
        session.execute(InboundMessage.__table__.delete())


def test_a_full_spool_lets_the_platform_try_again(
    site: Site, tmp_path: Path, database: Engine, dead_engine: Engine
) -> None:
    full = make_receiver(tmp_path / "full")
    full._spool = Spool(tmp_path / "full", max_bytes=10)
    site.app = make_site_app(full)
    unit_of_work.configure(bind=dead_engine)

    answer = push(site)
    unit_of_work.configure(bind=database)

    assert answer == 503
    assert push(site) == 200


def test_a_spooled_push_of_an_app_that_is_gone_does_not_block_the_others(
    site: Site, tmp_path: Path, database: Engine, dead_engine: Engine
) -> None:
    unit_of_work.configure(bind=dead_engine)
    push(site, 1)
    query, body = signed(event(2), WECHAT, time.time())
    site.post("/wechat/callback/mini", query, body)
    unit_of_work.configure(bind=database)

    later = make_receiver(tmp_path / "spool", doors=[WECHAT, ACCOUNT_DOOR])

    assert later.replay() == 2
    assert [row.source for row in kept()] == ["wechat:mini"]
