"""待加入计划 and a patient's plans over HTTP: who may, what is refused, what is shown before."""

from datetime import time, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.changes import Change
from app.domain.plans.enrolling import Entry, ReEntry
from app.domain.trust.access import Actor, StaffRole
from app.models import (
    ActionChange,
    AuditEvent,
    CarePlan,
    CarePlanStatus,
    EnrolmentProposal,
    Practitioner,
)
from app.services.plans import plan_changes, plan_expansion
from app.services.plans.enrolment.ways import PolicyWords, set_policy
from app.services.plans.plan_changes import Told
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
    assert "待加入计划（1 条）" in browser.get("/wecom/today").text
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


def test_changes_for_a_patient_are_read_and_taken_back_and_tasks_tell_their_history(
    browser: FlaskClient, wecom: WeCom
) -> None:
    named, today = patient_id(), clock.today()
    send(browser, f"/console/enrolments/patients/{named}", plan=PLAN, anchor_on=str(today))
    with unit_of_work.begin() as session:
        settling.settle(session, WORK)
        begun = session.scalars(select(CarePlan)).one()
        doctor = session.scalars(select(Practitioner).filter_by(wecom_userid="doctor")).one()
        told = Told(doctor.id, "夜班", clock.now() + timedelta(days=30))
        later = Change(shift_days=2, at=time(9, 30))
        plan_changes.change_for_patient(session, begun, "glucose-fasting", later, told, clock.now())
        change = session.scalars(select(ActionChange)).one().public_id
        plan_expansion.retime_plans(session, clock.now(), HOSPITAL)
        plan_id, doctor_name = begun.public_id, doctor.name or ""
    plans = f"/console/patients/{named}/plans"
    page = browser.get(plans).text
    assert "测一次空腹血糖：推后 2 天，09:30 开始" in page
    assert f"{doctor_name}，" in page
    assert "原因：夜班。" in page
    assert "撤回这项调整" in page
    history = browser.get(f"/console/patients/{named}/plan-tasks/{plan_id}")
    assert "还没开始" in history.text
    assert "更早的" in history.text
    before = history.text.partition("before=")[2].partition('"')[0]
    further = browser.get(f"/console/patients/{named}/plan-tasks/{plan_id}?before={before}")
    assert "接上页" in further.text
    for path in (f"{plan_id}?before=nobody", "nobody"):
        assert browser.get(f"/console/patients/{named}/plan-tasks/{path}").status_code == 404

    back = f"/console/patients/{named}/plan-changes/{change}"
    stranger = browser.application.test_client()
    wecom.signs_in = "stranger"
    sign_in(stranger, wecom, "/console")
    assert send(stranger, back).status_code == 404
    assert stranger.get(f"/console/patients/{named}/plan-tasks/{plan_id}").status_code == 404
    with unit_of_work.begin() as session:
        other = factories.patient(session, "别人")
        others = ActionChange(
            scope="patient", patient_id=other.id, plan_key=PLAN, action_key="glucose-fasting",
            change='{"shift_days": 1}', reason="别人的", author_id=doctor.id,
            created_at=clock.now(),
        )  # fmt: skip
        session.add(others)
        session.flush()
        theirs = others.public_id
    assert send(browser, f"/console/patients/{named}/plan-changes/{theirs}").status_code == 404

    assert send(browser, back).status_code == 303
    assert "陈护士 于" in browser.get(plans).text
    assert "撤回这项调整" not in browser.get(plans).text
    with unit_of_work.begin() as session:
        ended = session.scalars(select(ActionChange).filter_by(public_id=change)).one()
        assert ended.ended_at is not None
        assert session.scalars(select(CarePlan.stale_since)).one() is not None
        noted = session.scalars(select(AuditEvent).filter_by(entity="action-change")).one()
        assert (noted.action, noted.detail) == ("end", {"change": change})
