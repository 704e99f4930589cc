"""术语对照 over HTTP: who may, what a wrong code does, what is said afterwards."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.intake.terminology import Unmapped
from app.domain.trust.access import StaffRole
from app.models import AuditEvent, ConceptMapping, Department, TermKind, TermStatus, UnmappedTerm
from app.models.intake.vocabulary import note_unmapped
from tests import factories
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

TERMS = (
    Unmapped(TermKind.OBSERVATION, "1001", "血清钾", "mmol/L"),
    Unmapped(TermKind.UNIT, "毫摩", "钾", "毫摩"),
    Unmapped(TermKind.DEPARTMENT, "NFM", "内分泌科门诊"),
    Unmapped(TermKind.CONDITION, "TNB", "糖尿病"),
    Unmapped(TermKind.MEDICATION, "Y001", "二甲双胍片"),
)


@pytest.fixture
def wecom() -> WeCom:
    return WeCom(signs_in="operator")


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    with unit_of_work.begin() as session:
        session.add(Department(code="endo", name="内分泌科"))
        for role in StaffRole:
            factories.practitioner(session, role.value, role=role)
        note_unmapped(session, "hl7:his", TERMS, clock.now())
    client = make_app(wecom).test_client()
    sign_in(client, wecom, "/console")
    return client


def term_id(code: str) -> str:
    with unit_of_work.begin() as session:
        return session.scalars(select(UnmappedTerm.public_id).filter_by(code=code)).one()


def status(code: str) -> TermStatus:
    with unit_of_work.begin() as session:
        return session.scalars(select(UnmappedTerm.status).filter_by(code=code)).one()


def send(browser: FlaskClient, path: str, **form: str) -> TestResponse:
    form["csrf_token"] = csrf_of(browser.get("/console/terms"))
    return browser.post(path, data=form)


@pytest.mark.parametrize("role", list(StaffRole))
def test_only_operators_and_head_nurses_come_in(
    browser: FlaskClient, wecom: WeCom, role: StaffRole
) -> None:
    other = browser.application.test_client()
    wecom.signs_in = role.value
    sign_in(other, wecom, "/console")

    answer = other.get("/console/terms")

    allowed = role in (StaffRole.OPERATOR, StaffRole.HEAD_NURSE)
    assert answer.status_code == (200 if allowed else 403)


def test_the_list_shows_codes_and_the_suggestion_to_confirm(browser: FlaskClient) -> None:
    page = browser.get("/console/terms").text

    assert "待对照 5 个" in page
    assert f"/console/terms/{term_id('1001')}?target=2823-3" in page
    assert "名称“血清钾”相同；单位可以换算" in page


def test_a_list_can_be_narrowed_and_bad_filters_find_nothing(browser: FlaskClient) -> None:
    assert "待对照 1 个" in browser.get("/console/terms?kind=unit").text
    assert "待对照 5 个" in browser.get("/console/terms?source=his&kind=nonsense&page=x").text
    for source in ("lis", "x" * 300, "血", "a'b"):
        page = browser.get("/console/terms", query_string={"source": source})
        assert page.status_code == 200
        assert "没有符合筛选条件的代码" in page.text


@pytest.mark.parametrize(
    ("code", "target", "kept"),
    [
        ("1001", "2823-3", "2823-3"),
        ("毫摩", "mmol/L", "mmol/L"),
        ("NFM", "endo", "endo"),
        ("TNB", "E11.9", "E11.9"),
        ("Y001", "A10BA02", "A10BA02"),
    ],
)
def test_each_kind_is_chosen_confirmed_and_kept(
    browser: FlaskClient, code: str, target: str, kept: str
) -> None:
    path = f"/console/terms/{term_id(code)}"
    asked = browser.get(path, query_string={"target": target})
    assert "确认对照" in asked.text
    assert status(code) is TermStatus.OPEN

    answer = send(browser, f"{path}/map", target=target)

    assert answer.status_code == 303
    assert status(code) is TermStatus.MAPPED
    assert "已保存" in browser.get(answer.headers["Location"]).text
    with unit_of_work.begin() as session:
        mapping = session.scalars(select(ConceptMapping)).one()
        assert (mapping.source, mapping.target_code) == ("his", kept)
        assert mapping.practitioner_id is not None
        assert session.scalars(select(AuditEvent.action).filter_by(entity="term")).all() == ["map"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"target": "2823-4"}, "LOINC 代码不对"),
        ({"target": "<script>alert(1)</script>"}, "LOINC 代码不对"),
        ({"target": "2823-3", "starts_on": "明天"}, "日期请写成"),
        ({}, "LOINC 代码不对"),
    ],
)
def test_a_wrong_entry_is_told_kept_in_the_form_and_changes_nothing(
    browser: FlaskClient, form: dict[str, str], told: str
) -> None:
    answer = send(browser, f"/console/terms/{term_id('1001')}/map", **form)

    assert answer.status_code == 422
    assert told in answer.text
    assert "<script>" not in answer.text
    assert status("1001") is TermStatus.OPEN


def test_a_code_that_no_rule_reads_is_said_to_be_so(browser: FlaskClient) -> None:
    page = browser.get(f"/console/terms/{term_id('1001')}?target=9843-4").text

    assert "这个代码不在判读目录里" in page


def test_a_term_is_ignored_and_brought_back(browser: FlaskClient) -> None:
    path = f"/console/terms/{term_id('1001')}"

    assert send(browser, f"{path}/ignore").status_code == 303
    assert status("1001") is TermStatus.IGNORED
    assert send(browser, f"{path}/reopen").status_code == 303
    assert status("1001") is TermStatus.OPEN


def test_the_catalogue_is_searched_without_a_script(browser: FlaskClient) -> None:
    path = f"/console/terms/{term_id('1001')}"

    assert "14682-9" in browser.get(path, query_string={"q": "肌酐"}).text
    assert "目录里没有" in browser.get(path, query_string={"q": "没有这样的"}).text


def test_what_does_not_exist_and_forged_forms_are_refused(browser: FlaskClient) -> None:
    assert browser.get("/console/terms/nothing").status_code == 404
    assert browser.get("/console/terms/a'b").status_code == 404
    assert send(browser, "/console/terms/nothing/map", target="2823-3").status_code == 404
    forged = browser.post(f"/console/terms/{term_id('1001')}/ignore", data={})
    assert forged.status_code == 403
    assert status("1001") is TermStatus.OPEN
