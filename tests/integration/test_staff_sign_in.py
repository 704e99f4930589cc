"""Sign-in through WeCom: one state, one browser, one use, five minutes, and only back to us."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from app import clock
from app.database import unit_of_work
from app.models import AccessSession, AuditEvent, Practitioner, SignInState
from app.services.staff.staff_sign_in import STATE_LIFETIME
from app.services.trust.sessions import STAFF_IDLE
from app.web import gate
from app.web.addresses import HOME, return_path
from tests import factories
from tests.staff_browser import START, WeCom, answer_of, csrf_of, make_app, sign_in
from wecom.sign_in import BROWSER_COOKIE


@pytest.fixture
def wecom() -> WeCom:
    return WeCom()


@pytest.fixture
def browser(database: Engine, wecom: WeCom) -> FlaskClient:
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-chen", teams=[factories.care_team(session)])
    return make_app(wecom).test_client()


def staff_cookie(browser: FlaskClient) -> str | None:
    cookie = browser.get_cookie(gate.STAFF_COOKIE)
    return cookie.value if cookie else None


def actions() -> list[tuple[str, str]]:
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(AuditEvent.action, AuditEvent.outcome).order_by(AuditEvent.id)
        )
        return [(row.action, row.outcome) for row in rows]


def test_a_nurse_signs_in_and_comes_to_the_page_she_wanted(
    browser: FlaskClient, wecom: WeCom
) -> None:
    wecom.signs_in = "Nurse-CHEN"  # WeCom compares without case

    answer = sign_in(browser, wecom, "/wecom/today?show=severe")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/wecom/today?show=severe"
    assert browser.get("/wecom/today").status_code == 200
    assert actions()[:2] == [("sign-in", "success"), ("read", "success")]


def test_cookies_are_of_this_host_only_secure_and_closed_to_scripts(
    browser: FlaskClient, wecom: WeCom
) -> None:
    start = browser.get(START)
    finish = browser.get(answer_of(start, wecom))

    for answer, name in ((start, BROWSER_COOKIE), (finish, gate.STAFF_COOKIE)):
        (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if f"{name}=" in one
                     and "Max-Age=0" not in one]  # fmt: skip
        assert name.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_wecom_is_given_a_state_of_letters_and_digits_and_nothing_of_it_is_kept(
    browser: FlaskClient,
) -> None:
    location = browser.get(START).headers["Location"]

    state = re.search(r"state=([^&]+)", location)
    assert state is not None
    assert re.fullmatch("[0-9a-f]{64}", state[1])
    assert "redirect_uri=http%3A%2F%2Flocalhost%2Fwecom%2Fsigned-in%2Fnurse" in location
    with unit_of_work.begin() as session:
        row = session.scalars(select(SignInState)).one()
        assert state[1].encode() not in (row.state_hash, row.browser_hash)


@pytest.mark.parametrize("query", ["", "code=code-9", "state=abc", "code=code-9&state=abc"])
def test_an_answer_without_a_state_of_ours_opens_nothing(
    browser: FlaskClient, wecom: WeCom, query: str
) -> None:
    browser.get(START)

    answer = browser.get(f"/wecom/signed-in/nurse?{query}")

    assert answer.status_code == 400
    assert "重新登录" in answer.text
    assert staff_cookie(browser) is None
    assert wecom.asked == 0  # no code is shown to WeCom for a stranger


def test_the_state_of_one_browser_opens_nothing_in_another(
    browser: FlaskClient, wecom: WeCom
) -> None:
    answer = answer_of(browser.get(START), wecom)
    other = browser.application.test_client()
    other.get(START)  # has a cookie of its own

    assert other.get(answer).status_code == 400
    assert staff_cookie(other) is None
    assert browser.get(answer).status_code == 303  # and is not spent by the attempt


def test_the_state_of_one_app_opens_nothing_at_another(browser: FlaskClient, wecom: WeCom) -> None:
    answer = answer_of(browser.get(START), wecom).replace("/nurse?", "/other?")

    assert browser.get(answer).status_code == 400
    assert browser.get("/wecom/sign-in/unknown").status_code == 404


@pytest.mark.parametrize(("seconds", "status"), [(-5, 303), (0, 400)])
def test_a_state_lives_five_minutes(
    browser: FlaskClient,
    wecom: WeCom,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    status: int,
) -> None:
    begun = clock.now()
    monkeypatch.setattr(clock, "now", lambda: begun)
    answer = answer_of(browser.get(START), wecom)

    monkeypatch.setattr(clock, "now", lambda: begun + STATE_LIFETIME + timedelta(seconds=seconds))

    assert browser.get(answer).status_code == status


def test_a_callback_sent_twice_lets_the_signed_in_go_on_and_asks_others_to_start_again(
    browser: FlaskClient, wecom: WeCom
) -> None:
    answer = answer_of(browser.get(START), wecom)
    held = browser.get_cookie(BROWSER_COOKIE)
    assert held is not None
    assert browser.get(answer).status_code == 303
    token = staff_cookie(browser)
    browser.set_cookie(BROWSER_COOKIE, held.value)  # the resent request has it still

    again = browser.get(answer)

    assert (again.status_code, again.headers["Location"]) == (303, HOME)
    assert staff_cookie(browser) == token
    assert wecom.asked == 1
    browser.delete_cookie(gate.STAFF_COOKIE)
    assert browser.get(answer).status_code == 400


def test_a_code_that_wecom_refuses_or_does_not_answer_lets_nobody_in(
    browser: FlaskClient, wecom: WeCom
) -> None:
    refused = answer_of(browser.get(START), wecom)
    wecom.codes.clear()
    assert browser.get(refused).status_code == 400

    wecom.is_silent = True
    silent = sign_in(browser, wecom)
    assert silent.status_code == 503
    assert "0571-0000 0000" in silent.text
    assert staff_cookie(browser) is None


@pytest.mark.parametrize("userid", ["somebody-else", "nurse-left", "张三", "a b", ""])
def test_who_is_not_active_staff_is_told_whom_to_ask(
    browser: FlaskClient, wecom: WeCom, userid: str
) -> None:
    with unit_of_work.begin() as session:
        factories.practitioner(session, "nurse-left", is_active=False)
    wecom.signs_in = userid

    answer = sign_in(browser, wecom)

    assert answer.status_code == 403
    assert "请联系护士长或信息科" in answer.text
    assert staff_cookie(browser) is None
    assert actions() == [("sign-in", "refused")]


def test_staff_of_another_corporation_stay_outside(browser: FlaskClient, wecom: WeCom) -> None:
    with unit_of_work.begin() as session:
        session.execute(update(Practitioner).values(corp_key="another"))

    assert sign_in(browser, wecom).status_code == 403


def test_each_sign_in_makes_a_new_session_and_ends_the_one_before(
    browser: FlaskClient, wecom: WeCom
) -> None:
    sign_in(browser, wecom)
    first = staff_cookie(browser)
    sign_in(browser, wecom)

    assert staff_cookie(browser) not in (None, first)
    with unit_of_work.begin() as session:
        ended = session.scalars(select(AccessSession.revoked_at).order_by(AccessSession.id)).all()
    assert [one is not None for one in ended] == [True, False]


def test_sign_out_ends_the_session_on_the_server(browser: FlaskClient, wecom: WeCom) -> None:
    sign_in(browser, wecom)
    token = staff_cookie(browser)
    assert token is not None
    csrf = csrf_of(browser.get(HOME))

    answer = browser.post("/wecom/sign-out", data={"csrf_token": csrf})

    assert answer.headers["Location"] == "/wecom/signed-out"
    assert browser.get("/wecom/signed-out").status_code == 200
    browser.set_cookie(gate.STAFF_COOKIE, token)
    assert browser.get(HOME).status_code == 302
    assert actions()[-1] == ("sign-out", "success")


def test_a_page_without_session_leads_to_the_door_and_back_but_a_deed_does_not(
    browser: FlaskClient, wecom: WeCom
) -> None:
    asked = browser.get("/wecom/patients/abc?before=task.xyz")
    assert asked.status_code == 302
    assert asked.headers["Location"] == f"{START}?to=/wecom/patients/abc?before%3Dtask.xyz"

    deed = browser.post("/wecom/alerts/abc/take")
    assert deed.status_code == 401
    assert "没有保存" in deed.text


def test_a_hospital_without_wecom_says_whom_to_ask(database: Engine, wecom: WeCom) -> None:
    browser = make_app(wecom, keys=()).test_client()

    answer = browser.get(HOME)

    assert answer.status_code == 401
    assert "请联系信息科" in answer.text
    assert browser.get("/wecom/signed-out").status_code == 200


def test_an_idle_session_asks_to_sign_in_again(
    browser: FlaskClient, wecom: WeCom, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(browser, wecom)
    later = clock.now() + STAFF_IDLE
    monkeypatch.setattr(clock, "now", lambda: later)

    assert browser.get(HOME).status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example",
        "/wecom/../console", "/wecom/today/../../x", "/wecom//evil.example", "/%2f/evil.example",
        "/wecom/%2e%2e/x", "/wecom/today\r\nSet-Cookie: a=b", "/wecom/today\n", " /wecom/today",
        "javascript:alert(1)", "data:text/html,x", "/consoles", "/console//evil.example",
        "/console/../x", "/console/a.b", "wecom/today", "", "/wecom/today#x",
        "/wecom/sign-in/nurse?to=/wecom/today", "/wecom/sign-out", "/wecom/today?to=//evil.example",
        "/wecom/today@evil.example", "/wecom/alerts/１", "http:/wecom/today", "/wecom/today\x00",
        "/wecom/patients/" + "a" * 40, "/wecom/today?" + "a" * 300,
    ],
)  # fmt: skip
def test_a_return_target_that_is_no_page_of_ours_becomes_the_first_page(target: str) -> None:
    assert return_path(target) == HOME


@pytest.mark.parametrize(
    "target",
    [
        "/wecom/today", "/wecom/today?show=severe&team=aB_-1", "/wecom/alerts/a-B_9",
        "/wecom/patients/x?before=alert-step.Zz",
    ],
)  # fmt: skip
def test_pages_of_ours_are_come_back_to(target: str) -> None:
    assert return_path(target) == target


def test_an_open_redirect_is_not_stored_for_later(browser: FlaskClient, wecom: WeCom) -> None:
    assert sign_in(browser, wecom, "https://evil.example/").headers["Location"] == HOME
