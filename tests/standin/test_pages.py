"""The pages people look at: traffic, a phone, a member's WeCom."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.standin.support import MINI, ONE_TIME, Platform, Receiver, wait_for
from tests.standin.test_app_messages import card


def page(platform: Platform, path: str) -> Any:
    return platform.http.get(platform.url + path, timeout=5)


def test_the_traffic_page_shows_messages_cards_and_sms(platform: Platform) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"], grants={ONE_TIME: 1})
    platform.subscribe(platform.stable_token()["access_token"], "o-one")
    platform.message(platform.corp_token(), **card())
    text = page(platform, "/").text
    for shown in ("o-one", "记录今天的血糖", "血糖偏低", "我来处理", "演示陈护士", "断开微信"):
        assert shown in text


def test_what_a_message_says_is_text_not_markup(platform: Platform) -> None:
    platform.message(
        platform.corp_token(),
        touser="NurseChen",
        msgtype="textcard",
        textcard={
            "title": "<script>alert(1)</script>",
            "description": "x",
            "url": "javascript:alert(1)",
        },
    )
    for path in ("/", "/member/NurseChen"):
        text = page(platform, path).text
        assert "<script>alert" not in text
        assert "javascript:" not in text


def test_pages_allow_no_inline_script(platform: Platform) -> None:
    answer = page(platform, "/")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert answer.text.count("<script") == answer.text.count('<script src="/static/')


def test_unknown_people_have_no_page(platform: Platform) -> None:
    assert page(platform, "/phone/nobody").status_code == 404
    assert page(platform, "/member/nobody").status_code == 404


def test_a_button_of_the_page_presses_the_card(platform: Platform, receiver: Receiver) -> None:
    platform.message(platform.corp_token(), **card())
    answer = platform.http.post(
        f"{platform.url}/member/NurseChen/click",
        data={"task_id": "task-1", "key": "take"},
        timeout=5,
    )
    assert answer.status_code == 200
    assert "按钮已送达" in answer.text
    wait_for(lambda: receiver.received)


def test_the_outage_has_a_button(platform: Platform) -> None:
    answer = platform.http.post(f"{platform.url}/outage", data={"on": "1"}, timeout=5)
    assert "恢复微信" in answer.text
    assert platform.get("/standin/faults")["outage"] is True


@pytest.fixture
def screen(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.browser
def test_the_traffic_page_draws_news_by_itself_and_works_by_keyboard(
    platform: Platform, receiver: Receiver, screen: Page
) -> None:
    screen.goto(platform.url)
    expect(screen.get_by_text("血糖偏低")).to_have_count(0)
    platform.message(platform.corp_token(), **card())
    button = screen.locator("#b-NurseChen-task-1-take")
    expect(button).to_be_visible()
    button.focus()
    screen.keyboard.press("Enter")
    wait_for(lambda: receiver.received)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1024])
@pytest.mark.parametrize("path", ["/", "/member/NurseChen", "/phone/o-one"])
def test_pages_fit_the_screen_and_are_accessible(
    platform: Platform, screen: Page, width: int, path: str
) -> None:
    platform.control("/phones", appid=MINI, openids=["o-one"], grants={ONE_TIME: 1})
    platform.subscribe(platform.stable_token()["access_token"], "o-one")
    platform.message(platform.corp_token(), **card())
    screen.set_viewport_size({"width": width, "height": 800})
    screen.goto(platform.url + path)
    assert screen.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(screen)
    assert found.violations_count == 0, found.generate_report()
