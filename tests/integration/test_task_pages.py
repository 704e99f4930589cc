"""N1, N3 and N8 over HTTP: calls, second looks, forms filled in for patients, handovers."""

from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.plans.questionnaires import AnswerMode
from app.domain.staff.alerting import Outcome
from app.domain.staff.contacts import StaffTaskKind
from app.domain.trust.access import Relation
from app.integrations.pack_files import read_pack
from app.models import AuditEvent, CarePlan, Patient, QuestionnaireResponse, Task, TaskOwner
from app.services.plans.plan_library import install_pack
from tests import factories
from tests.conftest import NOON, ROOT
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@dataclass
class Ward:
    team: str
    lin: str
    patient: str
    task: str
    form_task: str
    foreign_patient: str
    foreign_task: str


@pytest.fixture
def ward(database: Engine) -> Ward:
    now = clock.now()
    with unit_of_work.begin() as session:
        pack = read_pack(ROOT / "packs" / "instruments")
        install_pack(session, pack, NOON, approved_by="演示主任")
        ours, theirs = factories.care_team(session, "甲组"), factories.care_team(session, "乙组")
        factories.practitioner(session, "nurse-chen", name="演示陈护士", teams=[ours])
        lin = factories.practitioner(session, "nurse-lin", name="演示林护士", teams=[ours])
        ids: list[str] = []
        for team, name in ((ours, "李测试"), (theirs, "外测试")):
            patient = factories.patient(session, name)
            plan = factories.care_plan(session, patient, team)
            task = factories.task(
                session, patient, plan, owner=TaskOwner.STAFF, title="电话随访", starts_at=now
            )
            form = factories.task(
                session, patient, plan, kind="questionnaire", subject="phq-9", starts_at=now
            )
            ids += [patient.public_id, task.public_id, form.public_id]
        return Ward(ours.public_id, lin.public_id, ids[0], ids[1], ids[2], ids[3], ids[4])


@dataclass
class Desk:
    chen: FlaskClient
    lin: FlaskClient


@pytest.fixture
def desk(ward: Ward) -> Desk:
    wecom = WeCom()
    app = make_app(wecom)
    browsers = []
    for userid in ("nurse-chen", "nurse-lin"):
        wecom.signs_in = userid
        browsers.append(app.test_client())
        sign_in(browsers[-1], wecom)
    return Desk(*browsers)


