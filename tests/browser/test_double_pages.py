"""A doctor at a desk: are these two one person? Seen, decided and undone with keys alone."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.intake.hospital_records import Gender
from app.models import Patient
from app.services.intake import patient_index
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import FINGER, sound_at
from tests.browser.test_nurse_pages import press_tab_to

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(390, 1024, 1440, target=FINGER)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The list of doubles before a doctor: the ward's patient registered twice, and a doubt."""
    with unit_of_work.begin() as session:
        again = factories.patient(session, "李测试")
        doubtful = factories.patient(session, "李测试", phone=None, gender=Gender.UNKNOWN)
        factories.encounter(session, again)
        for one in (again, doubtful):
            patient_index.find_doubles(session, one.id, clock.now())
    site.wecom.signs_in = "doctor"
    page = context.new_page()
    page.goto(f"{site.url}/console/patients/doubles")
    return page


def live_patients() -> int:
    with unit_of_work() as session:
        return len(session.scalars(select(Patient).where(Patient.merged_into_id.is_(None))).all())


def test_a_pair_is_compared_merged_and_parted_by_keyboard(
    desk: Page, site: Site, picture: Picture
) -> None:
    before = live_patients()
    expect(desk.get_by_role("heading", level=1)).to_have_text("患者重复档案")
    expect(desk.get_by_role("row")).to_have_count(4)
    picture(desk, "doubles")
    is_sound(desk)

    press_tab_to(desk, "核对")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("核对两份档案")
    expect(desk.get_by_role("row", name="手机号")).to_contain_text("138****1234")
    picture(desk, "double")
    is_sound(desk)

    press_tab_to(desk, "合并，保留左边")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="会转移的内容")).to_be_visible()
    picture(desk, "double-merge")
    is_sound(desk)
    press_tab_to(desk, "确认合并")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert")).to_contain_text("请选择怎样确认了是同一人")
    is_sound(desk)
    press_tab_to(desk, "怎样确认了是同一人")
    desk.keyboard.press("ArrowDown")
    press_tab_to(desk, "确认合并")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已合并")
    assert live_patients() == before - 1
    picture(desk, "doubles-merged")
    is_sound(desk)

    press_tab_to(desk, "撤销合并")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("撤销合并")
    picture(desk, "merge-undo")
    is_sound(desk)
    press_tab_to(desk, "确认撤销合并")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已撤销合并")
    assert live_patients() == before
    expect(desk.get_by_text("还没有合并过档案")).to_be_visible()
