"""对接状态 in Chromium: readable at a desk, whole on a phone, and done with the keyboard alone."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine, select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import FeedAlarm, InboundMessage, ReplayRun
from tests import factories
from tests.browser.conftest import Picture, authorize_page, serve
from tests.browser.soundness import sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.conftest import empty
from tests.staff_browser import WeCom, make_app

pytestmark = pytest.mark.browser

MINUTE = timedelta(minutes=1)
WIDTH = 1024
is_sound = sound_at(390, 1024, 1440)


@pytest.fixture
def address(sqlite_engine: Engine) -> Iterator[str]:
    unit_of_work.configure(bind=sqlite_engine)
    _fill()
    wecom = WeCom(signs_in="operator")
    with serve(authorize_page(wecom)) as wecom_url:
        wecom.authorize_at = f"{wecom_url}/authorize"
        with serve(make_app(wecom)) as url:
            wecom.public_url = url
            yield url
    empty(sqlite_engine)


def _fill() -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
        for number in range(8):
            factories.inbound(
                session, received_at=now - (40 + number) * MINUTE, answered_ms=20 + number,
                reason="bad-segment: line 3" if number % 2 else "no-patient-identifier",
                sent_at=now - (58 + number) * MINUTE,
            )  # fmt: skip
        factories.inbound(session, status="held", reason="visit-of-another-patient",
                          received_at=now - 45 * MINUTE)  # fmt: skip
        factories.inbound(session, status="received", received_at=now - 42 * MINUTE)
        for number in range(5):
            factories.inbound(session, "hl7:lis", status="processed", answered_ms=11,
                              received_at=now - number * MINUTE)  # fmt: skip
        factories.inbound(session, "wecom:nurse", status="processed", received_at=now - MINUTE)
        for kind in ("silent", "clock"):
            session.add(
                FeedAlarm(
                    source="hl7:his", kind=kind, open_key=f"hl7:his/{kind}",
                    since=now - 40 * MINUTE, told_at=now - 10 * MINUTE,
                )
            )  # fmt: skip


@pytest.fixture
def page(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(f"{address}/console")
    return page


def test_states_are_said_in_words_and_lead_to_the_messages(page: Page, picture: Picture) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("对接状态")
    expect(page.get_by_role("navigation", name="主菜单")).to_contain_text("对接状态")
    his = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="HL7 · his"))
    expect(his).to_contain_text("没有消息")
    expect(his).to_contain_text("时钟不准")
    lis = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="HL7 · lis"))
    expect(lis).to_contain_text("正常")
    is_sound(page)
    picture(page, "feeds")

    page.get_by_role("link", name="HL7 · his", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("HL7 · his")
    is_sound(page)
    picture(page, "feed")

    page.get_by_role("link", name="查看").first.click()
    expect(page.locator("pre")).to_contain_text("PID|▢||||▢")
    is_sound(page)
    picture(page, "message")


def test_the_keyboard_alone_reads_ignores_and_replays(page: Page, picture: Picture) -> None:
    press_tab_to(page, "HL7 · his")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("HL7 · his")
    press_tab_to(page, "全部重放：有一行不是合法的 HL7 段")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已安排重放")
    is_sound(page)
    picture(page, "feed-replay")
    press_tab_to(page, "停止重放")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("正在停止")

    press_tab_to(page, "查看")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="内容（已遮盖）")).to_be_visible()
    press_tab_to(page, "记录原因并查看原文")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请写明原因")
    is_sound(page)
    picture(page, "message-problem")
    press_tab_to(page, "查看原文的原因")
    page.keyboard.type("核对字段位置")
    page.keyboard.press("Enter")
    expect(page.locator("pre")).to_contain_text("李卡纳")
    is_sound(page)
    picture(page, "message-full")
    press_tab_to(page, "回到消息")
    page.keyboard.press("Enter")
    expect(page.locator("pre")).not_to_contain_text("李卡纳")
    press_tab_to(page, "忽略的原因")
    page.keyboard.type("测试消息")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已忽略")

    with unit_of_work.begin() as session:
        assert session.scalars(select(ReplayRun.reason)).one() == "bad-segment"
        assert "ignored" in set(session.scalars(select(InboundMessage.status)))


def test_the_menu_and_the_page_stay_whole_at_twice_the_size(
    chromium: Browser, address: str
) -> None:
    context = chromium.new_context(viewport={"width": 512, "height": 400}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{address}/console")
    is_sound(page)
    context.close()
