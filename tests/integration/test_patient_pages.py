"""患者 and 患者 360° in the browser: who finds whom, what is shown, done and kept of it."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import clock
from app.database import unit_of_work
from app.domain.trust.access import StaffRole
from app.models import (
    AuditEvent,
    CareTeam,
    Department,
    Patient,
    PatientIdentifier,
    Practitioner,
    RelatedPerson,
    Segment,
    SegmentScope,
    SocialHistory,
    Tag,
    TagAssignment,
    TagScope,
)
from app.services.profile.patient_profile import read_profile
from app.services.profile.patient_search import PAGE
from tests import factories
from tests.conftest import NOON
from tests.integration import rich_record
from tests.integration.rich_record import TODAY
from tests.integration.test_patient_timeline import statements
from tests.staff_browser import WeCom, csrf_of, make_app, sign_in

LIST = "/console/patients"


@dataclass
class Desk:
    browser: FlaskClient
    wecom: WeCom
    team: int
    patient: str
    stranger: str

    @property
    def page(self) -> str:
        return f"{LIST}/{self.patient}"

    def post(self, path: str, **form: str) -> TestResponse:
        token = csrf_of(self.browser.get(LIST))
        return self.browser.post(path, data={"csrf_token": token, **form})

    def find(self, query: str) -> TestResponse:
        return self.post(LIST, query=query)


def number(session: Any, patient: Patient, value: str, type_code: str = "MR") -> None:
    session.add(
        PatientIdentifier(
            patient_id=patient.id, issuer="HIS", type_code=type_code, value=value, created_at=NOON
        )
    )


@pytest.fixture
def desk(database: Engine) -> Desk:
    with unit_of_work.begin() as session:
        session.add(Department(code="endo", name="内分泌科"))
        team = factories.care_team(session)
        factories.practitioner(
            session, "doctor", name="演示医生", role=StaffRole.DOCTOR, teams=[team]
        )
        factories.practitioner(session, "nurse-chen", name="演示陈护士", teams=[team])
        factories.practitioner(session, "it", name="演示信息", role=StaffRole.OPERATOR)
        patient = factories.patient(
            session, "欧阳演示", needs="听障，请发文字", department_code="endo",
            region="浙江省宁波市",
        )  # fmt: skip
        rich_record.fill(session, patient, team, clock.now())
        number(session, patient, "MR0001")
        number(session, patient, "330200196103090000", "NI")
        stranger = factories.patient(session, "欧阳演示", phone="13900005678")
        number(session, stranger, "MR0002")
        ids = (team.id, patient.public_id, stranger.public_id)
    wecom = WeCom(signs_in="doctor")
    browser = make_app(wecom).test_client()
    sign_in(browser, wecom, LIST)
    return Desk(browser, wecom, *ids)


def trail(action: str, entity: str) -> list[AuditEvent]:
    with unit_of_work() as session:
        return list(
            session.scalars(
                select(AuditEvent).filter_by(action=action, entity=entity).order_by(AuditEvent.id)
            )
        )


def has_empty_actions(page: TestResponse) -> bool:
    return "None" in re.sub(r"<[^>]+>", " ", page.text)


@pytest.mark.parametrize(
    "query", ["MR0001", "mr0001", "13800001234", "+86 138-0000-1234", "欧阳演示"]
)
def test_number_phone_and_name_find_ones_own_patient_and_nobody_elses(
    desk: Desk, query: str
) -> None:
    found = desk.find(query)

    assert found.status_code == 303
    assert found.headers["Location"] == desk.page
    # Neither address nor trail has what was typed.
    assert query not in str([one.detail for one in trail("search", "patient")])
    assert len(trail("search", "patient")) == 1


@pytest.mark.parametrize(
    "query", ["MR0002", "13900005678", "MR000", "欧阳", "330200196103090000", "%", "' OR 1=1 --"]
)
def test_others_patients_parts_and_citizens_numbers_find_nobody(desk: Desk, query: str) -> None:
    found = desk.find(query)

    assert found.status_code == 200
    assert "没有找到" in found.text
    assert trail("list", "patient")[-1].detail["patients"] == []


def test_a_familys_phone_and_a_merged_number_find_the_patient(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        patient = session.scalars(select(Patient).filter_by(public_id=desk.patient)).one()
        session.add(
            RelatedPerson(
                patient_id=patient.id, relationship_code="CHD", name="欧阳二", phone="13700001111",
                identity=rich_record.digest(), created_at=NOON,
            )
        )  # fmt: skip
        retired = factories.patient(session, "欧阳演示", phone="13600002222")
        retired.merged_into_id = patient.id
        number(session, retired, "MR9999")

    for query in ("13700001111", "MR9999"):
        assert desk.find(query).headers["Location"] == desk.page


def test_two_of_one_name_are_listed_and_an_empty_search_is_refused(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        team = session.get_one(CareTeam, desk.team)
        again = factories.patient(session, "欧阳演示")
        factories.care_plan(session, again, team)

    both = desk.find("欧阳演示")
    assert both.status_code == 200
    assert "按病历号或姓名找到 2 人" in both.text
    nothing = desk.find("  ")
    assert nothing.status_code == 422
    assert "请输入病历号、手机号或姓名" in nothing.text


def test_names_in_lists_are_masked_by_role(desk: Desk) -> None:
    assert "欧阳演示" in desk.browser.get(LIST).text
    desk.wecom.signs_in = "nurse-chen"
    sign_in(desk.browser, desk.wecom, LIST)

    page = desk.browser.get(LIST).text
    assert "欧**示" in page
    assert "欧阳演示" not in page
    desk.wecom.signs_in = "it"
    sign_in(desk.browser, desk.wecom, LIST)
    assert desk.browser.get(LIST).status_code == 403
    assert desk.browser.get(desk.page).status_code == 403


def test_the_list_pages_without_gap_and_keeps_whose_names_it_showed(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        team = session.get_one(CareTeam, desk.team)
        for _ in range(PAGE):
            factories.care_plan(session, factories.patient(session), team)

    first = desk.browser.get(LIST).text
    after = re.search(r"\?after=([A-Za-z0-9_-]+)", first)
    assert after is not None
    second = desk.browser.get(f"{LIST}?after={after[1]}").text

    seen = [
        re.findall(r'href="/console/patients/([A-Za-z0-9_-]{20,})"', p) for p in (first, second)
    ]
    assert [len(one) for one in seen] == [PAGE, 1]
    assert not set(seen[0]) & set(seen[1])
    shown = [len(one.detail["patients"]) for one in trail("list", "patient")]
    assert shown[-2:] == [PAGE, 1]
    assert desk.browser.get(f"{LIST}?after=nobody").status_code == 404


def test_a_saved_segment_is_a_tab_over_ones_own_patients(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        other = factories.care_team(session)
        theirs = factories.patient(session, "浙演示", region="浙江省宁波市")
        factories.care_plan(session, theirs, other)
        team = session.get_one(CareTeam, desk.team)
        far = factories.patient(session, "远演示", region="云南省昆明市")
        factories.care_plan(session, far, team)

        def segment(name: str, **more: Any) -> str:
            tree = more.pop("tree", {"region": {"region": "浙江省"}})
            row = Segment(name=name, tree=tree, created_at=NOON, updated_at=NOON, **more)
            session.add(row)
            session.flush()
            return row.public_id

        ours = segment("浙江患者")
        hidden = segment("他组人群", scope=SegmentScope.TEAM, care_team_id=other.id)
        broken = segment("读不出", tree={"nonsense": 1})

    page = desk.browser.get(f"{LIST}?segment={ours}")
    assert page.status_code == 200
    assert "欧阳演示" in page.text
    assert "远演示" not in page.text
    assert "浙演示" not in page.text
    assert "浙江患者" in page.text
    assert "他组人群" not in page.text
    for closed in (hidden, broken, "nobody"):
        assert desk.browser.get(f"{LIST}?segment={closed}").status_code == 404


def test_the_page_shows_everything_and_is_written_down(desk: Desk) -> None:
    page = desk.browser.get(desk.page)

    assert page.status_code == 200
    for words in (
        "欧阳演示", "听障，请发文字", "青霉素", "HIS MR0001", "138****1234", "浙江省宁波市",
        "小程序已绑定", "已关注公众号", "订阅消息还可发 2 条", "健康信息处理：同意", "本组重点",
        "诊断 E11.9", "已戒烟", "LACE 再入院评分：11（高）", "二甲双胍片", "取药覆盖 80%",
        "PHQ-9 抑郁：12 分，中度", "12:00–13:00", "6 次里 6 次", "出院后随访", "双肺未见异常",
    ):  # fmt: skip
        assert words in page.text, words
    assert "他组重点" not in page.text
    assert "330200196103090000" not in page.text
    assert not has_empty_actions(page)
    assert [one.patient_id is not None for one in trail("read", "patient-profile")] == [True]
    assert desk.browser.get(f"{LIST}/{desk.stranger}").status_code == 404
    assert len(trail("read", "patient-profile")) == 1


def test_the_timeline_of_the_page_narrows_and_goes_back(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        patient = session.scalars(select(Patient).filter_by(public_id=desk.patient)).one()
        for _ in range(25):
            factories.observation(session, patient, "6.1", clock.now())

    page = desk.browser.get(f"{desk.page}?kind=observation&kind=report&kind=nonsense").text
    assert "已选 2 类" in page
    older = re.search(r'href="([^"]+before=[^"]+)#timeline"', page)
    assert older is not None
    assert "kind=observation" in older[1]
    second = desk.browser.get(older[1].replace("&amp;", "&")).text
    assert "更早的记录" in second
    assert "胸部CT：正式报告" in second


def test_a_tag_is_given_taken_and_the_word_taken_back(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        session.add(Tag(key="foot-risk", name="足部风险", tag_class="management"))
        session.add(Tag(key="last-contact", name="近期已联系", tag_class="operational"))
        session.add(
            Tag(
                key="secret", name="他组", tag_class="management", scope=TagScope.TEAM,
                care_team_id=factories.care_team(session).id,
            )
        )  # fmt: skip

    def borne() -> list[str]:
        with unit_of_work() as session:
            return list(
                session.scalars(
                    select(Tag.key)
                    .join(TagAssignment, TagAssignment.tag_id == Tag.id)
                    .where(TagAssignment.is_live.is_(True), Tag.key == "foot-risk")
                )
            )

    form = desk.browser.get(desk.page).text
    assert "足部风险" in form
    assert "近期已联系" not in form
    given = desk.post(f"{desk.page}/tags", do="give", tag="foot-risk", reason="足背动脉弱")
    assert given.status_code == 303
    assert borne() == ["foot-risk"]
    page = desk.browser.get(given.headers["Location"]).text
    assert "已加上标签" in page
    assert "已人工确认" in page
    desk.post(f"{desk.page}/tags", do="take", tag="foot-risk")
    assert borne() == []
    assert "人工去掉的" in desk.browser.get(desk.page).text
    desk.post(f"{desk.page}/tags", do="undo", tag="foot-risk")
    assert borne() == ["foot-risk"]

    for form_data, status in (
        ({"do": "give", "tag": ""}, 422), ({"do": "give", "tag": "last-contact"}, 422),
        ({"do": "give", "tag": "secret"}, 404), ({"do": "give", "tag": "nothing"}, 404),
        ({"do": "give", "tag": "foot-risk", "reason": "长" * 201}, 422),
    ):  # fmt: skip
        assert desk.post(f"{desk.page}/tags", **form_data).status_code == status
    stranger = desk.post(f"{LIST}/{desk.stranger}/tags", do="give", tag="foot-risk")
    assert stranger.status_code == 404


def test_staff_state_how_a_patient_lives(desk: Desk) -> None:
    stated = desk.post(f"{desk.page}/life", answer="11331-6=never")

    assert "已记录生活情况" in desk.browser.get(stated.headers["Location"]).text
    with unit_of_work() as session:
        row = session.scalars(select(SocialHistory).filter_by(code="11331-6")).one()
    assert (row.value, row.stated_by, row.is_current) == ("never", "staff", True)
    assert len(trail("update", "social-history")) == 1
    for wrong in ("", "11331-6", "11331-6=lots", "8480-6=never"):
        assert desk.post(f"{desk.page}/life", answer=wrong).status_code == 422


def test_a_full_profile_costs_as_many_statements_as_an_empty_one(desk: Desk) -> None:
    with unit_of_work.begin() as session:
        empty = factories.patient(session)
        factories.care_plan(session, empty, session.get_one(CareTeam, desk.team))
        doctor = session.scalars(select(Practitioner.id).filter_by(wecom_userid="doctor")).one()
        names = [empty.public_id, desk.patient]
        counts = []
        for one in names:
            session.expunge_all()
            with statements(session) as seen:
                read_profile(session, one, doctor, NOON, TODAY)
            counts.append(len(seen))

    assert counts[0] == counts[1] <= 32
