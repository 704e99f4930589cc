"""计划 over HTTP: a policy, a way, a draft from YAML to a second person's signature, a move."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.enrolling import Entry, ReEntry
from app.domain.trust.access import Actor, StaffRole
from app.integrations.pack_files import read_text, write_text
from app.models import (
    CarePlan,
    EnrolmentPolicy,
    EnrolmentWay,
    Pack,
    PackDraft,
    PlanMigration,
    Segment,
)
from app.models.plans.knowledge import knowledge
from app.services.plans.enrolment import proposals
from jobs import chores
from tests import factories, settling
from tests.integration import ward
from tests.integration.ward import WORK
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

PLAN = "t2dm-after-discharge"
MULTIPART = "multipart/form-data"


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="doctor-lin")


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    """A doctor's browser; a patient is on the plan, a segment is saved."""
    now = clock.now()
    with unit_of_work.begin() as session:
        who = ward.build(session, now)
        for role in StaffRole:
            factories.practitioner(session, role.value, role=role, teams=[who.team])
        tree = {"condition": {"code": "E11"}}
        session.add(Segment(name="糖尿病", tree=tree, created_at=now, updated_at=now))
        proposals.enrol_by_hand(
            session, who.patient, PLAN, clock.today(), who.team.id,
            Actor("practitioner", who.nurse.id), now, HOSPITAL,
        )  # fmt: skip
        settling.settle(session, WORK)
    return signed_in(make_app(wecom).test_client(), wecom, "doctor-lin")


def signed_in(client: FlaskClient, wecom: WeCom, userid: str) -> FlaskClient:
    wecom.signs_in = userid
    sign_in(client, wecom, "/console")
    return client


