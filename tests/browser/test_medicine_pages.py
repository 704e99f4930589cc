"""用药服务 in a browser: a doctor declines without a reason, then signs, by keyboard."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Outlets
from app.domain.trust.access import StaffRole
from app.models import CarePlan, CareTeam, WeChatAccount
from jobs.chores import Work
from tests import factories, settling
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.integration.medicine_wishes import ask_refill

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(1024)


def test_a_refill_is_signed_by_keyboard(
    context: BrowserContext, site: Site, picture: Picture
) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        plan = session.scalars(select(CarePlan).order_by(CarePlan.id)).first()
        assert plan is not None
        team = session.get_one(CareTeam, plan.care_team_id)
        factories.practitioner(
            session, "doctor-zhou", name="演示周医生", role=StaffRole.DOCTOR, teams=[team]
        )
        account = WeChatAccount(
            app_key="patient", openid="oRefill", created_at=now, last_seen_at=now
        )
        session.add(account)
        session.flush()
        ask_refill(session, plan.patient, account, now)
        settling.settle(session, Work(HOSPITAL, Outlets()))
    site.wecom.signs_in = "doctor-zhou"
    page = context.new_page()
    page.goto(f"{site.url}/console/medicines")
    is_sound(page)
    picture(page, "medicines")

    press_tab_to(page, "不同意：")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请选择不同意的原因")
    expect(page.get_by_role("alert")).to_be_focused()
    is_sound(page)

    press_tab_to(page, "同意续方")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已同意")
    expect(page.get_by_role("status")).to_be_focused()
    page.get_by_role("link", name=re.compile("办理中 1")).click()
    expect(page.get_by_text("医生已同意")).to_be_visible()
    is_sound(page)
