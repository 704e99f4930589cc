"""能联系到谁 and a patient's messages in a browser: readable, by keyboard, the same narrow."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Channel
from app.domain.profile.risk import follow_up_priority
from app.domain.trust.access import Actor, StaffRole
from app.models import CareTeam, Patient, ReachMonth, RiskAssessment
from app.services.outreach import patient_notices
from app.services.segments.segment_library import Draft, save_segment
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at
from tests.integration import postbox, records
from tests.integration.test_reaching import OUTLETS, notice

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(320, 1440)


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """A head nurse's page on 能联系到谁; one patient got a message, another nobody reaches."""
    now = clock.now()
    with unit_of_work.begin() as session:
        team = session.scalars(select(CareTeam).filter_by(name="糖尿病随访组")).one()
        head = factories.practitioner(
            session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
        )
        told = session.scalars(select(Patient).filter_by(public_id=site.patient)).one()
        account = records.account(session, "Told")
        records.link(session, told, account)
        postbox.allow(session, account, 2)
        patient_notices.notify_patient(
            session, told.id, notice(expires_at=now + timedelta(days=1)), now, HOSPITAL, OUTLETS
        )
        for one in session.scalars(select(Patient).where(Patient.id != told.id)):
            session.add(
                RiskAssessment(
                    patient_id=one.id, score=follow_up_priority.KEY, version="1",
                    value=Decimal(9), band=follow_up_priority.HIGH, inputs=[], missing=[],
                    computed_at=now,
                )
            )  # fmt: skip
        tree = {"age": {"op": ">=", "years": 18}}
        actor = Actor("practitioner", head.id)
        save_segment(session, Draft("成年患者", tree, team.public_id), actor, now)
        month = clock.today().replace(day=1)
        session.add(
            ReachMonth(month=month, channel=Channel.SUBSCRIPTION, messages=1_234, first_id=1)
        )
    site.wecom.signs_in = "head-nurse"
    page = context.new_page()
    page.goto(f"{site.url}/console/reach")
    return page


def test_it_is_seen_before_a_send_whom_nothing_reaches(desk: Page, picture: Picture) -> None:
    is_sound(desk)
    expect(desk.get_by_role("rowheader", name=f"{clock.today():%Y-%m}")).to_be_visible()
    desk.get_by_label("用途").select_option(label="任务提醒")
    desk.get_by_role("button", name="查看").press("Enter")

    expect(desk.get_by_role("heading", name="成年患者：任务提醒")).to_be_visible()
    expect(desk.get_by_role("rowheader", name="到不了：没有人绑定小程序")).to_be_visible()
    is_sound(desk)
    picture(desk, "reach")
    desk.get_by_role("button", name="交给护士打电话核对").press("Enter")

    expect(desk.get_by_role("status")).to_contain_text("生成护士待办")


def test_a_nurse_sees_why_a_message_went_by_its_channel(
    desk: Page, site: Site, picture: Picture
) -> None:
    desk.goto(f"{site.url}/console/patients/{site.patient}")
    desk.get_by_role("link", name="发过的消息和渠道").press("Enter")

    expect(desk.get_by_role("cell", name="订阅消息", exact=True)).to_be_visible()
    desk.get_by_text("其他渠道").first.press("Enter")
    expect(desk.get_by_text("公众号消息：没有关注公众号")).to_be_visible()
    is_sound(desk)
    picture(desk, "patient-messages")