def send(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    token = csrf_of(browser.get("/console/plans"))
    return browser.post(path, data={**form, "csrf_token": token}, content_type=MULTIPART)


def test_how_one_comes_in_is_decided_on_the_plan_s_page(browser: FlaskClient, wecom: WeCom) -> None:
    for role in StaffRole:
        other = signed_in(browser.application.test_client(), wecom, role.value)
        expected = 200 if role in (StaffRole.DOCTOR, StaffRole.HEAD_NURSE) else 403
        for path in ("/console/plans", f"/console/plans/{PLAN}"):
            answer = other.get(path)
            assert answer.status_code == expected
            assert ("您的角色没有这个页面的权限" in answer.text) is (expected == 403)
    page = browser.get(f"/console/plans/{PLAN}").text
    assert "出院后 1 天起，每天，到 91 天为止，05:00 开始" in page
    assert "第2–4周" in page
    assert browser.get("/console/plans/no-such").status_code == 404

    odd = send(browser, f"/console/plans/{PLAN}/policy", entry="closed", re_entry="never", days="x")
    assert odd.status_code == 422
    assert 'value="closed" checked' in odd.text  # what was chosen and typed is kept
    assert 'name="days" value="x"' in odd.text
    words = {"entry": "proposed", "re_entry": "after-days", "days": "30", "requests": "1"}
    assert (
        send(browser, f"/console/plans/{PLAN}/policy", **words | {"days": "x"}).status_code == 422
    )
    assert send(browser, f"/console/plans/{PLAN}/policy", **words).status_code == 303
    with unit_of_work.begin() as session:
        policy = session.scalars(select(EnrolmentPolicy)).one()
        assert (policy.entry, policy.re_entry, policy.re_entry_days) == (
            Entry.PROPOSED, ReEntry.AFTER_DAYS, 30,
        )  # fmt: skip
        segment = session.scalars(select(Segment)).one().public_id
    ways = f"/console/plans/{PLAN}/ways"
    assert send(browser, ways, do="segment", segment="").status_code == 422
    assert send(browser, ways, do="segment", segment=segment).status_code == 303
    assert send(browser, ways, do="segment", segment=segment).status_code == 422
    assert send(browser, ways, do="code", automatic="1").status_code == 303
    with unit_of_work.begin() as session:
        opened = session.scalars(select(EnrolmentWay).order_by(EnrolmentWay.id)).all()
    assert [(one.kind, one.is_automatic) for one in opened] == [("segment", False), ("code", True)]
    assert opened[1].state in browser.get(f"/console/plans/{PLAN}").text
    assert send(browser, f"{ways}/{opened[1].public_id}/close").status_code == 303


def test_a_version_is_written_signed_by_another_and_brought_to_the_patients(
    browser: FlaskClient, wecom: WeCom
) -> None:
    began = send(browser, "/console/plan-drafts", pack=PLAN)
    draft = began.location.split("?")[0]
    with unit_of_work.begin() as session:
        text = browser.get(f"/console/plans/packs/{PLAN}/1.1.0").text
        whole = session.scalars(select(Pack)).one().content
    assert read_text(text) == whole

    assert "还没有区别" in browser.get(draft).text
    assert send(browser, draft, do="submit").status_code == 422
    broken = send(browser, draft, do="save", part="plans", revision="1", text="plans: [")
    assert broken.status_code == 422
    assert "is not the YAML we read" in broken.text
    foreign = send(browser, draft, do="save", part="plans", revision="1", text="rules: []")
    assert "belongs to another part" in foreign.text
    told = text.replace("at: 05:00", "at: 05:30")
    assert told != text
    only_plans = write_text({"plans": read_text(told)["plans"]})
    saved = send(browser, draft, do="save", part="plans", revision="1", text=only_plans)
    assert saved.status_code == 303
    assert "05:30 开始" in browser.get(draft).text
    stale = send(browser, draft, do="save", part="plans", revision="1", text=only_plans)
    assert stale.status_code == 422
    assert send(browser, draft, do="submit").status_code == 303
    with unit_of_work.begin() as session:
        plan = session.scalars(select(CarePlan)).one()
        one = f"/console/patients/{plan.patient.public_id}/plans/{plan.public_id}/versions"
    assert "用的已经是现用版本" in browser.get(one).text
    shown = browser.get(one, query_string={"draft": draft.rpartition("/")[2]}).text
    assert "换到草稿" in shown
    assert "05:00 测一次空腹血糖 →" in shown
    assert send(browser, one).status_code == 422  # there is no newer version yet
    own = send(browser, f"{draft}/approve")
    assert "参与编写的人不能签署" in own.text

    head = signed_in(browser.application.test_client(), wecom, "head-nurse")
    assert send(head, draft, do="return", reason="再想想").status_code == 303
    assert "再想想" in browser.get(draft).text
    assert send(browser, draft, do="submit").status_code == 303
    signing = head.get(draft).text
    assert "您已核对以上全部区别" in signing
    assert "签署后立即生效" in signing  # its first day is past
    approved = send(head, f"{draft}/approve")
    assert approved.location.endswith("done=approved")
    with unit_of_work.begin() as session:
        assert knowledge(session).plans[PLAN].version == 2

    plan_page = f"/console/plans/{PLAN}"
    preview = browser.get(f"{plan_page}/move").text
    assert "1 位患者会换过来" in preview
    assert "05:30" in preview
    assert send(browser, f"{plan_page}/move", do="begin").status_code == 303
    assert send(browser, f"{plan_page}/move", do="begin").status_code == 422
    with unit_of_work.begin() as session:
        move = session.scalars(select(PlanMigration)).one().public_id
    assert send(browser, f"{plan_page}/move", do="stop", move=move).status_code == 303
    chores.move_plans(WORK, clock.now())
    assert "已停下，已换 0 位" in browser.get(plan_page).text
    assert send(browser, f"{plan_page}/move", do="go-on", move=move).status_code == 303
    chores.move_plans(WORK, clock.now())
    assert "已完成，已换 1 位" in browser.get(plan_page).text
    assert browser.get(f"{plan_page}/move").status_code == 422  # nobody is left


def test_a_pack_comes_in_as_yaml_and_can_be_given_up(browser: FlaskClient) -> None:
    text = browser.get(f"/console/plans/packs/{PLAN}/1.1.0").text
    wrong = send(browser, "/console/plan-drafts", do="import", text="id: x")
    assert wrong.status_code == 422
    assert "is missing" in wrong.text
    new = text.replace(f"id: {PLAN}", "id: another-pack")
    came = send(browser, "/console/plan-drafts", do="import", text=new)
    assert came.status_code == 303
    draft = came.location.split("?")[0]
    assert "全新的方案包" in browser.get(draft).text
    assert send(browser, draft, do="drop").location.endswith("done=dropped")
    assert send(browser, draft, do="drop").status_code == 422
    with unit_of_work.begin() as session:
        assert session.scalars(select(PackDraft)).one().status == "dropped"
    assert browser.get("/console/plans/packs/no-such/1").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": ""}, "请写标题"),
        ({"title": "长" * 41}, "没有保存。“标题”：最多 40 个字"),
        ({"start": "x"}, "第一次：请写整数，例如 3"),
        ({"start": "1000"}, "没有保存。“第一次”：请填写 1 到 999 的整数和单位"),
        ({"start": ""}, "没有保存。“第一次”：没有填写"),
        ({"until": ""}, "没有保存。.*“每隔多久重复”和“重复到”要一起填"),
        ({"every": "0"}, "没有保存。“间隔”：至少隔 1 天"),
        ({"at": "6点"}, "开始时间：请写几点几分，例如 08:00"),
        ({"remind_at": "25:00"}, "提醒时间：请写几点几分，例如 08:00"),
        ({"due_after": "9999"}, "没有保存。.*完成的期限要大于 0"),
        ({"due_after": "99999"}, "没有保存。“完成时限”：请填写整数和单位"),
    ],
)
def test_what_is_wrong_with_an_action_is_said_in_chinese(
    browser: FlaskClient, wrong: dict[str, str], said: str
) -> None:
    draft = send(browser, "/console/plan-drafts", pack=PLAN).location.split("?")[0]
    given = {
        "do": "save", "title": "测空腹血糖", "start": "2", "start-unit": "D", "every": "1",
        "every-unit": "W", "until": "3", "until-unit": "M", "at": "06:00", "due_after": "90",
        "due_after-unit": "M", "expires_after": "6", "expires_after-unit": "H", "revision": "1",
    } | wrong  # fmt: skip

    page = send(browser, f"{draft}/actions/{PLAN}/glucose-fasting", **given)

    assert page.status_code == 422
    found = re.search(f"{said}[^<]*", page.text)
    assert found is not None
    assert not re.search("[A-Za-z]", found[0])


