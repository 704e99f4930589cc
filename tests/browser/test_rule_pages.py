"""规则, 预警 and 值班 in a browser: one job each by keyboard, then readable at every width."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.plans.rules import Grade
from app.domain.staff.alert_clock import Responder
from app.domain.trust.access import StaffRole
from app.integrations.pack_files import read_pack
from app.models import CareTeam, FiringDeed, RuleFiring
from app.services.plans.plan_library import install_pack
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 1024, 1440)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The page of a head nurse with alerts of every grade, firings and a colleague."""
    now = clock.now()
    with unit_of_work.begin() as session:
        team = session.scalars(select(CareTeam).order_by(CareTeam.id)).first()
        assert team is not None
        install_pack(
            session, read_pack(ROOT / "packs" / "t2dm-after-discharge"), now, approved_by="演示主任"
        )
        factories.practitioner(
            session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
        )
        factories.practitioner(
            session, "doctor-he", name="何医生", role=StaffRole.DOCTOR, teams=[team],
            responder=Responder.DEPUTY_DOCTOR,
        )  # fmt: skip
        for number, grade in enumerate(Grade):
            patient = factories.patient(session, f"规则演示{number}")
            factories.care_plan(session, patient, team)
            factories.observation(session, patient, "3.5", now - timedelta(days=number))
            alert = factories.alert(
                session, patient, team, grade=grade, opened_at=now - timedelta(minutes=7),
                acknowledge_by=now + timedelta(minutes=number * 4 - 2),
            )  # fmt: skip
            session.add(
                RuleFiring(
                    patient_id=patient.id, rule_key="d1-glucose-low", rule_version=1,
                    deed=FiringDeed.ACTED, alert_id=alert.id, judged_at=now, fired_at=now,
                    explanation="血糖 3.5 mmol/L：1天内最近一次血糖＜3.9 mmol/L",
                )
            )  # fmt: skip
    site.wecom.signs_in = "head-nurse"
    return context.new_page()


@pytest.fixture
def width() -> int:
    """The job is done once; the page is looked at in every width."""
    return 1024


def is_sound(page: Page) -> None:
    result = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def is_sound_everywhere(page: Page) -> None:
    """Look at a page at every width: nothing to the side, nothing that keeps anybody out."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        is_sound(page)
    page.set_viewport_size({"width": 1024, "height": 900})


def test_a_rule_is_rehearsed_and_switched_off_by_keyboard(
    desk: Page, site: Site, picture: Picture
) -> None:
    desk.goto(f"{site.url}/console/rules")
    is_sound_everywhere(desk)
    picture(desk, "rules")
    desk.get_by_role("link", name="低血糖（1级）").press("Enter")
    desk.get_by_role("button", name="过去 7 天").press("Enter")
    expect(desk.get_by_text("没有改动任何数据")).to_be_visible()
    is_sound(desk)
    picture(desk, "rule")

    desk.get_by_role("button", name="停用").press("Enter")
    expect(desk.get_by_role("alert")).to_be_focused()
    desk.get_by_label("原因", exact=True).fill("误报太多")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已停用")
    is_sound_everywhere(desk)
    desk.get_by_role("button", name="恢复这条规则").press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已恢复")


def test_an_alert_is_taken_and_ended_by_keyboard(desk: Page, site: Site, picture: Picture) -> None:
    desk.goto(f"{site.url}/console/alerts")
    is_sound_everywhere(desk)
    picture(desk, "alerts")
    desk.get_by_role("link", name="规则演示2").press("Enter")
    desk.get_by_role("button", name="我来处理").press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已由您接手")
    is_sound(desk)

    desk.get_by_role("button", name="保存结果").press("Enter")
    expect(desk.get_by_role("alert")).to_be_focused()
    expect(desk.get_by_role("alert")).to_contain_text("没有结果不能结束")
    is_sound_everywhere(desk)
    picture(desk, "alert")
    desk.get_by_label("已联系上，建议就诊").press("Space")
    desk.get_by_role("button", name="保存结果").press("Enter")
    expect(desk.get_by_text("已结束")).to_be_visible()
    is_sound(desk)


def test_a_shift_is_planned_and_cancelled_by_keyboard(
    desk: Page, site: Site, picture: Picture
) -> None:
    desk.goto(f"{site.url}/console/duty")
    now = clock.now().astimezone(clock.HOSPITAL)
    desk.get_by_label("人员").select_option(label=desk.get_by_label("人员").locator(
        "option", has_text="何医生"
    ).inner_text())  # fmt: skip
    desk.get_by_label("角色").select_option("attending-doctor")
    desk.get_by_label("开始", exact=True).fill(f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    desk.get_by_role("button", name="排上").press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("请填结束的日期和时间")
    is_sound(desk)
    desk.get_by_label("结束", exact=True).fill(f"{now + timedelta(hours=9):%Y-%m-%dT%H:%M}")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已排上")
    is_sound_everywhere(desk)
    picture(desk, "duty")
    desk.get_by_role("button", name=re.compile("取消.*何医生")).press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已取消这个班次")
