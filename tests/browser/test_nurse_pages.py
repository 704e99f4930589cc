"""A tired nurse at three in the morning: can she see it, read it, and do it with keys alone?"""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.database import unit_of_work
from app.domain.staff.alerting import AlertStatus, Outcome
from app.models import Alert
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import FINGER, sound_at

pytestmark = pytest.mark.browser

is_sound = sound_at(320, 390, 1024, target=FINGER)


def alert(public_id: str) -> Alert:
    with unit_of_work.begin() as session:
        return session.scalars(select(Alert).filter_by(public_id=public_id)).one()


def press_tab_to(page: Page, name: str) -> None:
    """Press Tab until the control called `name` has the focus, as a keyboard user must."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => { const one = document.activeElement;
                 const label = one.labels?.length ? one.labels[0].textContent : one.textContent;
                 return label.trim().replace(/\\s+/g, " ") }"""
        )
        if found.startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_the_list_shows_the_most_urgent_first_and_what_each_waits_for(
    page: Page, site: Site, picture: Picture
) -> None:
    picture(page, "today")
    expect(page.get_by_role("heading", level=1)).to_have_text("今日工作台")
    cards = page.locator("ol.work > li")
    expect(cards).to_have_count(5)
    expect(cards.nth(0)).to_contain_text(re.compile(r"重度\s+还有 1[78] 分钟"))
    expect(cards.nth(0)).to_contain_text("有特别需要")
    expect(cards.nth(1)).to_contain_text(re.compile(r"待办\s+已超时 22 小时"))
    expect(cards.nth(2)).to_contain_text(re.compile(r"中度\s+已超时 2[01] 分钟"))
    expect(cards.nth(4)).to_contain_text("演示林护士正在处理，已过 2 小时")
    is_sound(page)

    page.get_by_role("link", name="重度预警").click()
    expect(cards).to_have_count(1)
    page.get_by_role("link", name="心内科随访组").click()
    expect(page.get_by_text("“重度预警”里现在没有内容")).to_be_visible()
    is_sound(page)


def test_the_snapshot_says_needs_first_and_each_chart_also_in_words_and_numbers(
    page: Page, site: Site, picture: Picture
) -> None:
    page.goto(f"{site.url}/wecom/patients/{site.patient}")
    picture(page, "patient")

    expect(page.get_by_text("听障，请发文字")).to_be_visible()
    needs, alerts = page.locator(".needs"), page.get_by_role("heading", name="未结束的预警")
    assert needs.bounding_box()["y"] < alerts.bounding_box()["y"]  # type: ignore[index]
    expect(page.get_by_text("出院第 5 天")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(3)
    expect(page.get_by_role("img", name=re.compile("血糖趋势图 最近 2.8 mmol"))).to_be_visible()
    page.get_by_text("看数据").first.click()
    expect(page.get_by_role("table", name="血糖").get_by_role("row")).to_have_count(11)
    is_sound(page)

    expect(page.locator("ol.timeline > li")).to_have_count(20)
    page.get_by_role("link", name="更早").click()
    expect(page.get_by_role("heading", name="更早的记录")).to_be_visible()
    is_sound(page)


def test_an_alert_is_taken_and_closed_by_keyboard_alone(
    page: Page, site: Site, picture: Picture
) -> None:
    press_tab_to(page, "查看：李*试 严重偏低")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("李测试：严重偏低（2级）")
    picture(page, "alert")
    is_sound(page)

    press_tab_to(page, "我来处理")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已由您接手")
    expect(page.get_by_role("status")).to_be_focused()
    assert alert(site.alert).status is AlertStatus.ACKNOWLEDGED

    press_tab_to(page, "备注")
    page.keyboard.type("已吃糖，复测 5.1")
    press_tab_to(page, "保存结果")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请选择联系结果")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("备注")).to_have_value("已吃糖，复测 5.1")
    picture(page, "alert-problem")
    is_sound(page)

    press_tab_to(page, "请选择联系结果")
    page.keyboard.press("Enter")
    press_tab_to(page, "已联系上，情况已处理")
    page.keyboard.press("Space")
    press_tab_to(page, "保存结果")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已记录，预警已结束")
    picture(page, "alert-done")
    is_sound(page)
    assert alert(site.alert).outcome is Outcome.REACHED


def test_the_number_can_be_called_after_one_tap_that_is_recorded(
    page: Page, site: Site, picture: Picture
) -> None:
    page.goto(f"{site.url}/wecom/alerts/{site.alert}")
    page.get_by_role("button", name="看电话号码").click()

    call = page.get_by_role("link", name="拨打 13800001234")
    expect(call).to_have_attribute("href", "tel:13800001234")
    expect(page.get_by_text("听障，请发文字")).to_be_visible()
    picture(page, "phone")
    is_sound(page)
    page.get_by_role("link", name="回到预警").click()
    expect(page.get_by_role("heading", name="已联系，记录结果")).to_be_visible()


def test_signing_out_ends_at_a_page_that_leads_back_in(
    page: Page, site: Site, context: BrowserContext
) -> None:
    (cookie,) = [one for one in context.cookies() if one["name"] == "__Host-careloop"]
    assert cookie["secure"]
    assert cookie["httpOnly"]
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("heading", name="您已退出登录")).to_be_visible()
    is_sound(page)
    page.get_by_role("link", name="重新登录").click()
    expect(page.get_by_role("heading", name="今日工作台")).to_be_visible()


@pytest.mark.parametrize("userid", ["stranger"])
def test_pages_of_refusal_are_as_readable_as_the_others(
    context: BrowserContext, site: Site, userid: str, picture: Picture
) -> None:
    page = context.new_page()
    site.wecom.signs_in = userid
    page.goto(f"{site.url}/wecom/today")
    expect(page.get_by_role("heading", name="您的账号还没有开通")).to_be_visible()
    picture(page, "unknown")
    is_sound(page)
    page.goto(f"{site.url}/wecom/signed-in/nurse?code=1&state=1")
    expect(page.get_by_role("heading", name="登录没有完成")).to_be_visible()
    is_sound(page)


def test_text_twice_its_size_is_not_cut_off(page: Page, site: Site) -> None:
    """WCAG 1.4.4 and 1.4.10: text of 200 % in a window as narrow as 400 % zoom leaves."""
    for path in ("today", f"patients/{site.patient}", f"alerts/{site.alert}"):
        page.goto(f"{site.url}/wecom/{path}")
        page.evaluate("document.documentElement.style.setProperty('font-size', '212.5%')")
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "34px"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
