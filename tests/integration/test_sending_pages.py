"""发送 before an operator: lanes, routes, what waits by reason; deeds whose reasons are kept."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, CommunicationState, ErrorClass, Lane
from app.domain.trust.access import StaffRole
from app.models import (
    AuditEvent,
    Communication,
    CommunicationAttempt,
    RouteGate,
    RouteMinute,
    SendingDeed,
)
from tests import factories
from tests.integration.postbox import letter
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

State = CommunicationState
PAGE = "/console/sending"
ROUTE = f"{PAGE}/routes/template/patient"
GROUP = {
    "state": "dead", "channel": "template", "app": "patient", "reason": "content",
    "errcode": "47003",
}  # fmt: skip
LETTERS = f"{PAGE}/letters?{urlencode(GROUP)}"


@pytest.fixture
def browser(database: Engine) -> FlaskClient:
    wecom = WeCom(signs_in="operator")
    with unit_of_work.begin() as session:
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def close(why: Closed, since: datetime, until: datetime | None) -> None:
    with unit_of_work.begin() as session:
        session.add(
            RouteGate(
                channel=Channel.TEMPLATE, app_key="patient", failures=0, closed=why,
                closed_at=since, until=until,
            )
        )  # fmt: skip


def lay_to_rest(who: str, *, is_lost: bool = False, hours: int = 24) -> str:
    """A message that died of its content, and maybe of silence before; return its public id."""
    now = clock.now()
    with unit_of_work.begin() as session:
        one = letter(session, who, due_at=now, expires_at=now + timedelta(hours=hours))
        one.state, one.reason, one.errcode = State.DEAD, "content", 47003
        one.error_class, one.tries = ErrorClass.CONTENT, 1
        session.add(
            CommunicationAttempt(
                communication_id=one.id, claim_token="t", calling_at=now,
                finished_at=None if is_lost else now,
            )
        )  # fmt: skip
        return one.public_id


def gate() -> RouteGate:
    with unit_of_work.begin() as session:
        return session.scalars(select(RouteGate)).one()


def state_of(public_id: str) -> State:
    with unit_of_work.begin() as session:
        return session.scalars(select(Communication.state).filter_by(public_id=public_id)).one()


def deeds() -> list[tuple[str, int, str | None]]:
    with unit_of_work.begin() as session:
        rows = session.scalars(select(SendingDeed).order_by(SendingDeed.id))
        return [(row.kind.value, row.messages, row.why) for row in rows]


def audited() -> list[str]:
    with unit_of_work.begin() as session:
        rows = session.scalars(
            select(AuditEvent).filter_by(entity="sending").order_by(AuditEvent.id)
        )
        return [f"{row.action} {row.detail['channel']} {row.detail['app']}" for row in rows]


def post(client: FlaskClient, address: str, page: str = PAGE, **sent: str) -> TestResponse:
    data = {"csrf_token": csrf_of(client.get(page)), **sent}
    return client.post(address, data=data, follow_redirects=True)


def test_an_empty_outbox_says_what_will_appear(browser: FlaskClient) -> None:
    page = browser.get(PAGE)

    assert "第一条消息排队后，通道会出现在这里" in page.text
    assert "没有发送失败或暂停的消息" in page.text


def test_lanes_routes_and_reasons_are_told_in_words(browser: FlaskClient) -> None:
    now = clock.now()
    close(Closed.OURS, now - timedelta(minutes=5), now + timedelta(minutes=5))
    with unit_of_work.begin() as session:
        letter(session, "a", lane=Lane.CLINICAL, due_at=now - timedelta(minutes=7))
        this_minute = now.replace(second=0, microsecond=0)
        session.add(
            RouteMinute(
                channel=Channel.TEMPLATE, app_key="patient", called=1200, accepted=1100,
                minute=this_minute - timedelta(minutes=1),
            )
        )  # fmt: skip
    lay_to_rest("b")

    page = browser.get(PAGE)

    for words in (
        "临床（预警、危急值）", "等了 7 分钟", "公众号消息 · patient", "配置或权限不对",
        "1,100 / 1,200", "共 100,000", "内容或模板不符合平台要求", "47003",
    ):  # fmt: skip
        assert words in page.text
    assert "oPatient" not in page.text


def test_a_route_is_paused_for_a_reason_and_opened_again(browser: FlaskClient) -> None:
    with unit_of_work.begin() as session:
        letter(session, "a")

    refused = post(browser, f"{ROUTE}/pause", ROUTE, why="短")
    assert refused.status_code == 422
    assert "请写明原因" in refused.text
    paused = post(browser, f"{ROUTE}/pause", ROUTE, why="平台今晚维护")
    assert "已暂停" in paused.text
    assert "演示信息科：暂停发送。原因：平台今晚维护" in paused.text
    assert (gate().closed, gate().until) == (Closed.PAUSED, None)
    assert "暂停公众号消息" not in paused.text  # it is, already

    opened = post(browser, f"{ROUTE}/open", ROUTE)
    assert "等下一条消息试通" in opened.text
    assert gate().until is not None
    assert deeds() == [("pause", 0, "平台今晚维护"), ("open", 0, None)]
    assert audited() == ["pause template patient", "open template patient"]


def test_all_of_one_reason_go_out_again_but_what_may_have_arrived(browser: FlaskClient) -> None:
    safe, lost = lay_to_rest("a"), lay_to_rest("b", is_lost=True)

    page = post(browser, f"{PAGE}/letters/replay", LETTERS, **GROUP)

    assert "已放回队列 1 条" in page.text
    assert (state_of(safe), state_of(lost)) == (State.QUEUED, State.DEAD)
    assert "可能已经送达" in page.text
    assert deeds() == [("replay", 1, None)]


def test_one_that_may_have_arrived_goes_out_again_for_a_reason(browser: FlaskClient) -> None:
    lost = lay_to_rest("a", is_lost=True)
    address = f"{PAGE}/messages/{lost}/replay"

    refused = post(browser, address, LETTERS, **GROUP)
    assert refused.status_code == 422
    assert "可能已经送达。确认要再发一次，请写明原因" in refused.text
    assert state_of(lost) is State.DEAD
    done = post(browser, address, LETTERS, **GROUP, why="患者来电说没有收到")
    assert "已放回队列" in done.text

    assert state_of(lost) is State.QUEUED
    assert deeds() == [("replay-doubtful", 1, "患者来电说没有收到")]


def test_messages_are_cancelled_one_or_all_for_a_reason(browser: FlaskClient) -> None:
    one, other = lay_to_rest("a"), lay_to_rest("b")

    assert post(browser, f"{PAGE}/messages/{one}/cancel", LETTERS, **GROUP).status_code == 422
    post(browser, f"{PAGE}/messages/{one}/cancel", LETTERS, **GROUP, why="已经电话通知")
    assert (state_of(one), state_of(other)) == (State.CANCELLED, State.DEAD)
    again = post(browser, f"{PAGE}/messages/{one}/cancel", LETTERS, **GROUP, why="已经电话通知")
    assert "状态已经改变" in again.text
    assert post(browser, f"{PAGE}/letters/cancel", LETTERS, **GROUP).status_code == 422
    gone = post(browser, f"{PAGE}/letters/cancel", LETTERS, **GROUP, why="模板已经下线")
    assert "已取消 1 条" in gone.text
    assert "没有这个原因的消息了" in gone.text

    assert state_of(other) is State.CANCELLED
    assert len(audited()) == 2


def test_what_is_past_its_time_offers_no_sending(browser: FlaskClient) -> None:
    old = lay_to_rest("a", hours=-1)

    page = browser.get(LETTERS)
    done = post(browser, f"{PAGE}/messages/{old}/replay", LETTERS, **GROUP)

    assert "已过期" in page.text
    assert f"/messages/{old}/replay" not in page.text
    assert "已经过了有效期" in done.text


@pytest.mark.parametrize(
    "path",
    [
        "/routes/template/nobody", "/routes/pigeon/patient", "/routes/sms/%3Cscript%3E",
        "/letters", "/letters?state=sent&channel=sms&app=-",
        "/letters?state=dead&channel=sms&app=-&reason=%3Cb%3E",
        "/letters?state=dead&channel=sms&app=-&errcode=1e9",
    ],
)  # fmt: skip
def test_what_is_not_there_says_so(browser: FlaskClient, path: str) -> None:
    assert browser.get(PAGE + path).status_code == 404


def test_a_nurse_may_neither_see_nor_do_it(database: Engine) -> None:
    wecom = WeCom()
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-chen")
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    home = client.get("/console", follow_redirects=True)

    assert "发送" not in home.text
    assert client.get(PAGE).status_code == 403
    token = csrf_of(home)
    for path in ("/routes/template/patient/pause", "/letters/replay", "/letters/cancel"):
        assert client.post(PAGE + path, data={"csrf_token": token, **GROUP}).status_code == 403
