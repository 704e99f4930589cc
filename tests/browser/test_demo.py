"""A newcomer opens the demo: holds a phone by keys alone, and sees the team being told."""

import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.conftest import Picture
from tests.browser.soundness import FINGER, sound_at
from tests.demo_process import RunningDemo, running_demo

pytestmark = pytest.mark.browser

is_sound = sound_at(390, 1024, target=FINGER)
BANNER = "演示系统，所有人物均为虚构"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(Path(tmp_path_factory.mktemp("demo"))) as running:
        _let_the_morning_settle(running)
        yield running


def _let_the_morning_settle(running: RunningDemo) -> None:
    """Wait until the messages of the start are out, so that what comes later is ours."""
    seen, since = "", time.monotonic()
    while time.monotonic() < since + 4:
        with urllib.request.urlopen(f"{running.url}/demo/traffic") as answer:
            now = answer.read().decode()
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.3)


@pytest.fixture
def visitor(chromium: Browser, width: int) -> Iterator[BrowserContext]:
    made = chromium.new_context(
        viewport={"width": width, "height": 844}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    made.set_default_timeout(8000)
    yield made
    made.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Iterator[Page]:
    """A page on which no script failed and nothing was refused by the browser."""
    opened = visitor.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.extend(_complaint(said)))
    yield opened
    assert wrong == []


def _complaint(said: ConsoleMessage) -> list[str]:
    # Browsers ask for this on their own; the nurse pages have none.
    is_icon = said.location["url"].endswith("/favicon.ico")
    return [f"{said.text} {said.location['url']}"] if said.type == "error" and not is_icon else []


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control called `name` has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        label = page.evaluate(
            """() => { const one = document.activeElement;
                 return (one.labels?.length ? one.labels[0] : one).textContent.trim() }"""
        )
        if label.startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_a_low_glucose_typed_on_the_phone_becomes_a_card_within_seconds(
    demo: RunningDemo, page: Page, visitor: BrowserContext, picture: Picture
) -> None:
    page.goto(f"{demo.url}/demo")
    expect(page.get_by_text(BANNER)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("康伴 · 演示医院")
    picture(page, "demo-stage")
    is_sound(page)
    cards = page.locator("ol.traffic > li", has_text="重度预警")
    before = cards.first.inner_text() if cards.count() else ""

    phone = visitor.new_page()
    phone.goto(f"{demo.url}/demo/phone/li-ayi")
    expect(phone.get_by_role("heading", name="今天")).to_be_visible()
    expect(phone.get_by_role("button", name=re.compile("去做")).first).to_be_visible()
    picture(phone, "demo-phone")
    is_sound(phone)
    tab_to(phone, "血糖值")
    phone.keyboard.type("2.8")
    phone.keyboard.press("Enter")
    told = time.monotonic()
    expect(phone.get_by_role("alert")).to_contain_text("您的血糖很低")

    expect(cards.first).not_to_have_text(before, timeout=8000, use_inner_text=True)
    assert time.monotonic() - told < 8
    is_sound(phone)
    expect(cards.first).to_contain_text("我来处理")
    # The words for the patient arrive in the inbox too; the lock screen says nothing of a value.
    urgent = phone.locator("#inbox > li", has_text="您的血糖很低")
    expect(urgent.first).to_be_visible(timeout=10000)
    picture(phone, "demo-phone-after")
    picture(page, "demo-card")
    is_sound(page)


def test_the_nurse_comes_in_through_wecom_and_sees_what_waits(
    demo: RunningDemo, page: Page, picture: Picture
) -> None:
    page.goto(f"{demo.url}/demo")
    page.get_by_role("link", name=re.compile("护士 小陈.*工作台")).click()
    expect(page).to_have_url(re.compile("/wecom/today"))
    expect(page.get_by_role("heading", level=1)).to_have_text("今日工作台")
    expect(page.get_by_role("link", name=re.compile("重度预警"))).to_be_visible()
    picture(page, "demo-nurse")


def test_a_button_pressed_in_wecom_is_taken_and_the_card_says_by_whom(
    demo: RunningDemo, page: Page
) -> None:
    page.goto(f"{demo.url}/demo")
    page.get_by_role("link", name=re.compile("护士 小陈.*卡片")).click()
    page.get_by_role("button", name="我来处理").first.click()
    expect(page.get_by_text("陈演示处理中").first).to_be_visible()

    page.goto(f"{demo.url}/demo")
    traffic = page.locator("ol.traffic")
    expect(traffic.get_by_text("有人按了卡片上的按钮").first).to_be_visible()
    expect(traffic.get_by_text("卡片更新").first).to_be_visible()


def test_a_mother_switches_to_her_child_and_an_article_is_read_by_keys(
    demo: RunningDemo, page: Page
) -> None:
    page.goto(f"{demo.url}/demo/phone/mama")
    child = page.get_by_role("button", name=re.compile("^孩子"))
    child.focus()
    page.keyboard.press("Enter")
    expect(child).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("今天没有任务")).to_be_visible()

    page.goto(f"{demo.url}/demo/phone/wang")
    task = page.locator("#today li", has=page.get_by_text("读一读")).first
    name = task.locator("strong").inner_text()
    task.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_focused()
    is_sound(page)
    tab_to(page, "我读完了")
    page.keyboard.press("Enter")
    expect(page.get_by_text("已完成，谢谢您。")).to_be_visible()
    done = page.locator("#today li", has_text=name)
    expect(done.first).to_contain_text("已完成")


def test_yes_to_messages_is_counted_once_though_phone_and_platform_both_tell(
    demo: RunningDemo, page: Page
) -> None:
    page.goto(f"{demo.url}/demo/phone/daughter")
    expect(page.get_by_role("button", name=re.compile("去做")).first).to_be_visible()
    page.get_by_role("button", name="接受提醒").click()
    said = page.get_by_text(re.compile(r"已接受提醒，每类还可以收到 \d+ 条"))
    first = int(re.findall(r"\d+", said.inner_text())[0])
    time.sleep(1)  # the platform's own report is read by now
    page.get_by_role("button", name="接受提醒").click()
    expect(said).to_contain_text(f" {first + 1} 条")


def test_a_day_passes_a_patient_goes_home_and_wechat_breaks_and_heals(
    demo: RunningDemo, page: Page, picture: Picture
) -> None:
    page.goto(f"{demo.url}/demo")
    before = page.locator("time").inner_text()
    page.get_by_role("button", name="糖尿病患者出院").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("接口应答 AA")).to_be_visible()
    for _ in range(10):
        if page.get_by_text("已加入计划").count():
            break
        page.get_by_role("link", name="再看一次结果").click()
        page.wait_for_timeout(500)
    expect(page.get_by_text("已加入计划：2型糖尿病出院后随访")).to_be_visible()
    picture(page, "demo-hl7")
    is_sound(page)

    page.get_by_role("button", name="断开微信").click()
    expect(page.get_by_text("微信和企业微信现在是断开的")).to_be_visible()
    page.get_by_role("button", name="接通微信").click()
    expect(page.get_by_role("button", name="断开微信")).to_be_visible()

    page.get_by_role("button", name="前进一天").click()
    expect(page.get_by_text("时钟已前进一天")).to_be_visible()
    assert page.locator("time").inner_text()[:10] > before[:10]
    is_sound(page)
