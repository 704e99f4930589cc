"""用药服务 over HTTP: seen by the team, signed or declined by its doctors alone."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.exchange.documents import DocumentStatus
from app.domain.exchange.medicine_flow import FlowState
from app.domain.outreach.messaging import Outlets
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, MedicineFlow, OutboundDocument, WeChatAccount
from jobs.chores import Work
from tests import factories, settling
from tests.conftest import NOON
from tests.integration.medicine_wishes import ask_refill
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@pytest.fixture
def flow(database: Engine) -> str:
    """The public id of a refill that waits for the doctor of one team."""
    with unit_of_work.begin() as session:
        ours, theirs = factories.care_team(session, "甲组"), factories.care_team(session, "乙组")
        for name, role, team in (
            ("lin", StaffRole.DOCTOR, ours),
            ("chen", StaffRole.NURSE, ours),
            ("wu", StaffRole.DOCTOR, theirs),
        ):
            factories.practitioner(session, name, name=f"演示{name}", role=role, teams=[team])
        patient = factories.patient(session)
        factories.care_plan(session, patient, ours)
        account = WeChatAccount(
            app_key="patient", openid="oPatient", created_at=NOON, last_seen_at=NOON
        )
        session.add(account)
        session.flush()
        found = ask_refill(session, patient, account, clock.now() - timedelta(hours=3)).public_id
        settling.settle(session, Work(HOSPITAL, Outlets()))
    return found


def browser_of(who: str) -> FlaskClient:
    wecom = WeCom(signs_in=who)
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")
    return browser


def send(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/medicines"))
    return browser.post(f"/console/medicines/{path}", data=form)


def state_of(flow: str) -> tuple[FlowState, DocumentStatus]:
    with unit_of_work.begin() as session:
        row = session.scalars(select(MedicineFlow).filter_by(public_id=flow)).one()
        return row.state, session.get_one(OutboundDocument, row.document_id).status


def test_a_doctor_of_the_team_sees_all_that_there_is_and_signs(flow: str) -> None:
    lin = browser_of("lin")
    page = lin.get("/console/medicines").text
    for words in ("李测试：长处方续方 4 周", "二甲双胍片", "病情稳定", "最近胃口好", "3 小时前"):
        assert words in page

    answer = send(lin, f"{flow}/sign")

    assert "已同意" in lin.get(answer.headers["Location"]).text
    assert state_of(flow) == (FlowState.SIGNED, DocumentStatus.APPROVED)
    assert "刚刚已有人处理" in lin.get(send(lin, f"{flow}/decline", reason="other").location).text
    assert "医生已同意" in lin.get("/console/medicines?show=open").text
    with unit_of_work.begin() as session:
        seen = session.scalars(select(AuditEvent).filter_by(entity="medicine-flow")).first()
        assert seen is not None
        assert seen.action == "read"


def test_to_decline_takes_a_reason(flow: str) -> None:
    lin = browser_of("lin")
    nothing = send(lin, f"{flow}/decline", reason="")
    assert nothing.status_code == 422
    assert "请选择不同意的原因" in nothing.text

    answer = send(lin, f"{flow}/decline", reason="needs-visit")

    assert "患者会收到原因" in lin.get(answer.headers["Location"]).text
    assert state_of(flow) == (FlowState.REFUSED, DocumentStatus.CANCELLED)
    assert "医生没有同意：需要先来门诊复诊" in lin.get("/console/medicines?show=ended").text


def test_a_nurse_sees_and_signs_nothing(flow: str) -> None:
    chen = browser_of("chen")
    page = chen.get("/console/medicines").text
    assert "李测试" in page
    assert "同意续方" not in page

    assert send(chen, f"{flow}/sign").status_code == 403
    assert state_of(flow)[0] is FlowState.AWAITING_SIGNATURE


def test_a_doctor_of_another_team_finds_nothing(flow: str) -> None:
    wu = browser_of("wu")
    assert "李测试" not in wu.get("/console/medicines").text

    assert send(wu, f"{flow}/sign").status_code == 404
    assert send(wu, f"{flow}/decline", reason="other").status_code == 404
