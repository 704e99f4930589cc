"""标签库 and 待确认标签 over HTTP: who may, what is refused, what is said before it is done."""

from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import (
    AuditEvent,
    ProposalStatus,
    Tag,
    TagAssignment,
    TagProposal,
    TagScope,
    TagSource,
)
from app.models.profile.tagging import FoundTag, propose
from tests import factories
from tests.integration import records
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

RULE = {"tag": "t2dm", "when": {"condition": {"code": "E11"}}, "confidence": 1, "source": "cds",
        "pack": "t2dm"}  # fmt: skip


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="head-nurse")


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    now = clock.now()
    with unit_of_work.begin() as session:
        team, other = factories.care_team(session, "内分泌组"), factories.care_team(session, "别组")
        for role in StaffRole:
            factories.practitioner(session, role.value, role=role, teams=[team])
        session.add_all(
            [
                Tag(key="diabetes", name="糖尿病", tag_class="diagnosis"),
                Tag(key="t2dm", name="2型糖尿病", tag_class="diagnosis", parent_key="diabetes",
                    rules=[RULE], pack_key="t2dm", synonyms=["二型"]),
                Tag(key="no-meter", name="没有血糖仪", tag_class="management"),
                Tag(key="secret", name="别组自用", tag_class="management", scope=TagScope.TEAM,
                    care_team_id=other.id),
            ]
        )  # fmt: skip
        session.flush()
        for name, where in (("李演示", team), ("王演示", team), ("赵演示", other)):
            patient = factories.patient(session, name)
            factories.care_plan(session, patient, where)
            records.condition(session, patient, "E11.9", 0)
            for key in ("no-meter", "secret"):
                word = FoundTag(key, Decimal("0.6"), TagSource.TEXT, "text:chat@1", f"“{key}”的话")
                propose(session, patient.id, [word], now)
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def send(browser: FlaskClient, path: str, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/tag-review"))
    return browser.post(path, data=form)


def kept(key: str) -> Tag:
    with unit_of_work.begin() as session:
        return session.scalars(select(Tag).filter_by(key=key)).one()


def as_form(**more: str) -> dict[str, str]:
    given = {"name": "足部风险", "tag_class": "treatment", "scope": "hospital"}
    return {**given, "review_below": "0.8", **more}


@pytest.mark.parametrize("role", list(StaffRole))
def test_the_library_is_the_head_nurse_s_and_the_queue_the_clinicians(
    browser: FlaskClient, wecom: WeCom, role: StaffRole
) -> None:
    other = browser.application.test_client()
    wecom.signs_in = role.value
    sign_in(other, wecom, "/console")

    clinicians = (StaffRole.NURSE, StaffRole.DOCTOR, StaffRole.HEAD_NURSE)
    is_keeper = role is StaffRole.HEAD_NURSE
    assert other.get("/console/tags").status_code == (200 if is_keeper else 403)
    assert other.get("/console/tag-review").status_code == (200 if role in clinicians else 403)


def test_the_tree_shows_rules_use_and_scope(browser: FlaskClient) -> None:
    page = browser.get("/console/tags").text
    assert "诊断类" in page
    assert "仅 别组" in page
    one = browser.get("/console/tags/t2dm").text
    assert "有诊断2型糖尿病（E11）" in one
    assert "方案包规则，随方案包更新" in one


def test_a_tag_is_added_and_what_is_wrong_is_told_and_kept(browser: FlaskClient) -> None:
    answer = send(browser, "/console/tags", **as_form(key="foot-risk", synonyms="足病，糖足"))
    assert answer.status_code == 303
    assert browser.get("/console/tags/new").status_code == 200
    assert kept("foot-risk").synonyms == ["足病", "糖足"]
    wrong = as_form(key="Foot Risk", name="糖尿病", expires_days="x", rules="[1]")
    refused = send(browser, "/console/tags", **wrong)
    assert refused.status_code == 422
    assert "有效天数请写整数" in refused.text
    wrong |= {"expires_days": "", "rules": ""}
    refused = send(browser, "/console/tags", **wrong)
    assert "已经是标签“糖尿病”的名称" in refused.text
    assert "代码请用小写英文字母" in refused.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"parent": "t2dm"}, "不能放到自己或自己的下级下面"),
        ({"scope": "team"}, "请选择团队"),
        ({"synonyms": "二型"}, "已经是标签“2型糖尿病”的名称或同义词"),
        ({"review_below": "2"}, "大于0、不超过1"),
        ({"tag_class": "other"}, "四类"),
        ({"rules": '[{"when": {"condition": {"code": "x"}}}]'}, "第1条规则写得不对"),
        ({"rules": '[{"when": {"tag": {"key": "t2dm"}}}]', "key": "x"}, None),
    ],
)
def test_a_tag_that_cannot_stand_is_refused_with_a_sentence(
    browser: FlaskClient, form: dict[str, str], told: str | None
) -> None:
    answer = send(browser, "/console/tags/diabetes", **as_form(**form))

    assert answer.status_code == (422 if told else 303)
    if told:
        assert told in answer.text
        assert kept("diabetes").name == "糖尿病"


