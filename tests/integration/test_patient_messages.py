"""患者的消息 in the browser: channel, outcome and reason of each, never its text."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import CommunicationState, Lane
from app.models import AuditEvent, Communication
from app.services.outreach import patient_notices
from app.services.outreach.message_reading import PAGE
from tests import factories
from tests.conftest import NOON
from tests.integration import ward
from tests.integration.test_reaching import OUTLETS, notice
from tests.staff_browser import WeCom, make_app, sign_in


@pytest.fixture
def patient(database: Engine) -> str:
    """A patient with an alert notice that a channel did not deliver in time."""
    with unit_of_work.begin() as session:
        who = ward.build(session)
        ward.grant(session, who, 1)
        plan = factories.care_plan(session, who.patient, who.team)
        assert plan.is_open
        alert = notice(kind="alert-notice", lane=Lane.CLINICAL, title="不给人看的标题")
        patient_notices.notify_patient(session, who.patient.id, alert, NOON, HOSPITAL, OUTLETS)
        sent = session.scalars(select(Communication).filter_by(channel="subscription")).one()
        sent.state, sent.reason = CommunicationState.CANCELLED, "too-late"
        return who.patient.public_id


@pytest.fixture
def nurse(patient: str) -> FlaskClient:
    wecom = WeCom()
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")
    return browser


def test_each_message_says_why_it_went_by_its_channel(nurse: FlaskClient, patient: str) -> None:
    page = nurse.get(f"/console/patients/{patient}/messages").text

    assert "健康提醒" in page
    assert "订阅消息" in page
    assert "还有订阅授权次数" in page
    assert "已取消（超过时限，改用下一个渠道）" in page
    assert "公众号消息：没有关注公众号" in page
    assert "短信：没有同意接收" in page
    assert "小程序消息" in page
    assert "不给人看的标题" not in page
    with unit_of_work.begin() as session:
        assert session.scalars(select(AuditEvent).filter_by(entity="messages")).one().patient_id


def test_the_record_leads_there_and_strangers_find_nothing(
    nurse: FlaskClient, patient: str
) -> None:
    assert f"/console/patients/{patient}/messages" in nurse.get(f"/console/patients/{patient}").text
    with unit_of_work.begin() as session:
        stranger = factories.patient(session, "外测试").public_id

    assert nurse.get(f"/console/patients/{stranger}/messages").status_code == 404
    assert nurse.get(f"/console/patients/{patient}/messages?before=nothing").status_code == 404


def test_older_messages_are_on_the_next_page(nurse: FlaskClient, patient: str) -> None:
    with unit_of_work.begin() as session:
        told = session.scalars(select(Communication).limit(1)).one().patient_id
        assert told is not None
        notices = [(told, notice(number)) for number in range(PAGE // 2)]  # each in two places
        patient_notices.notify_patients(session, notices, clock.now(), HOSPITAL, OUTLETS)

    first = nurse.get(f"/console/patients/{patient}/messages").text
    assert "健康提醒" not in first
    older = first.split("messages?before=")[1].split('"')[0]
    assert "健康提醒" in nurse.get(f"/console/patients/{patient}/messages?before={older}").text
