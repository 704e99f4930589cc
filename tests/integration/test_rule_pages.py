"""规则, 预警 and 值班 over HTTP: who may, what is refused, what comes of it."""

import json
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.plans.pack_parsing import parse_pack
from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import Responder
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import StaffRole
from app.integrations.pack_files import read_pack
from app.models import (
    Alert,
    AuditEvent,
    DutyShift,
    FiringDeed,
    Pack,
    RuleFiring,
    RuleSwitch,
)
from app.services.plans.plan_library import install_pack
from tests import factories
from tests.conftest import ROOT
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

PACK, LOW = "t2dm-after-discharge", "d1-glucose-low"
RULE = f"/console/rules/{PACK}/{LOW}"


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="doctor")


@pytest.fixture
def ids(database: Engine) -> dict[str, str]:
    """A team with an alert and a firing, another with the same; the shipped pack in force."""
    now = clock.now()
    found = {}
    with unit_of_work.begin() as session:
        install_pack(session, read_pack(ROOT / "packs" / PACK), now, approved_by="演示主任")
        team, other = factories.care_team(session, "内分泌组"), factories.care_team(session, "别组")
        for role in StaffRole:
            factories.practitioner(
                session, role.value, name=f"演示{role.value}", role=role, teams=[team],
                responder=Responder.ATTENDING_DOCTOR,
            )  # fmt: skip
        stranger = factories.practitioner(session, "stranger", name="外组", teams=[other])
        for where, name in ((team, "李演示"), (other, "赵别组")):
            patient = factories.patient(session, name)
            factories.care_plan(session, patient, where)
            factories.observation(session, patient, "3.5", now - timedelta(days=2))
            alert = factories.alert(
                session, patient, where, grade=Grade.SEVERE, level=1, opened_at=now,
                acknowledge_by=now + timedelta(minutes=5),
            )  # fmt: skip
            session.add(
                RuleFiring(
                    patient_id=patient.id, rule_key=LOW, rule_version=1, deed=FiringDeed.ACTED,
                    alert_id=alert.id, explanation=f"{name}的血糖 3.5", judged_at=now,
                    fired_at=now,
                )
            )  # fmt: skip
            found[name] = alert.public_id
        found |= {"team": team.public_id, "other": other.public_id, "who": stranger.public_id}
        doctor = factories.practitioner(session, "doctor-he", name="何医生", teams=[team])
        found["doctor"] = doctor.public_id
    return found


