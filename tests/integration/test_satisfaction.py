"""Satisfaction: forms become figures by question, team and department; complaints become tasks."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.staff.alert_clock import Responder
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import StaffRole
from app.integrations.pack_files import read_pack
from app.models import Department, Event, QuestionnaireResponse, Task
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, record_response
from app.services.staff.requests import take_requests
from app.services.staff.satisfaction import read_satisfaction
from tests import factories
from tests.conftest import NOON, ROOT
from tests.staff_browser import WeCom, make_app, sign_in

POINTS = ("very-poor", "poor", "fair", "good", "very-good")
DAY = timedelta(days=1)


@pytest.fixture
def filled(database: Engine) -> None:
    """Six forms of one team, two of none; one complains."""
    pack = read_pack(ROOT / "packs" / "satisfaction")
    keys = [item.link_id for item in pack.questionnaires[0].items[:10]]
    with unit_of_work.begin() as session:
        install_pack(session, pack, NOON, approved_by="演示主任")
        session.add(Department(code="endo", name="内分泌科"))
        team = factories.care_team(session, "甲组", department_code="endo")
        factories.practitioner(session, "nurse-chen", name="演示陈护士", teams=[team])
        factories.practitioner(
            session, "head", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team],
            responder=Responder.HEAD_NURSE,
        )  # fmt: skip
        for number in range(8):
            patient = factories.patient(session, department_code="endo" if number < 7 else None)
            task = None
            if number < 6:
                plan = factories.care_plan(session, patient, team)
                task = factories.task(
                    session, patient, plan, kind="questionnaire", subject="satisfaction"
                )
            chosen = POINTS[number % 5]
            answers: dict[str, object] = dict.fromkeys(keys, chosen)
            answers["complaint"] = number == 0
            if number == 0:
                answers["complaint-text"] = "电话没有人接"
            sheet = Sheet(
                "satisfaction", answers, f"form-{number}",
                task_id=task.public_id if task else None,
            )  # fmt: skip
            kept = record_response(session, patient.id, Author(), sheet, NOON)
            assert kept.promised_at == (NOON + 3 * DAY if number == 0 else None)


def test_forms_become_figures_and_a_complaint_a_task_of_the_head_nurse(filled: None) -> None:
    with unit_of_work.begin() as session:
        told = session.scalars(select(Event).filter_by(kind="response.recorded")).all()
        for _ in range(2):
            for event in told:
                take_requests(session, event.payload["response_id"], NOON, HOSPITAL)
    with unit_of_work.begin() as session:
        (complaint,) = session.scalars(
            select(Task).filter_by(kind=StaffTaskKind.COMPLAINT.value)
        ).all()
        assert complaint.note == "电话没有人接"
        assert complaint.due_at == NOON + 3 * DAY
        assert complaint.assignee_id is not None
        found = read_satisfaction(session, NOON, NOON + DAY)
        none = read_satisfaction(session, NOON + DAY, NOON + 2 * DAY)

    # 1 2 3 4 5 1 2 3: four of eight are three and more, 21 points in all.
    assert (found.overall.forms, str(found.overall.rate), str(found.overall.mean)) == (
        8, "50.0", "2.63",
    )  # fmt: skip
    assert [str(line.figure.rate) for line in found.questions] == ["50.0"] * 10
    assert found.questions[0].name == "回复速度"
    teams = {line.name: line.figure for line in found.teams}
    assert (teams["甲组"].forms, str(teams["甲组"].rate)) == (6, "50.0")
    assert (teams["不是由团队发出的"].forms, teams["不是由团队发出的"].rate) == (2, None)
    departments = {line.name: line.figure.forms for line in found.departments}
    assert departments == {"内分泌科": 7, "未登记科室": 1}
    assert found.open_complaints == 1
    assert (found.complaints, none.complaints, none.overall.forms) == (1, 0, 0)


def test_the_page_shows_figures_to_who_may_see_them(filled: None) -> None:
    with unit_of_work.begin() as session:
        for one in session.scalars(select(QuestionnaireResponse)):
            one.authored_at = clock.now()
    wecom = WeCom(signs_in="head")
    head = make_app(wecom).test_client()
    sign_in(head, wecom, "/console")

    page = head.get("/console/satisfaction").text
    assert "收到 8 份问卷" in page
    assert "满意率 50.0%" in page
    assert "回复速度" in page
    assert "少于 5 份，不显示" in page
    assert "电话没有人接" not in page
    odd = head.get("/console/satisfaction?since=2026-13-99&until=nonsense")
    assert odd.status_code == 200
    turned = head.get("/console/satisfaction?since=2026-05-04&until=2026-05-01").text
    assert "请检查日期" in turned
    old = head.get(f"/console/satisfaction?since={date(2020, 1, 1)}&until={date(2020, 2, 1)}").text
    assert "这段时间没有收到满意度问卷" in old

    wecom.signs_in = "nurse-chen"
    nurse = head.application.test_client()
    sign_in(nurse, wecom, "/console")
    assert nurse.get("/console/satisfaction").status_code == 403