def test_what_the_hospital_changed_in_a_tag_of_a_pack_is_noted(browser: FlaskClient) -> None:
    form = as_form(name="二型糖尿病", tag_class="diagnosis", parent="diabetes", synonyms="二型")
    assert send(browser, "/console/tags/t2dm", **form).status_code == 303

    tag = kept("t2dm")
    assert tag.own_fields == ["name"]
    assert tag.rules == [RULE]


def test_rules_are_tried_on_a_sample_and_nothing_is_written(browser: FlaskClient) -> None:
    rules = '[{"when": {"condition": {"code": "E11"}}}]'
    page = send(browser, "/console/tags/no-meter", **as_form(rules=rules, deed="try")).text

    assert "抽查 3 位患者" in page
    assert "会新增：3 人" in page
    assert kept("no-meter").rules == []
    with unit_of_work.begin() as session:
        assert session.scalars(select(TagAssignment)).all() == []


def test_retiring_and_merging_say_what_they_do_first(browser: FlaskClient) -> None:
    assert "等待确认的 3 条不再提示" in browser.get("/console/tags/no-meter/retire").text
    refused = send(browser, "/console/tags/diabetes/retire")
    assert refused.status_code == 422
    assert "还在它下面" in refused.text
    assert send(browser, "/console/tags/no-meter/retire").status_code == 303
    assert kept("no-meter").is_retired
    assert send(browser, "/console/tags/no-meter/restore").status_code == 303

    assert "不能撤销" in browser.get("/console/tags/t2dm/merge").text
    assert send(browser, "/console/tags/t2dm/merge", into="").status_code == 422
    assert send(browser, "/console/tags/t2dm/merge", into="diabetes").status_code == 303
    into = kept("diabetes")
    assert into.rules == [{**RULE, "tag": "diabetes"}]
    assert into.synonyms == ["2型糖尿病", "二型"]


def test_the_queue_has_the_team_s_patients_and_visible_tags_alone(browser: FlaskClient) -> None:
    page = browser.get("/console/tag-review").text

    assert "“no-meter”的话" in page
    assert "李演示" in page
    assert "王演示" in page
    assert "赵演示" not in page
    assert "别组自用" not in page
    with unit_of_work.begin() as session:
        listed = session.scalars(select(AuditEvent).filter_by(entity="tag-proposal")).first()
        assert listed is not None
        assert len(listed.detail["patients"]) == 2


def test_one_press_settles_one_and_can_be_undone(browser: FlaskClient) -> None:
    with unit_of_work.begin() as session:
        ours, other = (
            session.scalars(
                select(TagProposal.public_id)
                .join(Tag)
                .where(Tag.key == key)
                .order_by(TagProposal.id)
            ).all()
            for key in ("no-meter", "secret")
        )
    answer = send(browser, f"/console/tag-review/{ours[0]}", word="accept")
    assert answer.status_code == 303
    done = browser.get(answer.headers["Location"])
    assert "已添加，由您确认" in done.text
    again = send(browser, f"/console/tag-review/{ours[0]}", word="decline")
    assert "没有重复处理" in browser.get(again.headers["Location"]).text
    assert statuses() == {ProposalStatus.ACCEPTED: 1, ProposalStatus.OPEN: 5}
    patient = answer.headers["Location"].partition("patient=")[2].partition("&")[0]
    send(browser, "/console/tag-review/undo", patient=patient, of="no-meter")
    assert statuses() == {ProposalStatus.OPEN: 6}

    for stranger in (ours[2], other[0], "nothing"):
        path = f"/console/tag-review/{stranger}"
        assert send(browser, path, word="accept").status_code == 404
    both = send(browser, "/console/tag-review/all", id=[*ours, other[0]], word="decline")
    assert "已处理 2 条" in browser.get(both.headers["Location"]).text
    assert statuses() == {ProposalStatus.DECLINED: 2, ProposalStatus.OPEN: 4}


def statuses() -> dict[ProposalStatus, int]:
    with unit_of_work.begin() as session:
        every = session.scalars(select(TagProposal.status)).all()
    return {one: every.count(one) for one in set(every)}


def test_what_does_not_exist_and_forged_forms_are_refused(browser: FlaskClient) -> None:
    for path in ("/console/tags/nothing", "/console/tags/a'b", "/console/tags/nothing/retire"):
        assert browser.get(path).status_code == 404
    assert browser.post("/console/tags/diabetes/retire", data={}).status_code == 403
    assert not kept("diabetes").is_retired
