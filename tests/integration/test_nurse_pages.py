"""The nurse pages over HTTP: who may, what is recorded, what a late or wrong form does."""

import re
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.plans.enrolling import Way
from app.domain.plans.rules import Grade
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import StaffRole
from app.models import Alert, AlertStep, AuditEvent, EnrolmentProposal, Task, TaskOwner
from app.web.alert_words import BY_STAFF
from tests import factories
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@dataclass
class Ward:
    """Ids of a team's patient with an open alert, and of another team's."""

    patient: str
    alert: str
    task: str
    foreign_patient: str
    foreign_alert: str
    foreign_task: str


@pytest.fixture
def ward(database: Engine) -> Ward:
    now = clock.now()
    with unit_of_work.begin() as session:
        ours, theirs = factories.care_team(session), factories.care_team(session)
        factories.practitioner(session, "nurse-chen", name="演示陈护士", teams=[ours])
        factories.practitioner(session, "nurse-lin", name="演示林护士", teams=[ours])
        ids: list[str] = []
        for team, name in ((ours, "李测试"), (theirs, "外测试")):
            patient = factories.patient(session, name)
            plan = factories.care_plan(session, patient, team)
            alert = factories.alert(session, patient, team, opened_at=now)
            task = factories.task(
                session, patient, plan, owner=TaskOwner.STAFF, title="电话随访", starts_at=now
            )
            ids += [patient.public_id, alert.public_id, task.public_id]
    return Ward(*ids)


@pytest.fixture
def wecom() -> WeCom:
    return WeCom()


@pytest.fixture
def nurse(ward: Ward, wecom: WeCom) -> FlaskClient:
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom)
    return browser


@pytest.fixture
def colleague(nurse: FlaskClient, wecom: WeCom) -> FlaskClient:
    browser = nurse.application.test_client()
    wecom.signs_in = "nurse-lin"
    sign_in(browser, wecom)
    return browser


