"""标签库 and 待确认标签 in a browser: readable at every width, without a script, by keyboard."""

from decimal import Decimal

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import CareTeam, Patient, Tag, TagAssignment, TagScope, TagSource
from app.models.profile.tagging import FoundTag, propose
from tests import factories
from tests.browser.conftest import Picture, Site
from tests.browser.soundness import sound_at

pytestmark = pytest.mark.browser

WIDTH = 1024
is_sound = sound_at(320, 390, 1024, 1440)
WORDS = {
    "no-meter": "2026-05-04 患者留言：“家里没有血糖仪，上次是在药店测的。”",
    "often-forgets": "2026-05-03 周问卷：“有时候忙起来就忘了吃药。”",
}


@pytest.fixture
def desk(context: BrowserContext, site: Site) -> Page:
    """The page of a head nurse, signed in, in the library."""
    with unit_of_work.begin() as session:
        team = session.scalars(select(CareTeam).order_by(CareTeam.id)).first()
        assert team is not None
        head = factories.practitioner(
            session, "head-nurse", name="演示护士长", role=StaffRole.HEAD_NURSE, teams=[team]
        )
        high = {
            "latest": {"code": "4548-4", "op": ">=", "value": 9, "unit": "%", "within": "P180D"}
        }
        kinds = [
            ("diabetes", "糖尿病", "diagnosis", {}),
            ("t2dm", "2型糖尿病", "diagnosis", {"parent_key": "diabetes", "synonyms": ["二型"]}),
            ("hba1c-high", "糖化血红蛋白≥9%", "treatment", {
                "exclusion_group": "hba1c", "expires_days": 180, "pack_key": "t2dm",
                "rules": [{"tag": "hba1c-high", "when": high, "confidence": 1, "source": "cds",
                           "pack": "t2dm"}],
            }),
            ("no-meter", "没有血糖仪", "management", {"owner_id": head.id}),
            ("often-forgets", "常忘记服药", "management", {
                "scope": TagScope.TEAM, "care_team_id": team.id, "owner_id": head.id,
            }),
            ("old-word", "旧标签", "management", {"is_retired": True}),
        ]  # fmt: skip
        for key, name, kind, more in kinds:
            session.add(Tag(key=key, name=name, tag_class=kind, **more))
        session.flush()
        people = session.scalars(select(Patient).limit(3)).all()
        for one in people:
            for key, word in WORDS.items():
                found = FoundTag(key, Decimal("0.62"), TagSource.TEXT, "text:chat@1", word)
                propose(session, one.id, [found], clock.now())
            given = FoundTag("diabetes", Decimal(1), TagSource.RULE, "rule:house", "E11.9")
            propose(session, one.id, [given], clock.now())
    site.wecom.signs_in = "head-nurse"
    page = context.new_page()
    page.goto(f"{site.url}/console/tags")
    return page


def test_a_tag_is_found_tried_and_retired_with_its_consequence(
    desk: Page, picture: Picture
) -> None:
    is_sound(desk)
    picture(desk, "tags")

    desk.get_by_role("link", name="糖化血红蛋白≥9%").click()
    expect(desk.get_by_text("最近一次糖化血红蛋白")).to_be_visible()
    desk.get_by_role("button", name="先试算，不保存").focus()
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("没有改动任何数据")).to_be_visible()
    is_sound(desk)
    picture(desk, "tag")

    desk.get_by_role("link", name="停用…").click()
    is_sound(desk)
    picture(desk, "tag-end")
    desk.get_by_role("button", name="确认停用").click()
    expect(desk.get_by_role("status")).to_contain_text("已停用")


def test_what_is_wrong_is_told_where_it_is(desk: Page, picture: Picture) -> None:
    desk.get_by_role("link", name="添加标签").click()
    desk.get_by_label("代码", exact=True).fill("足部")
    desk.get_by_label("名称", exact=True).fill("糖尿病")
    desk.get_by_role("button", name="保存").click()

    expect(desk.get_by_role("alert")).to_be_focused()
    expect(desk.get_by_label("名称", exact=True)).to_have_value("糖尿病")
    is_sound(desk)
    picture(desk, "tag-refused")


def test_a_proposal_is_one_press_and_one_more_takes_it_back(
    desk: Page, site: Site, picture: Picture
) -> None:
    desk.goto(f"{site.url}/console/tag-review")
    is_sound(desk)
    picture(desk, "tag-review")
    before = desk.get_by_role("listitem").filter(has_text="患者留言").count()
    assert before

    desk.get_by_role("button", name="添加").first.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("由您确认")
    with unit_of_work.begin() as session:
        borne = session.scalars(select(TagAssignment).filter_by(is_locked=True)).one()
        assert borne.evidence in WORDS.values()
    is_sound(desk)
    desk.get_by_role("button", name="撤销刚才的处理").click()
    expect(desk.get_by_role("status")).to_contain_text("已撤销")
    with unit_of_work.begin() as session:
        assert (
            session.scalar(select(TagAssignment.id).filter_by(is_locked=True, is_live=True)) is None
        )

    desk.get_by_role("link", name="没有血糖仪").click()
    is_sound(desk)
    picture(desk, "tag-review-one")
