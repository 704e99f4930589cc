"""Enrolment in a browser: the nurse's phone and the desk, by keyboard, at every width."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.plans.changes import Change
from app.domain.plans.enrolling import Way
from app.integrations.pack_files import read_pack
from app.models import CarePlan, CareTeam, EnrolmentProposal, Patient
from app.models.plans.knowledge import knowledge
from app.services.plans.enrolment.entering import Candidate, begin_plan, offer
from app.services.plans.plan_changes import Told, change_for_patient
from app.services.plans.plan_expansion import expand_plans
from app.services.plans.plan_library import install_pack
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PLAN = "t2dm-after-discharge"


@pytest.fixture
def width() -> int:
    return 390


def is_sound(page: Page, *widths: int) -> None:
    """Hold a page against its own width at each width, and against axe at the last."""
    for width in widths or (390, 1440, 1024):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
    found = Axe().run(page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


@pytest.fixture
def proposed(site: Site) -> str:
    """A patient just discharged, whom a segment proposed for the diabetes plan."""
    now = clock.now()
    with unit_of_work.begin() as session:
        pack = read_pack(ROOT / "packs" / PLAN)
        install_pack(session, pack, now, approved_by="演示主任")
        team = session.scalars(select(CareTeam).order_by(CareTeam.id)).first()
        assert team is not None
        team.department_code = "endo"
        patient = factories.patient(session, "王测试", department_code="endo")
        factories.encounter(session, patient, ended_at=now, department_code="endo")
        plan = knowledge(session).plans[PLAN]
        found = Candidate(plan, Way.SEGMENT, "属于人群“糖尿病出院”", is_automatic=False)
        assert isinstance(offer(session, patient.id, found, now, HOSPITAL), EnrolmentProposal)
        return patient.public_id


def test_a_plan_is_begun_on_the_phone_and_rests_at_the_desk(
    context: BrowserContext, site: Site, proposed: str, picture: Picture
) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/wecom/today")
    page.get_by_role("link", name="待加入计划").click()
    expect(page.get_by_text("属于人群“糖尿病出院”")).to_be_visible()
    is_sound(page, 320, 390)
    picture(page, "n7-queue")
    page.get_by_role("link", name="先看会做什么").click()
    expect(page.get_by_role("heading", name="会做什么")).to_be_visible()
    is_sound(page, 320, 390)
    picture(page, "n7-preview")
    page.goto(f"{site.url}/wecom/enrolments")
    page.get_by_text("不加入", exact=False).first.press("Enter")
    is_sound(page, 390)
    page.locator("button.primary", has_text="加入").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已加入计划")

    page.goto(f"{site.url}/console/enrolments")
    expect(page.get_by_text("现在没有要确认的")).to_be_visible()
    page.goto(f"{site.url}/console/patients/{proposed}/plans")
    expect(page.get_by_text("接下来的安排")).to_be_visible()
    is_sound(page)
    picture(page, "s3-plans")
    page.locator("summary", has_text="暂停").press("Enter")
    page.get_by_label("到哪一天", exact=False).fill(str(clock.today()))
    page.get_by_role("button", name="先看会取消什么").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("没有改动任何数据")
    page.locator("button[value=hold]").press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    is_sound(page)
    page.locator("select[name=reason]").first.select_option(label="外出")
    page.locator("button[value=hold]").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已暂停")
    with unit_of_work.begin() as session:
        patient = session.scalars(select(Patient).filter_by(public_id=proposed)).one()
        plan = session.scalars(select(CarePlan).filter_by(patient_id=patient.id)).one()
        assert plan.hold_reason == "travel"
    page.get_by_role("link", name="加入计划", exact=True).click()
    page.get_by_label("计划", exact=True).select_option(value=PLAN)
    page.get_by_role("button", name="先看会做什么").press("Enter")
    is_sound(page)
    picture(page, "s6-enrol")


@pytest.mark.usefixtures("proposed")
def test_a_new_version_is_written_and_what_it_changes_is_read(
    context: BrowserContext, site: Site, picture: Picture
) -> None:
    site.wecom.signs_in = "doctor"
    page = context.new_page()
    page.goto(f"{site.url}/console/plans")
    is_sound(page)
    picture(page, "s6-plans")
    page.get_by_role("link", name="2型糖尿病出院后随访").first.press("Enter")
    expect(page.get_by_role("heading", name="怎样加入")).to_be_visible()
    is_sound(page)
    picture(page, "s6-plan")
    page.go_back()
    page.get_by_role("button", name="起草", exact=False).press("Enter")
    page.locator("summary", has_text="改全文").press("Enter")
    editor = page.get_by_label("计划（YAML", exact=False)
    written = editor.input_value()
    editor.fill(written.replace("title: 测一次空腹血糖", "title: 测空腹血糖", 1) + "  wrong: 1\n")
    page.get_by_role("button", name="保存", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    editor.fill(written.replace("title: 测一次空腹血糖", "title: 测空腹血糖", 1))
    page.get_by_role("button", name="保存", exact=True).press("Enter")
    expect(page.get_by_text("由“测一次空腹血糖”改为“测空腹血糖”")).to_be_visible()
    is_sound(page)
    picture(page, "s6-draft")
    page.get_by_role("link", name="测空腹血糖").first.press("Enter")
    is_sound(page)
    picture(page, "s6-action")
    page.get_by_label("几点开始", exact=False).fill("06:10")
    page.get_by_role("button", name="保存", exact=True).press("Enter")
    expect(page.get_by_text("06:10 开始").first).to_be_attached()
    page.get_by_role("button", name="提交签署").press("Enter")
    expect(page.get_by_text("参与编写的人不能签署")).to_be_visible()
    is_sound(page)


def test_a_change_for_one_patient_is_taken_back_by_keyboard(
    context: BrowserContext, site: Site, proposed: str
) -> None:
    now = clock.now()
    with unit_of_work.begin() as session:
        question = session.scalars(
            select(EnrolmentProposal).join(Patient).where(Patient.public_id == proposed)
        ).one()
        plan = begin_plan(
            session, question.patient_id, knowledge(session).plans[PLAN], clock.today(),
            question.care_team_id, now,
        )  # fmt: skip
        session.flush()
        told = Told(factories.practitioner(session).id, "夜班")
        change_for_patient(session, plan, "glucose-fasting", Change(shift_days=1), told, now)
        expand_plans(session, now, HOSPITAL, patient_id=plan.patient_id)
    is_well = sound_at(1024)
    page = context.new_page()
    page.set_viewport_size({"width": 1024, "height": 844})
    page.goto(f"{site.url}/console/patients/{proposed}/plans")
    page.locator("summary", has_text="为这位患者做的调整").press("Enter")
    expect(page.get_by_text("测一次空腹血糖：推后 1 天")).to_be_visible()
    is_well(page)
    page.get_by_role("button", name="撤回这项调整").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已撤回这项调整")
    page.locator("summary", has_text="为这位患者做的调整").press("Enter")
    expect(page.get_by_text("撤回。", exact=False).first).to_be_visible()
    page.get_by_role("link", name="每项任务的经过").press("Enter")
    expect(page.get_by_role("heading", name="每项任务的经过", exact=False)).to_be_visible()
    is_well(page)
