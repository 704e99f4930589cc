"""Tasks, forms filled in for patients and handovers on the phone, at every width, by keyboard."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.integrations.pack_files import read_pack
from app.models import CareTeam, Practitioner, Task, TaskOwner
from app.services.plans.plan_library import install_pack
from app.services.staff.sharing import offer_handover
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import FINGER, sound_at
from tests.browser.test_nurse_pages import press_tab_to
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

is_sound = sound_at(320, 390, 1024, target=FINGER)


def test_a_call_a_form_and_a_handover_by_keyboard(page: Page, site: Site, picture: Picture) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        install_pack(
            session, read_pack(ROOT / "packs" / "instruments"), now, approved_by="演示主任"
        )
        task = session.scalars(select(Task).filter_by(owner=TaskOwner.STAFF)).one()
        lin = session.scalars(select(Practitioner).filter_by(wecom_userid="nurse-lin")).one()
        chen = session.scalars(select(Practitioner).filter_by(wecom_userid="nurse-chen")).one()
        team = session.scalars(select(CareTeam).filter_by(name="糖尿病随访组")).one()
        offer_handover(
            session, lin.id, chen.public_id, team.id, "王演示家属要回电话", now - timedelta(hours=1)
        )
        task_path = f"{site.url}/wecom/tasks/{task.public_id}"

    page.goto(task_path)
    is_sound(page)
    press_tab_to(page, "我来做")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("这项随访归您了")
    expect(page.get_by_role("status")).to_be_focused()

    page.get_by_role("link", name="代填问卷").click()
    page.get_by_role("link", name="用药情况").click()
    is_sound(page)
    picture(page, "form")
    press_tab_to(page, "保存问卷")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("第 1 题：请回答这个问题")
    is_sound(page)
    for name in ("电话里问的", "患者本人"):
        page.get_by_label(name).check()
    page.get_by_role("group", name=re.compile("^1[.]")).get_by_label("是").check()
    page.get_by_label(re.compile("漏用了几次药")).fill("2")
    page.get_by_label("忘了").check()
    page.get_by_role("button", name="保存问卷").click()
    expect(page.get_by_role("status")).to_contain_text("问卷已保存")
    is_sound(page)

    page.goto(task_path)
    press_tab_to(page, "保存结果")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请选择联系结果")
    is_sound(page)
    press_tab_to(page, "请选择联系结果")
    page.keyboard.press("Enter")
    page.get_by_label(re.compile("没有人接听")).check()
    press_tab_to(page, "保存结果")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("再联系")
    is_sound(page)
    picture(page, "task")

    page.goto(f"{site.url}/wecom/today")
    page.get_by_role("link", name=re.compile("交接班（1 份等您接）")).click()
    expect(page.get_by_text("王演示家属要回电话")).to_be_visible()
    is_sound(page)
    picture(page, "handover")
    press_tab_to(page, "我接班")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已接班")
    page.get_by_label("交给").first.select_option("演示林护士")
    page.get_by_role("button", name=re.compile("交班.*糖尿病随访组")).click()
    expect(page.get_by_role("status")).to_contain_text("已交出")