def send(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/wecom/today"))
    return browser.post(path, data=form)


def audited(action: str, entity: str) -> list[AuditEvent]:
    with unit_of_work.begin() as session:
        return list(session.scalars(select(AuditEvent).filter_by(action=action, entity=entity)))


def the_alert(ward: Ward) -> Alert:
    with unit_of_work.begin() as session:
        return session.scalars(select(Alert).filter_by(public_id=ward.alert)).one()


def test_the_list_masks_names_and_the_snapshot_shows_them(nurse: FlaskClient, ward: Ward) -> None:
    listed = nurse.get("/wecom/today").text
    shown = nurse.get(f"/wecom/patients/{ward.patient}").text

    assert "李*试" in listed
    assert "李测试" not in listed
    assert "李测试" in shown
    assert "138****1234" in shown
    assert "13800001234" not in shown
    assert "外" not in listed


def test_the_list_counts_who_waits_to_come_into_a_plan(nurse: FlaskClient, ward: Ward) -> None:
    assert "待加入计划</a>" in nurse.get("/wecom/today").text
    with unit_of_work.begin() as session:
        for alert in session.scalars(select(Alert)):
            for plan_key in ("first-plan", "second-plan"):
                session.add(
                    EnrolmentProposal(
                        patient_id=alert.patient_id, plan_key=plan_key, kind=Way.REQUEST,
                        care_team_id=alert.care_team_id, reason="想加入", proposed_at=clock.now(),
                    )
                )  # fmt: skip

    assert "待加入计划（2 条）</a>" in nurse.get("/wecom/today").text


def test_every_look_is_recorded_with_whose_record_it_was(nurse: FlaskClient, ward: Ward) -> None:
    nurse.get("/wecom/today")
    nurse.get(f"/wecom/patients/{ward.patient}")
    nurse.get(f"/wecom/alerts/{ward.alert}")

    patient_id = the_alert(ward).patient_id
    assert audited("read", "worklist")[0].detail == {"patient_ids": [patient_id]}
    assert [one.patient_id for one in audited("read", "patient")] == [patient_id]
    assert [one.patient_id for one in audited("read", "alert")] == [patient_id]


@pytest.mark.parametrize("path", ["patients/{}", "alerts/{}"])
def test_a_foreign_id_a_missing_id_and_nonsense_get_the_same_page(
    nurse: FlaskClient, ward: Ward, path: str
) -> None:
    foreign = ward.foreign_patient if path.startswith("patients") else ward.foreign_alert
    answers = [
        nurse.get("/wecom/" + path.format(one))
        for one in (foreign, "A" * 22, "no%20id", "患者", "a" * 99)
    ]

    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    assert len({tuple(k for k, _ in one.headers) for one in answers}) == 1
    assert audited("read", path.split("/")[0].rstrip("s")) == []


@pytest.mark.parametrize(
    "path",
    [
        "alerts/{0.foreign_alert}/take", "alerts/{0.foreign_alert}/transfer",
        "alerts/{0.foreign_alert}/outcome", "patients/{0.foreign_patient}/phone",
        "tasks/{0.foreign_task}/finish",
    ],
)  # fmt: skip
def test_no_deed_reaches_another_teams_patient(nurse: FlaskClient, ward: Ward, path: str) -> None:
    answer = send(
        nurse, "/wecom/" + path.format(ward),
        outcome="reached", reason="alert", patient=ward.patient, level="0",
    )  # fmt: skip

    assert answer.status_code == 404
    with unit_of_work.begin() as session:
        steps = session.scalars(select(AlertStep.kind)).all()
        assert set(steps) == {"opened"}
        done = session.scalars(select(Task.finished_at).where(Task.owner == TaskOwner.STAFF)).all()
        assert done == [None, None]


@pytest.mark.parametrize(
    "path",
    [
        "alerts/{0.alert}/take", "alerts/{0.alert}/transfer", "alerts/{0.alert}/outcome",
        "patients/{0.patient}/phone", "patients/{0.patient}/desk-code", "tasks/{0.task}/finish",
        "sign-out",
    ],
)  # fmt: skip
def test_a_form_without_its_csrf_word_is_refused(nurse: FlaskClient, ward: Ward, path: str) -> None:
    for word in ({}, {"csrf_token": "0" * 64}):
        answer = nurse.post("/wecom/" + path.format(ward), data={"outcome": "reached", **word})
        assert answer.status_code == 403
        assert "不能进行这个操作" in answer.text
    assert the_alert(ward).status is AlertStatus.ACTIVE


def test_whoever_operates_the_system_reads_no_patient(
    nurse: FlaskClient, ward: Ward, wecom: WeCom
) -> None:
    with unit_of_work.begin() as session:
        factories.practitioner(session, "operator", role=StaffRole.OPERATOR)
    wecom.signs_in = "operator"
    sign_in(nurse, wecom)

    refused = nurse.get("/wecom/today")
    assert refused.status_code == 403
    assert "您的角色没有这个页面的权限" in refused.text


def test_the_first_to_take_an_alert_has_it_and_the_second_hears_who_was_first(
    nurse: FlaskClient, colleague: FlaskClient, ward: Ward
) -> None:
    path = f"/wecom/alerts/{ward.alert}/take"
    first = nurse.get(send(nurse, path).headers["Location"])
    second = colleague.get(send(colleague, path).headers["Location"])

    assert "已由您接手" in first.text
    assert re.search("演示陈护士已在 今天 .{5} 接手，不用重复处理", second.text)
    assert the_alert(ward).acknowledged_at is not None


def test_a_double_tap_on_transfer_climbs_one_level(nurse: FlaskClient, ward: Ward) -> None:
    path = f"/wecom/alerts/{ward.alert}/transfer"
    answers = [nurse.get(send(nurse, path, level="0").headers["Location"]) for _ in range(2)]

    assert "已转交给主管医生" in answers[0].text
    assert the_alert(ward).level == 1


def test_an_outcome_closes_the_alert_and_plans_the_next_contact(
    nurse: FlaskClient, ward: Ward
) -> None:
    tomorrow = clock.today().isoformat()
    answer = send(
        nurse, f"/wecom/alerts/{ward.alert}/outcome",
        outcome="reached", note="已吃糖，\r\n复测 5.1", next_on=tomorrow,
    )  # fmt: skip

    assert answer.status_code == 303
    assert "已记录，预警已结束" in nurse.get(answer.headers["Location"]).text
    alert = the_alert(ward)
    assert (alert.status, alert.outcome) == (AlertStatus.RESOLVED, Outcome.REACHED)
    with unit_of_work.begin() as session:
        notes = [one.note for one in session.scalars(select(AlertStep)) if one.note]
        assert notes == ["已吃糖，\n复测 5.1"]
        assert len(session.scalars(select(Task).filter_by(alert_id=alert.id)).all()) == 1
    again = send(nurse, f"/wecom/alerts/{ward.alert}/outcome", outcome="reached")
    assert "不用重复处理" in nurse.get(again.headers["Location"]).text


def test_an_attempt_that_reached_nobody_leaves_the_alert_open(
    nurse: FlaskClient, ward: Ward
) -> None:
    answer = send(nurse, f"/wecom/alerts/{ward.alert}/outcome", outcome="no-answer")

    assert "预警还没有结束" in nurse.get(answer.headers["Location"]).text
    assert the_alert(ward).is_open


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "请选择联系结果"),
        ({"outcome": "back-to-normal"}, "请选择联系结果"),  # for values, not for people
        ({"outcome": "reached", "next_on": "2020-01-01"}, "今天或以后"),
        ({"outcome": "reached", "next_on": "31.12.2026"}, "请按 2026-05-04 的样子"),
        ({"outcome": "reached", "note": "长" * 501}, "备注最多 500 个字"),
    ],
)
def test_a_form_that_cannot_be_kept_comes_back_as_typed_with_what_is_wrong(
    nurse: FlaskClient, ward: Ward, form: dict[str, str], words: str
) -> None:
    note = form.get("note", "没有<接通>")
    answer = send(nurse, f"/wecom/alerts/{ward.alert}/outcome", **{"note": note, **form})

    assert answer.status_code == 422
    assert words in answer.text
    assert note.replace("<", "&lt;").replace(">", "&gt;") in answer.text
    if form.get("outcome") == "reached":
        assert re.search(r'value="reached" checked', answer.text)
    assert the_alert(ward).status is AlertStatus.ACTIVE


