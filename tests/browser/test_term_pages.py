"""术语对照 in a browser: readable, by keyboard alone, and without a script."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.intake.terminology import Unmapped
from app.domain.trust.access import StaffRole
from app.models import TermKind, TermStatus, UnmappedTerm
from app.models.intake.vocabulary import note_unmapped
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(1024, 1440)
TERMS = (
    *[Unmapped(TermKind.OBSERVATION, "1001", "血清钾", "mmol/L")] * 320,
    *[Unmapped(TermKind.OBSERVATION, "PCT", "血小板压积", "%")] * 210,
    *[Unmapped(TermKind.OBSERVATION, "9907", "抗链球菌溶血素O测定", "IU/mL")] * 44,
    *[Unmapped(TermKind.UNIT, "毫摩", "钾", "毫摩")] * 12,
    *[Unmapped(TermKind.DEPARTMENT, "NFM", "内分泌科门诊")] * 9,
    Unmapped(TermKind.CONDITION, "TNB", "糖尿病"),
)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The page of somebody of the information department, signed in, on the list."""
    with unit_of_work.begin() as session:
        factories.practitioner(session, "operator", name="演示信息科", role=StaffRole.OPERATOR)
        note_unmapped(session, "hl7:his", TERMS, clock.now())
    site.wecom.signs_in = "operator"
    page = context.new_page()
    page.goto(f"{site.url}/console/terms")
    return page


def test_a_suggestion_is_one_press_and_a_confirmation(desk: Page, picture: Picture) -> None:
    is_sound(desk)
    picture(desk, "terms")
    first = desk.get_by_role("row").nth(1)
    expect(first).to_contain_text("1001")

    first.get_by_role("link", name="钾 用于 1001").focus()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name="确认含义")).to_be_visible()
    is_sound(desk)
    picture(desk, "term-confirm")
    desk.get_by_role("button", name="确认对照").focus()
    desk.keyboard.press("Enter")

    expect(desk.get_by_role("status")).to_contain_text("已保存")
    is_sound(desk)
    with unit_of_work.begin() as session:
        term = session.scalars(select(UnmappedTerm).filter_by(code="1001")).one()
        assert term.status is TermStatus.MAPPED


def test_a_test_is_found_in_the_catalogue_and_a_wrong_code_is_told(
    desk: Page, picture: Picture
) -> None:
    desk.get_by_role("link", name="9907").click()
    desk.get_by_label("在判读目录中查找").fill("肌酐")
    desk.get_by_role("button", name="查找").click()
    expect(desk.get_by_role("link", name="选择 肌酐")).to_be_visible()
    is_sound(desk)
    picture(desk, "term-search")

    desk.get_by_label("LOINC 代码").fill("2823-4")
    desk.get_by_role("button", name="下一步").click()
    expect(desk.get_by_role("alert")).to_contain_text("校验码")
    expect(desk.get_by_label("LOINC 代码")).to_have_value("2823-4")
    is_sound(desk)
    picture(desk, "term-wrong")


def test_everything_works_without_a_script(
    chromium: Browser, site: Site, desk: Page, width: int
) -> None:
    bare = chromium.new_context(java_script_enabled=False, viewport={"width": width, "height": 844})
    page = bare.new_page()
    page.goto(f"{site.url}/console/terms")
    page.get_by_label("种类").select_option("unit")
    page.get_by_role("button", name="筛选").click()
    page.get_by_role("link", name="毫摩").click()
    page.get_by_label("标准单位（UCUM）").select_option("mmol/L")
    page.get_by_role("button", name="下一步").click()
    page.get_by_role("button", name="确认对照").click()

    expect(page.get_by_role("status")).to_contain_text("已保存")
    bare.close()
