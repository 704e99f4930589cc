"""A doctor at a desk finds a patient and reads everything of them, with keys alone."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.models import CareTeam, Patient, Tag
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import FINGER, sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.integration import rich_record

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(390, 1024, 1440, target=FINGER)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The list before a doctor whose patient has one of everything."""
    with unit_of_work.begin() as session:
        team = session.scalars(select(CareTeam).filter_by(name="糖尿病随访组")).one()
        patient = factories.patient(
            session, "欧阳演示", phone="13800009999", region="浙江省宁波市", needs="听障，请发文字"
        )
        rich_record.fill(session, patient, team, clock.now())
        session.add(Tag(key="foot-risk", name="足部风险", tag_class="management"))
    site.wecom.signs_in = "doctor"
    page = context.new_page()
    page.goto(f"{site.url}/console/patients")
    return page


def test_a_patient_is_found_read_and_tagged_by_keyboard(
    desk: Page, site: Site, picture: Picture
) -> None:
    expect(desk.get_by_role("heading", level=1)).to_have_text("患者")
    picture(desk, "patients")
    is_sound(desk)

    press_tab_to(desk, "病历号、手机号或姓名")
    desk.keyboard.type("13800009999")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("欧阳演示")
    assert "13800009999" not in desk.url
    expect(desk.get_by_role("heading", name="全部记录")).to_be_visible()
    picture(desk, "patient-360")
    is_sound(desk)

    press_tab_to(desk, "加标签")
    desk.keyboard.press("ArrowDown")
    press_tab_to(desk, "加上")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已加上标签")
    expect(desk.get_by_role("region", name="标签")).to_contain_text("已人工确认")
    is_sound(desk)

    press_tab_to(desk, "只看某几类")
    desk.keyboard.press("Enter")
    press_tab_to(desk, "报告")
    desk.keyboard.press("Space")
    press_tab_to(desk, "筛选")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("胸部CT：正式报告")).to_be_visible()
    expect(desk.locator("ol.timeline > li")).to_have_count(1)
    picture(desk, "patient-360-reports")
    is_sound(desk)


def test_an_error_is_told_at_its_place(desk: Page, site: Site, picture: Picture) -> None:
    with unit_of_work() as session:
        patient = session.scalars(select(Patient).where(Patient.region == "浙江省宁波市")).one()
    desk.goto(f"{site.url}/console/patients/{patient.public_id}")

    press_tab_to(desk, "加上")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("请选择标签")
    is_sound(desk)