def test_one_action_is_changed_copied_and_taken_out_in_fields(browser: FlaskClient) -> None:
    draft = send(browser, "/console/plan-drafts", pack=PLAN).location.split("?")[0]
    fasting = f"{draft}/actions/{PLAN}/glucose-fasting"
    page = browser.get(fasting).text
    assert 'value="05:00"' in page
    given = {
        "title": "测空腹血糖", "instructions": "起床后测", "start": "2", "start-unit": "D",
        "every": "1", "every-unit": "W", "until": "3", "until-unit": "M", "at": "06:00",
        "remind_at": "", "due_after": "90", "due_after-unit": "M", "expires_after": "6",
        "expires_after-unit": "H", "revision": "1",
    }  # fmt: skip
    for name, words in (
        ("start", "第一次：请写整数"),
        ("at", "开始时间：请写几点几分"),
        ("title", "请写标题"),
    ):
        wrong = "" if name == "title" else "x"
        refused = send(browser, fasting, do="save", **given | {name: wrong})
        assert refused.status_code == 422
        # Told at the top, as a link to the field, and at the field.
        assert f'<a href="#{name}">{words}' in refused.text
        assert f'id="{name}-problem">{words}' in refused.text
    late = send(browser, fasting, do="save", **given | {"due_after": "9999"})
    assert late.status_code == 422
    assert 'value="9999"' in late.text  # what was typed is kept
    assert send(browser, fasting, do="save", **given).status_code == 303
    assert send(browser, fasting, do="save", **given).status_code == 422  # an older revision
    evening = given | {"revision": "2", "at": "20:00"}
    assert send(browser, fasting, do="copy", **evening).status_code == 303
    weekly = f"{draft}/actions/{PLAN}/weekly-check"
    assert send(browser, weekly, do="remove", revision="3").status_code == 303
    assert send(browser, weekly, do="remove", revision="4").status_code == 404

    with unit_of_work.begin() as session:
        plan = session.scalars(select(PackDraft)).one().content["plans"][0]
    actions = {one["key"]: one for one in plan["actions"]}
    assert actions["glucose-fasting"]["timing"] == {
        "start": "P2D", "every": "P1W", "until": "P3M", "at": "06:00", "due_after": "PT90M",
        "expires_after": "PT6H",
    }  # fmt: skip
    assert actions["glucose-fasting-2"]["timing"]["at"] == "20:00"
    assert actions["glucose-fasting-2"]["code"] == "15074-8"
    assert "weekly-check" not in actions
    assert "去掉计划“2型糖尿病出院后随访”的安排“填写每周健康问卷”" in browser.get(draft).text
