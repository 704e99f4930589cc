"""人群 in a browser: built by keyboard alone, readable, and the same without a script."""

from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import Audience, CareTeam, Gender, Segment, Tag, TagAssignment, TagSource
from app.models import PatientIdentifier as Identifier
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(320, 1024, 1440)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """A head nurse's page, signed in, on the list of segments."""
    now = clock.now()
    with unit_of_work.begin() as session:
        team = session.scalars(select(CareTeam).filter_by(name="糖尿病随访组")).one()
        factories.practitioner(
            session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
        )
        for key, name in (("diabetes", "糖尿病"), ("hypertension", "高血压"), ("alone", "独居")):
            session.add(Tag(key=key, name=name, tag_class="diagnosis"))
        session.flush()
        tags = {tag.key: tag.id for tag in session.scalars(select(Tag))}
        for number in range(12):
            patient = factories.patient(
                session, "欧阳演示" if number else "赵测试", department_code="endo",
                birth_date=date(clock.today().year - 86 + 3 * number, 1, 2),
                gender=Gender.FEMALE if number % 3 else Gender.MALE,
            )  # fmt: skip
            factories.care_plan(session, patient, team)
            session.add(
                Identifier(patient_id=patient.id, issuer="HIS", type_code="MR",
                           value=f"A{number:05}", created_at=now)
            )  # fmt: skip
            for key in ("diabetes", *(("alone",) if number % 2 else ())):
                session.add(
                    TagAssignment(patient_id=patient.id, tag_id=tags[key], source=TagSource.RULE,
                                  evidence="有诊断E11.900", starts_at=now - timedelta(days=9))
                )  # fmt: skip
            factories.observation(session, patient, f"{6 + number}", now - timedelta(days=number))
    site.wecom.signs_in = "head-nurse"
    page = context.new_page()
    page.goto(f"{site.url}/console/segments")
    return page


def press(page: Page, name: str, *, exact: bool = True) -> None:
    """Press a button or link by keyboard alone, and wait for the page it leads to."""
    buttons = page.get_by_role("button", name=name, exact=exact)
    target = buttons.or_(page.get_by_role("link", name=name, exact=exact)).first
    target.focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_segment_is_built_by_keyboard_looked_at_saved_and_frozen(
    desk: Page, picture: Picture
) -> None:
    is_sound(desk)
    picture(desk, "segments-empty")
    press(desk, "新建人群")
    is_sound(desk)
    picture(desk, "segment-new")

    # An age, then a tag, then a measurement in a group.
    press(desk, "添加这个条件")
    expect(desk.get_by_label("岁数")).to_have_value("65")
    assert desk.evaluate("document.activeElement.id") == "n2-not"
    expect(desk.locator("[data-result]")).to_contain_text("年龄≥65岁")
    is_sound(desk)
    picture(desk, "segment-one")
    desk.get_by_label("岁数").focus()
    desk.keyboard.press("Control+A")
    desk.keyboard.type("60")
    # The script brings the new sentence by itself.
    expect(desk.locator("[data-result]")).to_contain_text("年龄≥60岁")
    desk.get_by_label("添加条件").select_option("tag")
    press(desk, "添加这个条件")
    desk.get_by_label("标签", exact=True).focus()
    desk.keyboard.type("糖尿病")
    press(desk, "添加一组（或者）")
    desk.get_by_label("在第3条这一组里添加").select_option("latest")
    press(desk, "添加这个条件 到第3条", exact=False)
    desk.get_by_label("项目").focus()
    desk.keyboard.type("血糖")
    desk.get_by_label("数值").focus()
    desk.keyboard.type("9")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    expect(desk.locator("[data-result]")).to_contain_text("血糖≥9 mmol/L")
    is_sound(desk)
    picture(desk, "segment-built")

    press(desk, "看几位患者")
    expect(desk.get_by_role("button", name="为什么 在里面").first).to_be_visible()
    is_sound(desk)
    picture(desk, "segment-sample")
    desk.get_by_label("某位患者为什么在 / 不在？病历号").focus()
    desk.keyboard.type("A00011")
    press(desk, "看原因")
    expect(desk.locator(".beside")).to_contain_text("欧**示不在这个人群里")
    is_sound(desk)
    picture(desk, "segment-build-why")

    desk.get_by_label("名称").focus()
    desk.keyboard.type("60岁以上、血糖偏高的糖尿病患者")
    press(desk, "保存")
    expect(desk.get_by_role("status")).to_contain_text("已保存")
    press(desk, "看几位患者")
    is_sound(desk)
    picture(desk, "segment")
    with desk.expect_navigation():
        desk.get_by_role("link", name="为什么在里面").first.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_contain_text("为什么在")
    is_sound(desk)
    picture(desk, "segment-why")
    desk.go_back()
    desk.locator("#freeze").press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("已生成名单")
    with unit_of_work.begin() as session:
        assert session.scalars(select(Audience.size)).one() == 6


def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    desk: Page, picture: Picture
) -> None:
    press(desk, "新建人群")
    desk.get_by_label("添加条件").select_option("latest")
    press(desk, "添加这个条件")
    desk.get_by_label("项目").fill("血糖（mmol/L）")
    desk.get_by_label("数值").fill("九点五")
    press(desk, "保存")

    alert = desk.get_by_role("alert")
    expect(alert).to_contain_text("最近一次结果的“数值”：请填数字")
    expect(alert).to_contain_text("请给这个人群起个名称")
    expect(desk.get_by_label("数值")).to_have_value("九点五")
    is_sound(desk)
    picture(desk, "segment-wrong")
    alert.get_by_role("link", name="数值").press("Enter")
    assert desk.evaluate("document.activeElement.id") == "n2-value"


def test_two_segments_beside_each_other(desk: Page, picture: Picture) -> None:
    with unit_of_work.begin() as session:
        for name, tree in (
            ("高龄", {"age": {"op": ">=", "years": 60}}),
            ("独居", {"tag": {"key": "alone"}}),
        ):
            session.add(
                Segment(name=name, tree=tree, created_at=clock.now(), updated_at=clock.now())
            )
    desk.reload()
    is_sound(desk)
    picture(desk, "segments")
    press(desk, "比较两个人群")
    desk.get_by_label("人群 A").select_option(label="高龄")
    desk.get_by_label("人群 B").select_option(label="独居")
    desk.get_by_role("button", name="比较").press("Enter")

    expect(desk.get_by_role("heading", name="A 和 B 都在")).to_be_visible()
    is_sound(desk)
    picture(desk, "segment-compare")


def test_the_builder_does_the_same_without_a_script(
    chromium: Browser, site: Site, desk: Page, width: int
) -> None:
    bare = chromium.new_context(java_script_enabled=False, viewport={"width": width, "height": 844})
    page = bare.new_page()
    page.goto(f"{site.url}/console/segments/new")
    page.get_by_role("button", name="添加这个条件").click()
    page.get_by_label("岁数").fill("70")
    page.get_by_label("岁数").press("Enter")  # counts, and removes nothing
    expect(page.locator("[data-result]")).to_contain_text("年龄≥70岁")
    page.get_by_label("名称").fill("70岁以上")
    page.get_by_role("button", name="保存", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("已保存")
    bare.close()


@pytest.mark.parametrize("narrow", [320, 390])
def test_the_builder_is_whole_on_a_narrow_screen(desk: Page, narrow: int) -> None:
    desk.set_viewport_size({"width": narrow, "height": 844})
    press(desk, "新建人群")
    desk.get_by_label("添加条件").select_option("latest")
    press(desk, "添加这个条件")
    is_sound(desk)
