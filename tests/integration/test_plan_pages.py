"""待加入计划 and a patient's plans over HTTP: who may, what is refused, what is shown before."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.plans.enrolling import Entry, ReEntry
from app.domain.trust.access import Actor, StaffRole
from app.models import AuditEvent, CarePlan, CarePlanStatus, EnrolmentProposal
from app.services.plans.enrolment.ways import PolicyWords, set_policy
from tests import factories, settling
from tests.integration import ward
from tests.integration.ward import WORK
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

PLAN = "t2dm-after-discharge"


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="nurse-chen")


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    """A nurse's browser; a patient of hers was discharged and proposed for the plan."""
    now = clock.now()
    with unit_of_work.begin() as session:
        who = ward.build(session, now)
        for role in StaffRole:
            factories.practitioner(session, role.value, role=role, teams=[who.team])
        factories.practitioner(session, "stranger", teams=[factories.care_team(session, "别组")])
        words = PolicyWords(Entry.PROPOSED, ReEntry.NEW_ANCHOR, 0, False)
        set_policy(session, PLAN, words, Actor("practitioner", who.nurse.id), now)
        ward.discharge(session, who, now)
        settling.settle(session, WORK)
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def patient_id() -> str:
    with unit_of_work.begin() as session:
        return session.scalars(select(EnrolmentProposal)).one().patient.public_id


def send(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/enrolments"))
    return browser.post(path, data=form)


def plan() -> CarePlan:
    with unit_of_work.begin() as session:
        return session.scalars(select(CarePlan)).one()


def test_a_proposal_is_seen_declined_with_a_reason_and_by_nobody_else(
    browser: FlaskClient, wecom: WeCom
) -> None:
    page = browser.get("/console/enrolments").text
    assert "李测试：2型糖尿病出院后随访" in page
    assert "符合计划自己的条件" in page
    with unit_of_work.begin() as session:
        proposal = session.scalars(select(EnrolmentProposal)).one().public_id
    for role in StaffRole:
        other = browser.application.test_client()
        wecom.signs_in = role.value
        sign_in(other, wecom, "/console")
        clinicians = (StaffRole.NURSE, StaffRole.DOCTOR, StaffRole.HEAD_NURSE)
        expected = 200 if role in clinicians else 403
        assert other.get("/console/enrolments").status_code == expected
    stranger = browser.application.test_client()
    wecom.signs_in = "stranger"
    sign_in(stranger, wecom, "/console")
    assert "李测试" not in stranger.get("/console/enrolments").text
    for path in (f"/console/enrolments/patients/{patient_id()}", "/console/enrolments/patients/x"):
        assert stranger.get(path).status_code == 404
    assert send(stranger, f"/console/enrolments/{proposal}", word="accept").status_code == 404

    refused = send(browser, f"/console/enrolments/{proposal}", word="decline")
    assert refused.status_code == 422
    assert "请选择原因" in refused.text
    odd = send(browser, f"/console/enrolments/{proposal}", word="accept", anchor_on="昨天")
    assert odd.status_code == 422
    done = send(browser, f"/console/enrolments/{proposal}", word="decline", reason="not-suitable")
    assert done.status_code == 303
    again = send(browser, f"/console/enrolments/{proposal}", word="accept")
    assert again.location.endswith("done=stale")
    with unit_of_work.begin() as session:
        actions = set(session.scalars(select(AuditEvent.action).filter_by(
            entity="enrolment-proposal")))  # fmt: skip
    assert actions == {"list", "decline"}


def test_a_plan_is_previewed_begun_rested_handed_over_and_ended(browser: FlaskClient) -> None:
    named, today = patient_id(), clock.today()
    form = f"/console/enrolments/patients/{named}"
    shown = browser.get(form, query_string={"plan": PLAN})
    assert "会做什么" in shown.text
    assert "测一次空腹血糖" in shown.text
    assert str(today) in shown.text  # the day of discharge, found in the record
    odd = browser.get(form, query_string={"plan": PLAN, "anchor_on": "x"})
    assert odd.status_code == 422
    too_old = send(browser, form, plan=PLAN, anchor_on="2019-01-01")
    assert too_old.status_code == 422
    assert "不能早于两年前" in too_old.text
    begun = send(browser, form, plan=PLAN, anchor_on=str(today), note="出院前谈好")
    assert begun.status_code == 303
    assert send(browser, form, plan=PLAN, anchor_on=str(today)).status_code == 422

    plans = f"/console/patients/{named}/plans"
    page = browser.get(plans).text
    assert "进行中" in page
    assert "出院前谈好" in page
    assert "医护手工加入 · 陈护士" in page
    assert "计划和日历" in browser.get(f"/console/patients/{named}").text
    one = f"{plans}/{plan().public_id}"
    away = str(today + timedelta(days=2))
    preview = send(browser, one, do="preview", begins_on=away, until=away)
    assert "暂停会取消" in preview.text
    assert plan().hold_begins_on is None
    assert send(browser, one, do="hold", reason="").status_code == 422
    assert send(browser, one, do="hold", reason="travel", begins_on=away).status_code == 303
    assert "将暂停" in browser.get(plans).text
    assert send(browser, one, do="resume").status_code == 303
    assert send(browser, one, do="hold", reason="clinical").status_code == 303
    assert plan().status is CarePlanStatus.ON_HOLD
    assert send(browser, one, do="resume").status_code == 303
    assert send(browser, one, do="resume").status_code == 422

    nowhere = send(browser, one, do="transfer", team="", note="搬家了")
    assert nowhere.status_code == 422
    assert f'id="transfer-{plan().public_id}-problem">请选择转给哪个团队' in nowhere.text
    assert 'value="搬家了"' in nowhere.text  # what was typed is kept
    assert send(browser, one, do="end", reason="").status_code == 422
    ended = send(browser, one, do="end", reason="not-suitable", note="改住养老院")
    assert ended.status_code == 303
    assert plan().end_reason == "not-suitable"
    assert send(browser, f"{plans}/nothing", do="resume").status_code == 404