def test_the_number_is_shown_for_a_reason_that_is_recorded(nurse: FlaskClient, ward: Ward) -> None:
    path = f"/wecom/patients/{ward.patient}/phone"
    refused = send(nurse, path, reason="curious")
    answer = send(nurse, path, reason="alert", alert=ward.alert)

    assert refused.status_code == 303
    assert 'href="tel:13800001234"' in answer.text
    assert f"/wecom/alerts/{ward.alert}" in answer.text
    (entry,) = audited("unmask", "phone")
    assert entry.detail == {"reason": "alert"}


def test_a_code_from_the_desk_is_shown_once_and_recorded(nurse: FlaskClient, ward: Ward) -> None:
    shown = send(nurse, f"/wecom/patients/{ward.patient}/desk-code")

    assert re.search(r"<strong>\d{6}</strong>", shown.text)
    (entry,) = audited("create", "desk-code")
    assert entry.patient_id is not None
    again = nurse.get(f"/wecom/patients/{ward.patient}")
    assert not re.search(r"<strong>\d{6}</strong>", again.text)
    foreign = send(nurse, f"/wecom/patients/{ward.foreign_patient}/desk-code")
    assert foreign.status_code == 404


def test_a_finished_task_leaves_the_list_and_a_second_tap_is_kind(
    nurse: FlaskClient, ward: Ward
) -> None:
    path = f"/wecom/tasks/{ward.task}/finish"
    first, second = (send(nurse, path, patient=ward.patient) for _ in range(2))

    assert "已记录为完成" in nurse.get(first.headers["Location"]).text
    assert "已经结束" in nurse.get(second.headers["Location"]).text
    assert "电话随访" not in nurse.get("/wecom/today?show=tasks").text


def test_no_page_has_style_or_script_inside_and_each_is_hardened(
    nurse: FlaskClient, ward: Ward
) -> None:
    for path in ("today", f"patients/{ward.patient}", f"alerts/{ward.alert}", "signed-out"):
        answer = nurse.get(f"/wecom/{path}")
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", answer.text)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["Cache-Control"] == "no-store"
    with nurse.get("/wecom/static/nurse.css") as style:
        assert style.mimetype == "text/css"
    assert nurse.get("/wecom/static/../pages.py").status_code == 404


def test_what_a_patient_is_called_cannot_become_markup(nurse: FlaskClient, ward: Ward) -> None:
    with unit_of_work.begin() as session:
        alert = session.scalars(select(Alert).filter_by(public_id=ward.alert)).one()
        alert.patient.name = "<b>李</b>"
        alert.patient.needs = "<script>1</script>"

    shown = nurse.get(f"/wecom/patients/{ward.patient}").text
    assert "<b>" not in shown
    assert "<script>" not in shown


def test_odd_filters_show_the_whole_list(nurse: FlaskClient, ward: Ward) -> None:
    for query in ("show=nonsense", "after=x", "after=alert.missing", "after=%00", "show=%F0"):
        assert nurse.get(f"/wecom/today?{query}").status_code == 200
    assert nurse.get("/wecom/today?team=nobody").status_code == 404


def test_each_outcome_a_person_may_give_has_words() -> None:
    assert set(BY_STAFF) == set(Outcome) - {Outcome.BACK_TO_NORMAL, Outcome.MERGED}
    assert all(grade.label for grade in Grade)


def test_a_critical_result_asks_for_the_telephone_call_and_the_word_to_the_patient(
    nurse: FlaskClient, ward: Ward
) -> None:
    page = f"/wecom/alerts/{ward.alert}"
    assert "检验科电话报告了吗" not in nurse.get(page).text
    with unit_of_work.begin() as session:
        alert = session.scalars(select(Alert).filter_by(public_id=ward.alert)).one()
        alert.code, alert.title, alert.tells_patient = "2823-3", "危急值：钾", False
    assert "检验科电话报告了吗" in nurse.get(page).text

    assert send(nurse, f"{page}/laboratory-call", called="maybe").status_code == 422
    send(nurse, f"{page}/laboratory-call", called="no")
    send(nurse, f"{page}/tell-patient")

    shown = nurse.get(page).text
    assert "没有接到检验科电话" in shown
    assert "确认通知患者" in shown
    assert "确认，把这段话发给患者" not in shown
    assert the_alert(ward).tells_patient
    foreign = f"/wecom/alerts/{ward.foreign_alert}"
    assert send(nurse, f"{foreign}/tell-patient").status_code == 404
    assert send(nurse, f"{foreign}/laboratory-call", called="yes").status_code == 404
