"""团队待办, 问卷与量表 and 满意度 in a browser: by keyboard, sound at every width."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.integrations.pack_files import read_pack
from app.models import CareTeam, Patient
from app.services.plans.plan_library import install_pack
from app.services.plans.questionnaire_answers import Author, Sheet, record_response
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(320, 1024, 1440)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The page of a head nurse, signed in, before the team's work."""
    now = clock.now()
    with unit_of_work.begin() as session:
        for name in ("instruments", "satisfaction"):
            install_pack(session, read_pack(ROOT / "packs" / name), now, approved_by="演示主任")
        team = session.scalars(select(CareTeam).filter_by(name="糖尿病随访组")).one()
        factories.practitioner(
            session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
        )
        people = session.scalars(select(Patient)).all()
        pack = read_pack(ROOT / "packs" / "satisfaction")
        keys = [item.link_id for item in pack.questionnaires[0].items[:10]]
        for number in range(6):
            answers: dict[str, object] = dict.fromkeys(keys, ("poor", "good")[number % 2])
            sheet = Sheet("satisfaction", answers | {"complaint": False}, f"form-{number}")
            record_response(session, people[0].id, Author(), sheet, now)
    site.wecom.signs_in = "head-nurse"
    page = context.new_page()
    page.goto(f"{site.url}/console/work")
    return page


def test_work_is_given_forms_are_tried_and_figures_read(
    desk: Page, site: Site, picture: Picture
) -> None:
    is_sound(desk)
    picture(desk, "work")
    press_tab_to(desk, "李*试 出院第3天电话随访")
    desk.keyboard.press("Space")
    desk.get_by_label("勾选的交给").select_option("演示林护士")
    press_tab_to(desk, "转交")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已转交 1 项")
    expect(desk.get_by_role("status")).to_be_focused()
    desk.get_by_label("谁请假").select_option("演示林护士")
    desk.get_by_label("谁代班").select_option("演示护士长")
    desk.get_by_role("button", name="登记请假").click()
    expect(desk.get_by_role("status")).to_contain_text("1 项待办已转出")
    expect(desk.get_by_text("演示护士长代班")).to_be_visible()
    is_sound(desk)

    desk.get_by_role("link", name="问卷与量表").click()
    is_sound(desk)
    picture(desk, "questionnaires")
    desk.get_by_role("link", name="情绪自评（PHQ-9）").click()
    is_sound(desk)
    for group in desk.get_by_role("group", name=re.compile(r"^[1-9]\.")).all():
        group.get_by_label("有几天 1 分").check()
    press_tab_to(desk, "试算")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("PHQ-9 总分 9 分（轻度）")
    expect(desk.get_by_role("status")).to_contain_text("会生成中度预警")
    is_sound(desk)
    picture(desk, "questionnaire")

    desk.get_by_role("link", name="满意度").click()
    expect(desk.get_by_text("满意率 50.0%")).to_be_visible()
    is_sound(desk)
    picture(desk, "satisfaction")
