"""团队待办 and 问卷与量表 over HTTP: given many at once, leave, forms tried without keeping."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.integrations.pack_files import read_pack
from app.models import AuditEvent, Practitioner, QuestionnaireResponse, StaffLeave, Task, TaskOwner
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, record_response
from tests import factories
from tests.conftest import NOON, ROOT
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@pytest.fixture
def people(database: Engine) -> dict[str, str]:
    """Public ids by name: the head nurse, a nurse, a stranger, three tasks and a foreign one."""
    now = clock.now()
    with unit_of_work.begin() as session:
        install_pack(
            session, read_pack(ROOT / "packs" / "instruments"), NOON, approved_by="演示主任"
        )
        ours, theirs = factories.care_team(session, "甲组"), factories.care_team(session, "乙组")
        found = {
            "head": factories.practitioner(
                session, "head", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[ours]
            ).public_id,
            "chen": factories.practitioner(
                session, "nurse-chen", name="演示陈护士", teams=[ours]
            ).public_id,
            "stranger": factories.practitioner(session, teams=[theirs]).public_id,
        }
        patient = factories.patient(session)
        plan = factories.care_plan(session, patient, ours)
        other = factories.care_plan(session, factories.patient(session, "外测试"), theirs)
        for name, where in (("a", plan), ("b", plan), ("c", plan), ("foreign", other)):
            found[name] = factories.task(
                session, where.patient, where, owner=TaskOwner.STAFF, title=f"电话随访{name}",
                starts_at=now,
            ).public_id  # fmt: skip
        for number, often in enumerate(("not-at-all", "several-days", "nearly-every-day")):
            answers: dict[str, object] = {f"gad7-{n}": often for n in range(1, 8)}
            sheet = Sheet("gad-7", answers, f"form-{number}")
            record_response(session, patient.id, Author(), sheet, now)
    return found


@pytest.fixture
def head(people: dict[str, str]) -> FlaskClient:
    wecom = WeCom(signs_in="head")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, "/console")
    return browser


def send(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/work"))
    return browser.post(f"/console/{path}", data=form)


def told(browser: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["Location"]).text


def assignees() -> list[str | None]:
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(Practitioner.wecom_userid)
            .select_from(Task)
            .outerjoin(Practitioner, Practitioner.id == Task.assignee_id)
            .where(Task.owner == TaskOwner.STAFF)
            .order_by(Task.id)
        )
        return [row[0] for row in rows]


def test_tasks_are_given_many_at_once_and_leave_moves_them(
    head: FlaskClient, people: dict[str, str]
) -> None:
    page = head.get("/console/work").text
    assert "李*试" in page
    assert "李测试" not in page
    assert "外" not in page

    unticked = send(head, "work/assign", to=people["chen"])
    assert unticked.status_code == 422
    assert "请先勾选" in unticked.text
    ids = [people["a"], people["b"], people["foreign"]]
    assert "已转交 2 项" in told(head, send(head, "work/assign", id=ids, to=people["chen"]))
    assert assignees() == ["nurse-chen", "nurse-chen", None, None]
    outside = send(head, "work/assign", id=ids[:1], to=people["stranger"])
    assert "不在这项待办的团队里" in outside.text
    assert f'value="{ids[0]}" checked' in outside.text
    assert send(head, "work/assign", id=ids, to="no-such-person").status_code == 404

    today = clock.today().isoformat()
    leave = {"who": people["chen"], "from": today, "until": today, "substitute": people["head"]}
    assert "2 项待办已转出" in told(head, send(head, "work/leave", **leave))
    assert assignees() == ["head", "head", None, None]
    assert "演示护士长代班" in head.get("/console/work").text
    for wrong, words in (
        ({"until": "2001-01-01"}, "请检查日期"),
        ({"from": "tomorrow"}, "请检查日期"),
        ({"substitute": people["stranger"]}, "同一个团队"),
        ({"who": ""}, "请选择谁请假"),
    ):
        refused = send(head, "work/leave", **(leave | wrong))
        assert refused.status_code == 422
        assert words in refused.text
        # What was typed stands there still.
        assert f'name="until" value="{(leave | wrong)["until"]}"' in refused.text
        if wrong.get("who") is None:
            assert f'<option value="{people["chen"]}" selected>' in refused.text
    assert send(head, "work/leave", **(leave | {"who": people["stranger"]})).status_code == 404
    with unit_of_work.begin() as session:
        noted = session.scalars(select(StaffLeave)).one().public_id
        entries = session.scalars(select(AuditEvent).filter_by(entity="task", action="update"))
        assert [len(one.detail["task_ids"]) for one in entries if one.detail] == [2]
    assert "已撤销请假" in told(head, send(head, f"work/leave/{noted}/end"))
    assert "放回团队" in head.get("/console/work").text
    send(head, "work/assign", id=ids, to="team")
    assert assignees() == [None] * 4


def test_forms_are_shown_with_what_came_of_them_and_tried_without_keeping(
    head: FlaskClient, people: dict[str, str]
) -> None:
    listed = head.get("/console/questionnaires").text
    assert "焦虑自评（GAD-7）" in listed
    assert "使用中" in listed
    shown = head.get("/console/questionnaires/gad-7/1").text
    assert "GAD-7 总分：3 份，平均 9.3 分" in shown
    assert "Arch Intern Med 2006" in shown
    danger = head.get("/console/questionnaires/phq-9/1").text
    assert "重度预警：问卷：常有伤害自己的念头" in danger
    assert "12356" in danger

    answers = {f"a-phq9-{n}": "several-days" for n in range(1, 10)}
    tried = send(head, "questionnaires/phq-9/1", **answers).text
    assert "PHQ-9 总分 9 分（轻度）" in tried
    assert "会生成中度预警" in tried
    hole = send(head, "questionnaires/phq-9/1", **(answers | {"a-phq9-9": ""}))
    assert hole.status_code == 422
    assert "第 9 题：请回答这个问题" in hole.text
    skipped = send(head, "questionnaires/missed-doses/1", **{"a-takes-medicine": "false"}).text
    assert "跳过第 2、3 题" in skipped
    with unit_of_work.begin() as session:
        assert len(session.scalars(select(QuestionnaireResponse)).all()) == 3
    for path in ("gad-7/9", "gad-7/x", "nothing/1", "gad-7/9999999"):
        assert head.get(f"/console/questionnaires/{path}").status_code == 404


def test_a_nurse_sees_the_work_and_not_the_library(people: dict[str, str]) -> None:
    wecom = WeCom()
    nurse = make_app(wecom).test_client()
    sign_in(nurse, wecom, "/console")
    assert nurse.get("/console/work").status_code == 200
    assert nurse.get("/console/questionnaires").status_code == 403
    assert nurse.get("/console/questionnaires/gad-7/1").status_code == 403
