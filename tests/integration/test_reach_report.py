"""Whom a message would reach, before it is sent: counted, told why not, and handed to nurses."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.choosing import Hindrance
from app.domain.outreach.decency import Purpose
from app.domain.outreach.messaging import Channel, CommunicationState
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.profile.risk import follow_up_priority
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation, StaffRole
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    Audience,
    AuditEvent,
    Communication,
    Consent,
    Patient,
    ReachMonth,
    RiskAssessment,
    Task,
)
from app.models.staff.team_work import team_task
from app.services.outreach import reach_counts
from app.services.outreach.reach_counts import MonthLine, read_months
from app.services.outreach.reach_report import Calls, Unreached, have_called, report_reach
from app.services.segments.segment_library import Draft, save_segment
from tests import factories
from tests.conftest import NOON, SECRET_KEYS
from tests.integration import postbox, records, ward
from tests.integration.segment_ward import OVER_60, fill
from tests.integration.test_patient_timeline import statements
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

OUTLETS = replace(ward.OUTLETS, sms=True, sms_price=5, texts={"task-reminder": "care"})
DAY = timedelta(days=1)


def bound(session: Session, name: str, **more: Any) -> tuple[Patient, Any]:
    patient = factories.patient(session, "李测试", **more)
    account = records.account(session, name, unionid=f"u{name}")
    records.link(session, patient, account)
    return patient, account


def refuse(session: Session, patient: Patient, account: Any, purpose: ConsentPurpose) -> None:
    session.add(
        Consent.to(
            CURRENT_TEXTS[purpose], patient_id=patient.id, account_id=account.id, is_given=False,
            now=NOON,
        )
    )  # fmt: skip


def at_risk(session: Session, patient: Patient, band: str = follow_up_priority.HIGH) -> None:
    session.add(
        RiskAssessment(
            patient_id=patient.id, score=follow_up_priority.KEY, version="1", value=Decimal(9),
            band=band, inputs=[], missing=[], computed_at=NOON,
        )
    )  # fmt: skip


def report(session: Session, *patients: Patient, purpose: Purpose = Purpose.REMINDER) -> Any:
    session.flush()
    return report_reach(session, [one.id for one in patients], purpose, NOON, OUTLETS)


def test_each_patient_is_counted_once_by_channel_or_by_reason(session: Session) -> None:
    by_right, account = bound(session, "Right")
    postbox.allow(session, account, 1)
    by_sms, account = bound(session, "Sms")
    records.consent(session, by_sms, account, is_given=True)
    silent, account = bound(session, "Silent")
    refuse(session, silent, account, ConsentPurpose.REMINDERS)
    inbox, account = bound(session, "Inbox", phone=None)
    records.consent(session, inbox, account, is_given=True)
    dead, _ = bound(session, "Dead", deceased_at=NOON)
    nobody = factories.patient(session)
    reported, _ = bound(session, "Reported")
    team = factories.care_team(session)
    kind = StaffTaskKind.CONFIRM_DEATH
    session.add(team_task(reported.id, team.id, kind, "核实", "death", NOON + DAY, NOON))

    found = report(session, by_right, by_sms, silent, inbox, dead, nobody, reported)

    assert (found.asked, found.reached) == (7, 2)
    assert found.by_channel == {Channel.SUBSCRIPTION: 1, Channel.SMS: 1}
    assert found.unreached == {
        Unreached.OPTED_OUT: 1, Unreached.INBOX_ALONE: 1, Unreached.DECEASED: 1,
        Unreached.NO_ACCOUNT: 1, Unreached.DEATH_CHECK: 1,
    }  # fmt: skip
    assert found.hindered == {
        (Channel.SUBSCRIPTION, Hindrance.NO_RIGHT): 1,
        (Channel.TEMPLATE, Hindrance.NOT_FOLLOWING): 1,
        (Channel.SMS, Hindrance.NO_PHONE): 1,
    }


def test_bulk_is_not_sent_by_sms(session: Session) -> None:
    patient, account = bound(session, "Sms")
    records.consent(session, patient, account, is_given=True)

    found = report(session, patient, purpose=Purpose.EDUCATION)

    assert found.unreached == {Unreached.INBOX_ALONE: 1}
    assert found.hindered[Channel.SMS, Hindrance.NOT_FOR_THIS] == 1


def test_a_child_is_reached_through_whichever_parent_can_be(session: Session) -> None:
    child = factories.patient(session, phone=None)
    for name, rights in (("Mum", 0), ("Dad", 1)):
        account = records.account(session, name)
        records.link(session, child, account, Relation.CHILD)
        if rights:
            postbox.allow(session, account, rights)

    assert report(session, child).by_channel == {Channel.SUBSCRIPTION: 1}


def test_only_high_risk_patients_who_did_not_say_no_are_worrying(session: Session) -> None:
    unbound, low = factories.patient(session), factories.patient(session)
    silent, account = bound(session, "Silent")
    refuse(session, silent, account, ConsentPurpose.MESSAGES)
    reached, account = bound(session, "Right")
    postbox.allow(session, account, 1)
    for one in (unbound, silent, reached):
        at_risk(session, one)
    at_risk(session, low, "low")

    assert report(session, unbound, low, silent, reached).worrying == [unbound.id]


def test_the_report_asks_as_often_of_many_as_of_one(session: Session) -> None:
    patients = [bound(session, f"N{number}")[0] for number in range(60)]

    with statements(session) as few:
        report(session, patients[0])
    with statements(session) as many:
        report(session, *patients)

    assert len(few) == len(many) == 10  # no contacts are asked where no group tasks are sent


# --------------------------------------------------------------------------------- the tasks


def tasks(session: Session) -> list[Task]:
    return list(
        session.scalars(select(Task).filter_by(kind=StaffTaskKind.CONTACT_CHECK).order_by(Task.id))
    )


def test_a_nurse_is_asked_once_by_the_team_that_cares(session: Session) -> None:
    own = factories.care_team(session, department_code="NEPH")
    department = factories.care_team(session, department_code="ENDO")
    on_plan = factories.patient(session, department_code="ENDO")
    factories.care_plan(session, on_plan, own)
    of_department = factories.patient(session, department_code="ENDO")
    of_nobody = factories.patient(session, department_code="CARD")
    ids = [on_plan.id, of_department.id, of_nobody.id]

    assert have_called(session, ids, NOON, HOSPITAL) == Calls(2, 0, 1)
    assert have_called(session, ids, NOON + DAY, HOSPITAL) == Calls(0, 2, 1)

    made = tasks(session)
    assert [(one.patient_id, one.care_team_id) for one in made] == [
        (on_plan.id, own.id), (of_department.id, department.id),
    ]  # fmt: skip
    assert made[0].due_at == NOON + 2 * DAY
    made[0].status = TaskStatus.COMPLETED
    session.flush()
    later = NOON + timedelta(days=89)
    assert have_called(session, [on_plan.id], later, HOSPITAL).made == 0
    assert have_called(session, [on_plan.id], later + 2 * DAY, HOSPITAL).made == 1


# ------------------------------------------------------------------------------- the savings


def delivered(
    session: Session, channel: Channel, planned_at: datetime, *, state: str = "delivered"
) -> None:
    patient = factories.patient(session)
    link = records.link(session, patient, records.account(session, f"A{patient.id}"))
    letter = postbox.letter(
        session, f"oR{patient.id}", channel, patient_id=patient.id, link_id=link.id
    )
    letter.planned_at, letter.state = planned_at, CommunicationState(state)
    session.flush()


def test_sms_and_what_spared_them_are_counted_by_month(session: Session) -> None:
    april = datetime(2026, 4, 30, 15, 59, tzinfo=NOON.tzinfo)  # the last minute of its day here
    delivered(session, Channel.TEMPLATE, april)
    for _ in range(2):
        delivered(session, Channel.SUBSCRIPTION, NOON)
    delivered(session, Channel.SMS, NOON, state="sent")
    delivered(session, Channel.TEMPLATE, NOON, state="refused")
    postbox.letter(session, "code", Channel.SMS).state = CommunicationState.SENT  # binding code
    session.flush()

    for _ in range(2):
        reach_counts.count_months(session, NOON, HOSPITAL)

    assert read_months(session, 5) == [
        MonthLine(date(2026, 5, 1), 1, 2, 10), MonthLine(date(2026, 4, 1), 0, 1, 5),
    ]  # fmt: skip


def test_a_late_receipt_is_counted_the_next_night(session: Session) -> None:
    delivered(session, Channel.TEMPLATE, NOON, state="queued")
    delivered(session, Channel.TEMPLATE, NOON)
    reach_counts.count_months(session, NOON, HOSPITAL)
    for one in session.scalars(select(Communication)):
        one.state = CommunicationState.DELIVERED
    session.flush()

    reach_counts.count_months(session, NOON + DAY, HOSPITAL)

    assert [(one.channel, one.messages) for one in session.scalars(select(ReachMonth))] == [
        (Channel.TEMPLATE, 2)
    ]


# -------------------------------------------------------------------------- page and command


@pytest.fixture
def elderly(database: Engine) -> str:
    """A segment of two, of whom one is at high risk and unbound; its id."""
    now = clock.now()
    with unit_of_work.begin() as session:
        who = fill(session, now)
        at_risk(session, who.elderly)
        save_segment(session, Draft("高龄", OVER_60, who.team.public_id), who.doctor, now)
        session.add(
            ReachMonth(month=date(2026, 4, 1), channel=Channel.TEMPLATE, messages=1_000, first_id=1)
        )
        factories.practitioner(session, "nurse", role=StaffRole.NURSE, teams=[who.team])
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")
    page = browser.get("/console/reach").text
    return page.split('<option value="')[1].split('"')[0]


def test_the_page_tells_before_anything_is_sent_and_hands_on_who_worries(elderly: str) -> None:
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")

    page = browser.get(f"/console/reach?segment={elderly}&purpose=reminder")

    assert "高龄：任务提醒" in page.text
    assert "能提醒到 0 人" in page.text
    assert "到不了：没有人绑定小程序" in page.text
    assert "有 1 位高风险患者收不到消息" in page.text
    assert "2026-04" in page.text
    form = {"csrf_token": csrf_of(page), "segment": elderly, "purpose": "reminder"}
    for told in (
        "已为 1 位患者生成护士待办。",
        "已为 0 位患者生成护士待办，1 位之前已经交给护士。",
    ):
        answer = browser.post("/console/reach", data=form, follow_redirects=True)
        assert told in answer.text
    with unit_of_work.begin() as session:
        assert len(tasks(session)) == 1
        assert not session.scalars(select(Communication)).all()
        kinds = {one.entity for one in session.scalars(select(AuditEvent))}
        assert {"reach-report", "contact-tasks"} <= kinds


def test_a_frozen_audience_is_asked_about_too(elderly: str) -> None:
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")
    segment = browser.get(f"/console/segments/{elderly}")
    browser.post(f"/console/segments/{elderly}/freeze", data={"csrf_token": csrf_of(segment)})
    with unit_of_work.begin() as session:
        audience = session.scalars(select(Audience)).one().public_id

    assert f"/console/reach?audience={audience}" in browser.get(f"/console/segments/{elderly}").text
    page = browser.get(f"/console/reach?audience={audience}").text
    assert "名单：健康知识" in page
    assert "共 2 人" in page
    assert browser.get("/console/reach?audience=nothing").status_code == 404


def test_a_nurse_does_not_see_the_page(elderly: str) -> None:
    wecom = WeCom(signs_in="nurse")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")

    assert browser.get("/console/reach").status_code == 403


def test_a_crowd_is_asked_in_part(elderly: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.reach.MOST", 1)
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")

    page = browser.get(f"/console/reach?segment={elderly}").text

    assert "共 2 人，人数较多，均匀抽取其中 1 人计算" in page


def test_the_verbs_count_all_and_make_the_tasks(
    elderly: str,
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))

    asked = ["reach", "report", "--segment", "高龄", "--tasks", "--json"]
    assert main(asked, wired=lambda _: OUTLETS) == 0

    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["asked"], told["reached"], told["unreached"]) == (2, 0, {"no-account": 2})
    assert (told["high_risk_unreached"], told["tasks_made"]) == (1, 1)
    assert main(["reach", "report", "--segment", "高龄"]) == 0
    assert "no-account" in capsys.readouterr().out
    assert main(["reach", "saved", "--json"], wired=lambda _: OUTLETS) == 0
    saved = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert saved == {"2026-04": {"sms": 0, "avoided": 1000, "yuan": 50.0}}
    assert main(["reach", "report"]) == 2
