"""Ways into a plan: each begins it or asks the team, once, and says why."""

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.errors import NotFound
from app.domain.outreach.messaging import Channel
from app.domain.plans.enrolling import DeclineReason, EndReason, Entry, ReEntry, Way
from app.domain.plans.pack_parsing import parse_pack
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CarePlanStep,
    Communication,
    EncounterStatus,
    EnrolmentProposal,
    EnrolmentStatus,
    Event,
    Segment,
    StepKind,
)
from app.models.plans.knowledge import knowledge
from app.services.intake import patient_index
from app.services.plans.enrolment import enrol_by_segment, life, proposals, segment_ways, ways
from app.services.plans.enrolment.errors import (
    AlreadyOnPlan,
    AnchorNeeded,
    PlanNotOffered,
    ProposalSettled,
)
from app.services.plans.enrolment.ways import PolicyWords, WayIsOpen, set_policy
from app.services.plans.plan_library import install_pack
from tests import factories, settling
from tests.conftest import NOON
from tests.integration.ward import WORK, Ward, build, discharge

PLAN = "t2dm-after-discharge"
TODAY = NOON.astimezone(HOSPITAL).date()


@pytest.fixture(autouse=True)
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands at noon until a test moves it."""
    found = [NOON]
    monkeypatch.setattr(clock, "now", lambda: found[0])
    return found


def settle(session: Session) -> None:
    settling.settle(session, WORK)


def by(who: Ward) -> Actor:
    return Actor("practitioner", who.nurse.id, "test")


def decide(session: Session, who: Ward, **words: Any) -> None:
    given = {
        "entry": Entry.AUTOMATIC, "re_entry": ReEntry.NEW_ANCHOR, "re_entry_days": 0,
        "is_open_to_requests": False, **words,
    }  # fmt: skip
    set_policy(session, PLAN, PolicyWords(**given), by(who), NOON)


def anchored_at(session: Session, anchor: str) -> None:
    """Install the pack anew with its plan counting from another kind of day."""
    content = copy.deepcopy(dict(knowledge(session).packs["t2dm-after-discharge"].definition))
    content["version"] = f"9.0.{len(anchor)}"
    plan = content["plans"][0]
    plan["version"], plan["anchor"] = 90 + len(anchor), anchor
    install_pack(session, parse_pack(content), NOON, approved_by="演示主任")


def waiting(session: Session) -> EnrolmentProposal:
    return session.scalars(select(EnrolmentProposal).filter_by(is_open=True)).one()


def plans(session: Session) -> list[CarePlan]:
    return list(session.scalars(select(CarePlan).order_by(CarePlan.id)))


def test_what_is_only_proposed_waits_for_the_team_and_begins_with_its_yes(
    session: Session,
) -> None:
    who = build(session)
    decide(session, who, entry=Entry.PROPOSED)
    discharge(session, who)
    settle(session)
    settle(session)

    assert plans(session) == []
    proposal = waiting(session)
    assert (proposal.kind, proposal.anchor_on) == (Way.CRITERIA, TODAY)
    queue = proposals.list_proposals(session, by(who), NOON)
    assert "符合计划自己的条件：有诊断2型糖尿病（E11）" in queue.lines[0].reason
    stranger = factories.practitioner(session, teams=[factories.care_team(session)])
    other = Actor("practitioner", stranger.id, "test")
    assert proposals.list_proposals(session, other, NOON).total == 0
    with pytest.raises(NotFound):
        proposals.accept(session, proposal.public_id, other, NOON, HOSPITAL)

    plan = proposals.accept(session, proposal.public_id, by(who), NOON, HOSPITAL, note="已电话确认")

    assert (plan.anchor_on, plan.care_team_id) == (TODAY, who.team.id)
    assert (proposal.status, proposal.care_plan_id) == (EnrolmentStatus.ACCEPTED, plan.id)
    step = session.scalars(select(CarePlanStep).filter_by(care_plan_id=plan.id)).one()
    assert (step.kind, step.reason, step.note) == (StepKind.STARTED, Way.CRITERIA, "已电话确认")
    assert step.practitioner_id == who.nurse.id
    with pytest.raises(ProposalSettled):
        proposals.decline(session, proposal.public_id, DeclineReason.OTHER, by(who), NOON)


def test_a_no_is_kept_with_its_reason_and_not_asked_again_before_a_new_discharge(
    session: Session, hands: list[datetime]
) -> None:
    who = build(session)
    decide(session, who, entry=Entry.PROPOSED)
    discharge(session, who)
    settle(session)
    first = waiting(session)
    proposals.decline(
        session, first.public_id, DeclineReason.PATIENT_REFUSES, by(who), NOON, note="不想用手机"
    )
    session.add(Event.of("condition.recorded", NOON, patient_id=who.patient.id, code="E11.9"))
    settle(session)
    assert (first.declined_because, first.note) == ("patient-refuses", "不想用手机")
    assert session.scalar(select(EnrolmentProposal.id).filter_by(is_open=True)) is None

    hands[0] = NOON + timedelta(days=20)
    discharge(session, who, hands[0])
    settle(session)
    assert waiting(session).anchor_on == TODAY + timedelta(days=20)


def test_a_segment_begins_the_plan_at_once_or_asks_and_the_clock_finds_the_rest(
    session: Session, hands: list[datetime]
) -> None:
    who = build(session)
    decide(session, who, entry=Entry.CLOSED)
    discharge(session, who)
    settle(session)
    assert plans(session) == []
    segment = Segment(
        name="糖尿病出院", tree={"condition": {"code": "E11"}}, created_at=NOON, updated_at=NOON
    )
    session.add(segment)
    session.flush()
    way = ways.open_segment_way(
        session, PLAN, segment.public_id, by(who), NOON, HOSPITAL, is_automatic=True
    )
    with pytest.raises(WayIsOpen):
        ways.open_segment_way(
            session, PLAN, segment.public_id, by(who), NOON, HOSPITAL, is_automatic=False
        )

    assert segment_ways(session) == [way.id]
    last = enrol_by_segment(session, way.id, 0, NOON, HOSPITAL)
    assert last == who.patient.id
    assert enrol_by_segment(session, way.id, last, NOON, HOSPITAL) == 0
    assert enrol_by_segment(session, way.id, 0, NOON, HOSPITAL) == 0  # nobody new

    begun = plans(session)
    assert [plan.anchor_on for plan in begun] == [TODAY]
    step = session.scalars(select(CarePlanStep)).one()
    assert (step.reason, step.note) == (Way.SEGMENT, "属于人群“糖尿病出院”")

    # A second patient comes in by the event of their diagnosis; the segment only asks.
    way.is_automatic = False
    second = factories.patient(session, "王测试", department_code="ENDO")
    other = Ward(second, who.account, who.link, who.nurse, who.doctor, who.team)
    discharge(session, other)
    settle(session)
    assert waiting(session).patient_id == second.id
    ways.close_way(session, way.public_id, by(who), NOON)
    assert segment_ways(session) == []


def test_a_plan_counting_from_a_surgery_asks_for_the_day(session: Session) -> None:
    who = build(session)
    anchored_at(session, "surgery")
    discharge(session, who)
    settle(session)

    proposal = waiting(session)
    assert (proposal.kind, proposal.anchor_on) == (Way.CRITERIA, None)
    with pytest.raises(AnchorNeeded):
        proposals.accept(session, proposal.public_id, by(who), NOON, HOSPITAL)
    surgery = TODAY - timedelta(days=2)
    plan = proposals.accept(session, proposal.public_id, by(who), NOON, HOSPITAL, anchor_on=surgery)
    assert plan.anchor_on == surgery


def test_by_hand_over_the_rule_on_coming_again_but_not_twice(session: Session) -> None:
    who = build(session)
    decide(session, who, re_entry=ReEntry.NEVER)
    discharge(session, who)
    settle(session)
    first = plans(session)[0]
    life.end_plan(session, first, EndReason.NOT_SUITABLE, by(who), NOON)
    discharge(session, who, NOON + timedelta(hours=1))
    settle(session)
    assert len(plans(session)) == 1

    patient = proposals.find_enrollable(session, who.patient.public_id, who.nurse.id, NOON)
    again = proposals.enrol_by_hand(
        session, patient, PLAN, TODAY, who.team.id, by(who), NOON, HOSPITAL, note="家属要求"
    )

    assert again.is_open
    with pytest.raises(AlreadyOnPlan):
        proposals.enrol_by_hand(session, patient, PLAN, TODAY, who.team.id, by(who), NOON, HOSPITAL)
    for day in (None, TODAY - timedelta(days=800)):
        with pytest.raises(AnchorNeeded):
            proposals.enrol_by_hand(
                session, patient, PLAN, day, who.team.id, by(who), NOON, HOSPITAL
            )
    with pytest.raises(PlanNotOffered):
        proposals.enrol_by_hand(
            session, patient, "no-such", TODAY, who.team.id, by(who), NOON, HOSPITAL
        )
    stranger = factories.practitioner(session, teams=[factories.care_team(session)])
    with pytest.raises(NotFound):
        proposals.find_enrollable(session, who.patient.public_id, stranger.id, NOON)


def test_who_is_in_hospital_begins_at_rest(session: Session) -> None:
    who = build(session)
    stay = discharge(session, who)
    stay.status, stay.ended_at = EncounterStatus.IN_PROGRESS, None
    settle(session)
    assert plans(session) == []

    plan = proposals.enrol_by_hand(
        session, who.patient, PLAN, TODAY, who.team.id, by(who), NOON, HOSPITAL
    )

    assert (plan.status, plan.hold_reason) == ("on-hold", "admission")


def test_a_patient_asks_and_takes_it_back(session: Session) -> None:
    who = build(session)
    account = who.account.id
    with pytest.raises(PlanNotOffered):
        ways.request_plan(session, who.patient.id, account, PLAN, NOON, HOSPITAL)
    code = ways.open_code_way(session, PLAN, by(who), NOON, HOSPITAL, care_team_id=who.team.id)
    assert code.state is not None

    asked = ways.request_plan(
        session, who.patient.id, account, PLAN, NOON, HOSPITAL, state=code.state
    )
    again = ways.request_plan(
        session, who.patient.id, account, PLAN, NOON, HOSPITAL, state=code.state
    )

    assert isinstance(asked, EnrolmentProposal)
    assert again is None
    assert (asked.kind, asked.way_id, asked.account_id) == (Way.CODE, code.id, account)
    proposals.withdraw_request(session, who.patient.id, asked.public_id, account, NOON)
    assert asked.status is EnrolmentStatus.WITHDRAWN
    asked = ways.request_plan(
        session, who.patient.id, account, PLAN, NOON, HOSPITAL, state=code.state
    )
    assert isinstance(asked, EnrolmentProposal)
    no = DeclineReason.NOT_SUITABLE
    proposals.decline(session, asked.public_id, no, by(who), NOON, note="眼底未查")
    settle(session)
    told = session.scalars(select(Communication).filter_by(channel=Channel.INBOX)).one()
    assert "现在不合适" in (told.content or "")
    assert "眼底" not in (told.content or "")
    ways.close_way(session, code.public_id, by(who), NOON)
    with pytest.raises(PlanNotOffered):
        ways.request_plan(session, who.patient.id, account, PLAN, NOON, HOSPITAL, state=code.state)


def test_a_pack_past_its_last_day_takes_nobody_in(session: Session) -> None:
    who = build(session)
    content = copy.deepcopy(dict(knowledge(session).packs["t2dm-after-discharge"].definition))
    content |= {"version": "9.9.9", "effective_until": (TODAY - timedelta(days=1)).isoformat()}
    install_pack(session, parse_pack(content), NOON, approved_by="演示主任")
    discharge(session, who)
    settle(session)

    assert plans(session) == []


def test_two_questions_about_one_person_become_one(session: Session) -> None:
    who = build(session)
    decide(session, who, entry=Entry.PROPOSED)
    twin = factories.patient(session, "李测试", department_code="ENDO")
    both = (who, Ward(twin, who.account, who.link, who.nurse, who.doctor, who.team))
    for one in both:
        discharge(session, one)
    settle(session)
    found = session.scalars(select(EnrolmentProposal).filter_by(is_open=True)).all()
    assert len(found) == 2

    patient_index.merge(session, who.patient, twin, version="1", now=NOON)
    session.expire_all()

    assert waiting(session).patient_id == who.patient.id
