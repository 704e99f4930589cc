"""发送 in Chromium: readable at a desk, and a route paused and messages sent again by keyboard."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Engine, select

from app import clock
from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel, CommunicationState, ErrorClass, Lane
from app.domain.trust.access import StaffRole
from app.models import Communication, CommunicationAttempt, RouteGate, RouteMinute
from tests import factories
from tests.browser.conftest import Picture, authorize_page, serve
from tests.browser.soundness import sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.conftest import empty
from tests.integration.postbox import letter
from tests.staff_browser import WeCom, make_app

pytestmark = pytest.mark.browser

MINUTE = timedelta(minutes=1)
WIDTH = 1024
is_sound = sound_at(1024, 1440)


@pytest.fixture
def page(context: BrowserContext, sqlite_engine: Engine) -> Iterator[Page]:
    unit_of_work.configure(bind=sqlite_engine)
    _fill()
    wecom = WeCom(signs_in="operator")
    with serve(authorize_page(wecom)) as wecom_url:
        wecom.authorize_at = f"{wecom_url}/authorize"
        with serve(make_app(wecom)) as url:
            wecom.public_url = url
            page = context.new_page()
            page.goto(f"{url}/console/sending")
            yield page
    empty(sqlite_engine)


def _fill() -> None:
    now = clock.now()
    minute = now.replace(second=0, microsecond=0)
    with unit_of_work.begin() as session:
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
        letter(session, "a", lane=Lane.CLINICAL, due_at=now - 3 * MINUTE)
        for channel, app_key, called in (
            (Channel.TEMPLATE, "patient", 240), (Channel.SUBSCRIPTION, "patient", 61_500),
            (Channel.WECOM_CARD, "nurse", 12),
        ):  # fmt: skip
            session.add(
                RouteMinute(
                    channel=channel, app_key=app_key, minute=minute, called=called,
                    accepted=called - 2,
                )
            )  # fmt: skip
        session.add(
            RouteGate(
                channel=Channel.SUBSCRIPTION, app_key="patient", failures=0, closed=Closed.OURS,
                closed_at=now - 4 * MINUTE, until=now + 6 * MINUTE,
            )
        )  # fmt: skip
        for number in range(3):
            one = letter(
                session, f"dead-{number}", due_at=now - number * MINUTE,
                expires_at=now + timedelta(days=1),
            )  # fmt: skip
            one.state, one.reason, one.errcode = CommunicationState.DEAD, "content", 40037
            one.error_class, one.tries = ErrorClass.CONTENT, 1
            if not number:
                session.add(
                    CommunicationAttempt(communication_id=one.id, claim_token="t", calling_at=now)
                )


def _states() -> list[str]:
    with unit_of_work.begin() as session:
        return sorted(session.scalars(select(Communication.state)))


def test_what_stands_still_is_seen_and_moved_on_by_keyboard(page: Page, picture: Picture) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("发送")
    expect(page.get_by_role("navigation", name="主菜单")).to_contain_text("发送")
    closed = page.get_by_role("row").filter(has_text="订阅消息 · patient")
    expect(closed).to_contain_text("配置或权限不对")
    is_sound(page)
    picture(page, "sending")

    press_tab_to(page, "内容或模板不符合平台要求")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("内容或模板不符合平台要求")
    press_tab_to(page, "重发这个原因的消息")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已放回队列 2 条")
    page.locator("summary").click()
    expect(page.get_by_text("可能已经送达", exact=True)).to_be_visible()
    is_sound(page)
    picture(page, "sending-letters")
    page.get_by_role("button", name=re.compile("^重发 ?消息")).click()
    expect(page.get_by_role("alert")).to_contain_text("请写明原因")
    is_sound(page)
    assert _states() == ["dead", "queued", "queued", "queued"]


def test_a_route_is_paused_with_its_consequence_before_the_eyes(
    page: Page, picture: Picture
) -> None:
    page.get_by_role("link", name="公众号消息 · patient", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("公众号消息 · patient")
    expect(page.locator(".warning")).to_contain_text("包括临床预警")
    is_sound(page)
    picture(page, "sending-route")

    press_tab_to(page, "暂停的原因")
    page.keyboard.type("平台今晚维护")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已暂停")
    expect(page.get_by_role("heading", name="打开")).to_be_visible()
    is_sound(page)
    picture(page, "sending-paused")
