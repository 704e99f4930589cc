"""对接状态 before an operator: states in words, text masked, reasons kept, replays asked for."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, FeedAlarm, InboundDeed, InboundMessage, ReplayRun
from tests import factories
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

HIS = "/console/feeds/hl7/his"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def browser(database: Engine) -> FlaskClient:
    wecom = WeCom(signs_in="operator")
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-chen")
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def arrive(**more: object) -> str:
    with unit_of_work.begin() as session:
        return factories.inbound(
            session, **({"received_at": clock.now() - 5 * MINUTE} | more)
        ).public_id


def audited() -> list[tuple[str, str, str, int | None]]:
    with unit_of_work.begin() as session:
        rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [
            (row.action, row.entity, row.outcome, row.patient_id)
            for row in rows
            if row.action not in ("sign-in", "sign-out")
        ]


def message(public_id: str) -> InboundMessage:
    with unit_of_work.begin() as session:
        return session.scalars(select(InboundMessage).filter_by(public_id=public_id)).one()


def test_a_nurse_finds_no_such_page_in_her_menu_and_is_told_whom_to_ask(database: Engine) -> None:
    wecom = WeCom()
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-chen")
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")

    home, page = client.get("/console", follow_redirects=True), client.get("/console/feeds")

    assert "对接状态" not in home.text
    assert page.status_code == 403
    assert "信息科开通：0571-0000 0000" in page.text


def test_each_source_is_a_row_with_its_state_in_words(browser: FlaskClient) -> None:
    arrive(sent_at=clock.now() - 30 * MINUTE, answered_ms=120)
    arrive(source="hl7:lis", status="processed")
    with unit_of_work.begin() as session:
        session.add(
            FeedAlarm(source="hl7:his", kind="silent", open_key="hl7:his/silent", since=clock.now())
        )

    page = browser.get("/console", follow_redirects=True)

    assert page.request.path == "/console/feeds"
    his, lis = re.findall(r"<tr>(?:(?!</tr>).)*?scope=\"row\".*?</tr>", page.text, re.S)[:2]
    assert "HL7 · his" in his
    assert "没有消息" in his
    assert "慢 25 分钟" in his
    assert "120 ms" in his
    assert "正常" in lis


def test_before_anything_came_the_page_says_what_will_appear(browser: FlaskClient) -> None:
    assert "第一条消息到达后" in browser.get("/console/feeds").text


def test_refused_messages_are_listed_with_a_sentence_and_by_reason(browser: FlaskClient) -> None:
    arrive(reason="bad-segment: line 3")
    arrive(reason="bad-segment: line 7")
    arrive(reason="not-hl7")

    page = browser.get(HIS)
    narrowed = browser.get(HIS, query_string={"reason": "not-hl7"})

    assert "有一行不是合法的 HL7 段。" in page.text
    assert "line 3" in page.text
    assert len(re.findall("/console/messages/", page.text)) == 3
    assert len(re.findall("/console/messages/", narrowed.text)) == 1
    assert "李卡纳" not in page.text
    assert audited() == []  # nothing of a patient was shown


@pytest.mark.parametrize(
    "path",
    [
        "/console/feeds/hl7/nobody", "/console/feeds/HL7/his", "/console/messages/nobody",
        "/console/feeds/hl7/%3Cscript%3E",
    ],
)  # fmt: skip
def test_what_is_not_there_says_so(browser: FlaskClient, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_the_text_is_masked_until_a_reason_is_typed(browser: FlaskClient) -> None:
    with unit_of_work.begin() as session:
        patient_id = factories.patient(session).id
    one = arrive(patient_id=patient_id)
    page = browser.get(f"/console/messages/{one}")
    assert "李卡纳" not in page.text
    assert "PID|▢||||▢" in page.text

    def ask(why: str):  # type: ignore[no-untyped-def]
        data = {"csrf_token": csrf_of(page), "why": why}
        return browser.post(f"/console/messages/{one}/full", data=data)

    without = ask("  a ")
    assert without.status_code == 422
    assert "请写明原因" in without.text
    assert "李卡纳" not in without.text
    assert audited() == []

    full = ask("核对字段位置")
    assert "李卡纳" in full.text
    assert full.headers["Cache-Control"] == "no-store"
    assert audited() == [("unmask", "inbound-message", "success", patient_id)]
    with unit_of_work.begin() as session:
        deed = session.scalars(select(InboundDeed)).one()
        assert (deed.why, deed.kind) == ("核对字段位置", "read")
        assert "核对字段位置".encode() not in deed.why_sealed
    again = browser.get(f"/console/messages/{one}")
    assert "李卡纳" not in again.text
    assert "演示信息科：查看原文。原因：核对字段位置" in again.text


def test_if_the_look_cannot_be_recorded_nothing_is_shown(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = arrive()
    token = csrf_of(browser.get(f"/console/messages/{one}"))

    def full(*_: object, **__: object) -> None:
        raise OSError("the trail is full")

    monkeypatch.setattr("app.console.messages.record", full)
    answer = browser.post(
        f"/console/messages/{one}/full", data={"csrf_token": token, "why": "核对字段位置"}
    )

    assert answer.status_code == 500
    assert "李卡纳" not in answer.text
    with unit_of_work.begin() as session:
        assert session.scalars(select(InboundDeed)).all() == []


def test_one_message_or_all_of_a_reason_are_put_up_for_replay(browser: FlaskClient) -> None:
    one = arrive(reason="not-hl7")
    page = browser.get(f"/console/messages/{one}")

    answer = browser.post(
        f"/console/messages/{one}/replay", data={"csrf_token": csrf_of(page)}, follow_redirects=True
    )
    assert "已安排重放" in answer.text
    with unit_of_work.begin() as session:
        run = session.scalars(select(ReplayRun)).one()
    assert (run.total, run.message_id) == (1, message(one).id)

    # While it is under way the source's page shows it and offers to stop it.
    source = browser.get(HIS)
    assert "已重放 0 / 1 条" in source.text
    assert "全部重放" not in source.text
    stopped = browser.post(
        f"/console/replays/{run.public_id}/stop",
        data={"csrf_token": csrf_of(source)},
        follow_redirects=True,
    )
    assert "正在停止" in stopped.text
    assert [row[0] for row in audited()] == ["replay", "stop"]


def test_all_of_a_reason_are_asked_for_by_its_code(browser: FlaskClient) -> None:
    arrive(reason="bad-segment: line 3")
    arrive(reason="not-hl7")
    page = browser.get(HIS)

    browser.post(
        f"{HIS}/replay",
        data={"csrf_token": csrf_of(page), "status": "rejected", "reason": "bad-segment"},
    )

    with unit_of_work.begin() as session:
        run = session.scalars(select(ReplayRun)).one()
        assert (run.reason, run.total) == ("bad-segment", 1)
        assert session.get_one(type(run), run.id).requested_by_id is not None


def test_a_message_is_set_aside_for_a_reason_and_once(browser: FlaskClient) -> None:
    one = arrive()
    data = {"csrf_token": csrf_of(browser.get(f"/console/messages/{one}"))}

    refused = browser.post(f"/console/messages/{one}/ignore", data=data | {"why": ""})
    done = browser.post(
        f"/console/messages/{one}/ignore", data=data | {"why": "测试消息"}, follow_redirects=True
    )
    again = browser.post(
        f"/console/messages/{one}/ignore", data=data | {"why": "再点一次"}, follow_redirects=True
    )

    assert refused.status_code == 422
    assert "已忽略" in done.text
    assert "状态已经改变" in again.text
    assert message(one).status == "ignored"
    assert message(one).reason == "no-patient-identifier"
    assert [row[0] for row in audited()] == ["ignore"]


def test_a_form_without_its_word_does_nothing(browser: FlaskClient) -> None:
    one = arrive()

    for path in (f"messages/{one}/full", f"messages/{one}/ignore", f"messages/{one}/replay",
                 "feeds/hl7/his/replay", "replays/x/stop"):  # fmt: skip
        answer = browser.post(f"/console/{path}", data={"why": "没有令牌的表单", "status": "held"})
        assert answer.status_code == 403

    assert message(one).status == "rejected"
    assert audited() == []
