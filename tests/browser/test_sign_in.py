"""Sign-in in Chromium against the stand-in, through the real client: the whole way round."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine

from app.database import unit_of_work
from app.integrations.platform_http import CallFailed, CodeRefused
from app.integrations.token_store import TokenStore
from tests import factories
from tests.browser.conftest import serve
from tests.conftest import empty
from tests.services import free_port
from tests.staff_browser import APP, make_app_of
from tests.standin.support import AGENT, CORP, configuration, started
from wecom import desk
from wecom.client import WeComClient, authorize_url

pytestmark = pytest.mark.browser


@pytest.fixture
def address(sqlite_engine: Engine, tmp_path: Path) -> Iterator[str]:
    """Where the pages are; WeCom trusts that address and knows two nurses, we know one."""
    unit_of_work.configure(bind=sqlite_engine)
    with unit_of_work.begin() as session:
        factories.practitioner(
            session, "nursechen", corp_key=CORP, teams=[factories.care_team(session)]
        )
    port = free_port()
    config = configuration("http://127.0.0.1:9")
    config["corps"][0]["agents"][0]["trusted_domains"] = [f"127.0.0.1:{port}"]
    (tmp_path / "standin.json").write_text(json.dumps(config))
    with started(tmp_path / "standin.json") as platform:
        app = make_app_of(f"http://127.0.0.1:{port}", (_app_of(platform.url),))
        with serve(app, port) as url:
            yield url
    empty(sqlite_engine)


def _app_of(platform_url: str) -> desk.SignInApp:
    client = WeComClient(
        APP, CORP, AGENT, "agent-secret", f"{platform_url}/qyapi",
        TokenStore(unit_of_work, "wecom:test"),
    )  # fmt: skip

    def exchange(code: str) -> str:
        try:
            return client.member_of_code(code)
        except CodeRefused:
            raise desk.CodeRefused from None
        except CallFailed:
            raise desk.CodeUnanswered from None

    page = f"{platform_url}/open/connect/oauth2/authorize"
    return desk.SignInApp(
        APP, CORP, lambda state, back: authorize_url(page, CORP, AGENT, back, state), exchange
    )


def test_a_nurse_comes_in_through_wecom_and_a_stranger_is_told_whom_to_ask(
    chromium: Browser, address: str
) -> None:
    nurse = chromium.new_context(locale="zh-CN").new_page()
    nurse.goto(f"{address}/wecom/today?show=severe")
    nurse.get_by_role("button", name="以 演示陈护士 身份进入").click()
    expect(nurse.get_by_role("heading", name="今日工作台")).to_be_visible()
    # What WeCom wants behind its own address (#wechat_redirect) a browser carries along.
    assert nurse.url.partition("#")[0] == f"{address}/wecom/today?show=severe"

    stranger = chromium.new_context(locale="zh-CN").new_page()
    stranger.goto(f"{address}/wecom/today")
    stranger.get_by_role("button", name="以 演示李护士 身份进入").click()
    expect(stranger.get_by_role("heading", name="您的账号还没有开通")).to_be_visible()

    for page in (nurse, stranger):
        page.context.close()


def test_going_back_to_the_answer_of_wecom_keeps_the_nurse_where_she_is(
    chromium: Browser, address: str
) -> None:
    page = chromium.new_context(locale="zh-CN").new_page()
    answers: list[str] = []
    page.on("request", lambda one: answers.append(one.url))
    page.goto(f"{address}/wecom/today")
    page.get_by_role("button", name="以 演示陈护士 身份进入").click()
    expect(page.get_by_role("heading", name="今日工作台")).to_be_visible()

    page.goto(next(one for one in answers if one.startswith(f"{address}/wecom/signed-in/")))

    expect(page.get_by_role("heading", name="今日工作台")).to_be_visible()
    page.context.close()
