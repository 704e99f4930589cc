"""The console's frame: who comes in, where they come out, and whom a refusal names."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from tests import factories
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in


@pytest.fixture
def wecom() -> WeCom:
    return WeCom()


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-chen", name="演示陈护士")
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
    return make_app(wecom).test_client()


def test_a_stranger_is_led_to_the_door_and_back_to_the_page(
    browser: FlaskClient, wecom: WeCom
) -> None:
    wecom.signs_in = "operator"

    answer = browser.get("/console")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/wecom/sign-in/nurse?to=/console"

    assert sign_in(browser, wecom, "/console").headers["Location"] == "/console"
    page = browser.get("/console", follow_redirects=True)
    assert page.status_code == 200
    assert "演示信息科" in page.text


def test_who_leaves_the_console_is_signed_out(browser: FlaskClient, wecom: WeCom) -> None:
    wecom.signs_in = "operator"
    sign_in(browser, wecom, "/console")
    page = browser.get("/console", follow_redirects=True)

    left = browser.post("/wecom/sign-out", data={"csrf_token": csrf_of(page)})

    assert left.status_code == 303
    assert browser.get("/console").status_code == 302


def test_pages_bring_no_inline_script_or_style(browser: FlaskClient, wecom: WeCom) -> None:
    sign_in(browser, wecom, "/console")
    page = browser.get("/console", follow_redirects=True)

    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for inline in ("<script", "<style", " style=", " onclick"):
        assert inline not in page.text