@pytest.fixture
def browser(ids: dict[str, str], wecom: WeCom) -> FlaskClient:
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def send(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/alerts"))
    return browser.post(path, data=form, follow_redirects=True)


def test_pages_are_for_the_roles_that_answer_for_them(ids: dict[str, str], wecom: WeCom) -> None:
    may = {
        "doctor": (200, 200, 200), "head-nurse": (200, 200, 200), "nurse": (403, 200, 403),
        "operator": (403, 403, 403), "auditor": (403, 403, 403),
    }  # fmt: skip
    for role, expected in may.items():
        wecom.signs_in = role
        client = make_app(wecom).test_client()
        sign_in(client, wecom, "/console")
        pages = ("rules", "alerts", "duty")
        assert tuple(client.get(f"/console/{one}").status_code for one in pages) == expected, role


def test_a_rule_is_told_with_the_firings_of_ones_own_patients(
    browser: FlaskClient, ids: dict[str, str]
) -> None:
    listed = browser.get("/console/rules").text
    assert "低血糖（1级）" in listed
    assert "1天内最近一次血糖≥3.0 mmol/L，并且" in listed

    page = browser.get(RULE).text
    assert "李演示的血糖 3.5" in page
    assert "赵别组" not in page
    assert f"/console/alerts/{ids['李演示']}" in page
    for missing in (f"{RULE}x", "/console/rules/no-pack/no-rule", "/console/rules/A/b"):
        assert browser.get(missing).status_code == 404
    with unit_of_work.begin() as session:
        read = session.scalars(select(AuditEvent).filter_by(entity="rule-firings")).first()
        assert read is not None
        assert len(read.detail["patients"]) == 1


def test_a_dry_run_on_the_page_shows_numbers_of_all_and_samples_of_ones_own(
    browser: FlaskClient,
) -> None:
    page = browser.get(f"{RULE}?days=7").text

    assert "问了 2 位患者：2 位会触发，共 2 次，大约打开 2 条预警。没有改动任何数据。" in page
    assert "李演示" in page
    assert "赵别组" not in page
    assert "大约" not in browser.get(f"{RULE}?days=8").text


def test_a_draft_is_rehearsed_beside_the_rule_in_force(browser: FlaskClient) -> None:
    with unit_of_work.begin() as session:
        content = dict(session.scalars(select(Pack)).one().content)
        stricter = json.loads(json.dumps(content["rules"]).replace("3.9", "3.2"))
        draft = parse_pack({**content, "version": "2.0.0", "rules": [
            {**one, "version": 9} for one in stricter
        ]})  # fmt: skip
        install_pack(session, draft, clock.now(), approved_by=None)

    listed = browser.get("/console/rules").text
    assert f'href="{RULE}?draft=1"' in listed
    assert f'href="{RULE}"' in listed
    page = browser.get(f"{RULE}?draft=1&days=7").text
    assert "最近一次血糖＜3.2 mmol/L" in page
    assert "草稿，还没有生效" in page
    assert "0 位会触发" in page
    assert "停用开关" not in page
    assert "2 位会触发" in browser.get(f"{RULE}?days=7").text


def test_a_switch_asks_for_a_reason_and_can_be_taken_back(browser: FlaskClient) -> None:
    assert "请写明停用的原因" in send(browser, f"{RULE}/switch", deed="off", scope="rule").text
    long = send(browser, f"{RULE}/switch", deed="off", scope="pack", reason="误报" * 101)
    assert f'value="{"误报" * 101}"' in long.text  # what was typed is kept
    assert 'value="pack" checked' in long.text
    off = send(browser, f"{RULE}/switch", deed="off", scope="rule", reason="误报太多")
    assert "已停用，所有进程从现在起不再触发" in off.text
    assert "误报太多" in off.text
    assert "已恢复" in send(browser, f"{RULE}/switch", deed="on", scope="rule").text
    send(browser, f"{RULE}/switch", deed="off", scope="pack", reason="整包停")
    rules = len(read_pack(ROOT / "packs" / PACK).rules)
    assert browser.get("/console/rules").text.count("已停用") == rules
    assert send(browser, f"{RULE}x/switch", deed="off", reason="x").status_code == 404
    with unit_of_work.begin() as session:
        assert session.scalar(select(func.count()).select_from(RuleSwitch)) == 2


def test_an_alert_is_taken_and_ends_with_an_outcome_only(
    browser: FlaskClient, ids: dict[str, str]
) -> None:
    listed = browser.get("/console/alerts").text
    assert "李演示" in listed
    assert "赵别组" not in listed
    assert "等待接手" in listed
    assert browser.get(f"/console/alerts/{ids['赵别组']}").status_code == 404
    page = f"/console/alerts/{ids['李演示']}"

    assert "已转交给上一级" in send(browser, f"{page}/transfer", level="1").text
    assert "已经有变化" in send(browser, f"{page}/transfer", level="1").text
    assert "已由您接手" in send(browser, f"{page}/take").text
    assert "已经有变化" in send(browser, f"{page}/take").text
    refused = send(browser, f"{page}/outcome", note="字" * 501)
    assert refused.status_code == 422
    assert "没有结果不能结束" in refused.text
    assert "备注最多 500 个字" in refused.text
    ended = send(browser, f"{page}/outcome", outcome="referred", note="来院复查")
    assert "已联系上，建议就诊" in ended.text
    assert "已经有变化" in send(browser, f"{page}/outcome", outcome="reached").text
    with unit_of_work.begin() as session:
        alert = session.scalars(select(Alert).filter_by(public_id=ids["李演示"])).one()
        assert (alert.status, alert.outcome) == (AlertStatus.RESOLVED, Outcome.REFERRED)
    assert "没有未结束的预警" in browser.get("/console/alerts").text


def test_the_roster_of_ones_own_teams_is_kept(browser: FlaskClient, ids: dict[str, str]) -> None:
    def shift(who: str, starts: str = "", ends: str = "") -> TestResponse:
        return send(
            browser, "/console/duty", who=who, responder="deputy-doctor", starts=starts, ends=ends
        )

    now = clock.now().astimezone(clock.HOSPITAL)
    starts, ends = (f"{now + timedelta(hours=n):%Y-%m-%d %H:%M}" for n in (-1, 11))
    ours = f"{ids['team']}/{ids['doctor']}"
    empty = shift("")
    assert empty.status_code == 422
    for missing in ("请选择团队里的一位同事", "请填开始的日期和时间", "请填结束的日期和时间"):
        assert missing in empty.text
    assert "结束时间要在开始之后" in shift(ours, ends, starts).text
    assert shift(f"{ids['other']}/{ids['who']}", starts, ends).status_code == 404
    planned = shift(ours, starts, ends)
    assert "已排上" in planned.text
    assert planned.text.count("何医生") >= 3  # answers now, has a shift, may have more
    assert "何医生" in browser.get("/console/alerts").text

    with unit_of_work.begin() as session:
        kept = session.scalars(select(DutyShift)).one()
        foreign = DutyShift(
            care_team_id=factories.care_team(session, "第三组").id,
            practitioner_id=kept.practitioner_id, responder=Responder.DEPUTY_DOCTOR,
            starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=1),
            created_at=clock.now(),
        )  # fmt: skip
        session.add(foreign)
        session.flush()
        mine, theirs = kept.public_id, foreign.public_id
        assert isinstance(kept.starts_at, datetime)
    assert "第三组" not in browser.get("/console/duty").text
    assert send(browser, f"/console/duty/{theirs}/cancel").status_code == 404
    assert "已取消这个班次" in send(browser, f"/console/duty/{mine}/cancel").text