def send(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/wecom/today"))
    return browser.post(f"/wecom/{path}", data=form)


def follow(browser: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["Location"]).text


def test_a_call_is_taken_put_off_and_its_death_confirmed_by_another(desk: Desk, ward: Ward) -> None:
    task = f"tasks/{ward.task}"
    assert f"/wecom/tasks/{ward.task}" in desk.chen.get("/wecom/today").text
    assert "这项随访归您了" in follow(desk.chen, send(desk.chen, f"{task}/take"))
    assert "分给您" in desk.chen.get("/wecom/today?show=mine").text
    assert "分给演示陈护士" in desk.lin.get("/wecom/today").text

    wrong = send(desk.chen, f"{task}/outcome", outcome="nonsense", next_on="2001-01-01")
    assert wrong.status_code == 422
    assert "请选择联系结果" in wrong.text
    assert "下次联系的日期应在今天或以后" in wrong.text
    assert "false-alarm" not in wrong.text

    told = follow(desk.chen, send(desk.chen, f"{task}/outcome", outcome="died", note="家属告知"))
    assert "已记录，这项随访已结束" in told
    assert "家属告知" in told
    assert "没有重复记录" in follow(desk.lin, send(desk.lin, f"{task}/outcome", outcome="reached"))
    with unit_of_work.begin() as session:
        look = session.scalars(
            select(Task.public_id).filter_by(kind=StaffTaskKind.CONFIRM_DEATH.value)
        ).one()

    assert "请由另一位同事核实" in desk.chen.get(f"/wecom/tasks/{look}").text
    assert "请由另一位同事核实" in follow(
        desk.chen, send(desk.chen, f"tasks/{look}/confirm", word="true")
    )
    # Looking is not enough: the old button leads to the question.
    finish = send(desk.lin, f"tasks/{look}/finish", patient=ward.patient)
    assert finish.headers["Location"].endswith(f"/wecom/tasks/{look}")
    assert "随访计划已结束" in follow(
        desk.lin, send(desk.lin, f"tasks/{look}/confirm", word="true", note="查死亡登记")
    )
    with unit_of_work.begin() as session:
        patient = session.scalars(select(Patient).filter_by(public_id=ward.patient)).one()
        assert patient.deceased_at is not None
        plan = session.scalars(select(CarePlan).filter_by(patient_id=patient.id)).one()
        assert plan.is_open is None
        done = session.scalars(select(Task).filter_by(public_id=ward.task)).one()
        assert done.outcome is Outcome.DIED
        actions = [
            one.detail["action"]
            for one in session.scalars(select(AuditEvent).filter_by(entity="task"))
            if one.detail and "action" in one.detail
        ]
        assert actions == ["outcome", "confirm-true"]


def test_a_form_is_filled_in_for_the_patient_and_danger_is_shown_at_once(
    desk: Desk, ward: Ward
) -> None:
    path = f"patients/{ward.patient}/forms"
    assert "情绪自评（PHQ-9）" in desk.chen.get(f"/wecom/{path}").text
    shown = desk.chen.get(f"/wecom/{path}/phq-9?task={ward.form_task}").text
    reference = shown.split('name="reference" value="')[1].split('"')[0]
    answers = {f"a-phq9-{n}": "not-at-all" for n in range(1, 9)}
    said = {"reference": reference, "task": ward.form_task, "version": "1", **answers}

    hole = send(desk.chen, f"{path}/phq-9", **said, answered_on="2001-01-01")
    assert hole.status_code == 422
    for words in ("第 9 题：请回答这个问题", "请选择谁回答的", "请选择怎样", "一年以内"):
        assert words in hole.text
    assert hole.text.count("checked") == 8
    assert reference in hole.text

    whole = {**said, "a-phq9-9": "several-days", "mode": "telephone", "informant": "spouse"}
    danger = send(desk.chen, f"{path}/phq-9", **whole)
    again = send(desk.chen, f"{path}/phq-9", **whole)

    assert danger.status_code == again.status_code == 200
    assert "12356" in danger.text
    with unit_of_work.begin() as session:
        kept = session.scalars(select(QuestionnaireResponse)).one()
        assert (kept.mode, kept.informant) == (AnswerMode.TELEPHONE, Relation.SPOUSE)
        assert kept.author_practitioner_id is not None
        assert kept.author_account_id is None
        task = session.scalars(select(Task).filter_by(public_id=ward.form_task)).one()
        assert task.finished_at is not None

    told = desk.chen.get(f"/wecom/{path}").text
    assert "PHQ-9 总分 1 分，没有或极轻" in told
    assert "配偶 · 电话里问的" in told
    assert "<strong>有几天</strong>" in told

    # Branches are said in words, and what they hide is dropped.
    medicine = desk.chen.get(f"/wecom/{path}/missed-doses").text
    assert "仅当第1题是“是”时填写" in medicine
    saved = send(
        desk.chen, f"{path}/missed-doses", mode="paper", informant="self", version="1",
        **{"a-takes-medicine": "false", "a-missed": "999"},
    )  # fmt: skip
    assert "问卷已保存" in follow(desk.chen, saved)


def test_a_shift_is_handed_over_page_by_page(desk: Desk, ward: Ward) -> None:
    send(desk.chen, f"tasks/{ward.task}/take")
    assert "电话随访" in desk.chen.get("/wecom/handover").text
    nobody = send(desk.chen, "handover", team=ward.team, to="")
    assert "请选择交给谁" in follow(desk.chen, nobody)
    offered = send(desk.chen, "handover", team=ward.team, to=ward.lin, note="家属要回电话")
    assert "已交出" in follow(desk.chen, offered)

    assert "1 份等您接" in desk.lin.get("/wecom/today").text
    page = desk.lin.get("/wecom/handover").text
    assert "演示陈护士交给您的（甲组）" in page
    assert "家属要回电话" in page
    handover = page.split("/wecom/handover/")[1].split("/")[0]
    assert send(desk.chen, f"handover/{handover}/acknowledge").status_code == 404
    assert "已接班" in follow(desk.lin, send(desk.lin, f"handover/{handover}/acknowledge"))
    assert "电话随访" in desk.lin.get("/wecom/today?show=mine").text
    assert "电话随访" not in desk.chen.get("/wecom/today?show=mine").text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tasks/{0.foreign_task}"),
        ("POST", "tasks/{0.foreign_task}/outcome"),
        ("POST", "tasks/{0.foreign_task}/confirm"),
        ("GET", "patients/{0.foreign_patient}/forms"),
        ("GET", "patients/{0.foreign_patient}/forms/phq-9"),
        ("POST", "patients/{0.foreign_patient}/forms/phq-9"),
        ("GET", "patients/{0.patient}/forms/no-such-form"),
    ],
)
def test_nothing_reaches_another_teams_patient(
    desk: Desk, ward: Ward, method: str, path: str
) -> None:
    told = {"outcome": "reached", "word": "true", "mode": "paper", "informant": "self"}
    where = path.format(ward)
    answer = desk.chen.get(f"/wecom/{where}") if method == "GET" else send(desk.chen, where, **told)
    assert answer.status_code == 404
