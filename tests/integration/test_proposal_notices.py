"""A team hears once a day that somebody might join a plan."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.outreach.messaging import Channel
from app.domain.plans.enrolling import DeclineReason, Way
from app.domain.trust.access import Actor, StaffRole
from app.models import (
    CareTeam,
    Communication,
    EnrolmentProposal,
    EnrolmentStatus,
    Patient,
)
from app.services.plans.enrolment import proposals
from app.services.staff.proposal_notices import tell_of_proposals
from tests import factories
from tests.conftest import NOON
from tests.integration.ward import OUTLETS

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)


def propose(session: Session, team: CareTeam, patient: Patient | None = None) -> EnrolmentProposal:
    proposal = EnrolmentProposal(
        patient_id=(patient or factories.patient(session)).id, plan_key="demo-plan",
        care_team_id=team.id, kind=Way.SEGMENT, reason="属于人群", proposed_at=NOON,
    )  # fmt: skip
    session.add(proposal)
    session.flush()
    return proposal


def tell(session: Session, days: float = 0) -> int:
    return tell_of_proposals(session, NOON + days * DAY, HOSPITAL, OUTLETS)


def sent(session: Session) -> Sequence[tuple[list[str], str]]:
    rows = session.scalars(
        select(Communication).filter_by(kind="enrolment-notice").order_by(Communication.id)
    ).all()
    assert {(row.channel, row.patient_id) for row in rows} <= {(Channel.WECOM_TEXT, None)}
    told = [json.loads(row.content or "") for row in rows]
    return [(one["userids"], one["text"]) for one in told]


def test_each_team_hears_once_a_day_of_what_is_new(session: Session) -> None:
    endo, heart = factories.care_team(session, "内分泌"), factories.care_team(session, "心内")
    nurse = factories.practitioner(session, "nurse", teams=[endo])
    factories.practitioner(session, "doctor", teams=[endo], role=StaffRole.DOCTOR)
    factories.practitioner(session, "gone", teams=[endo], is_active=False)
    factories.practitioner(session, "operator", teams=[endo], role=StaffRole.OPERATOR)
    first, *_ = [propose(session, endo) for _ in range(3)]
    propose(session, heart)  # where nobody can be told

    assert [tell(session), tell(session), tell(session, 1)] == [1, 0, 0]
    text = (
        "05-04 待加入计划：“内分泌”有 3 条新的，共 3 条等待确认。"
        f"请打开查看：{OUTLETS.public_url}/wecom/enrolments"
    )
    assert sent(session) == [(["nurse", "doctor"], text)]

    by = Actor("practitioner", nurse.id, "test")
    proposals.decline(session, first.public_id, DeclineReason.OTHER, by, NOON)
    propose(session, endo)
    factories.practitioner(session, "cardiologist", teams=[heart], role=StaffRole.DOCTOR)
    assert [tell(session), tell(session, 1)] == [1, 1]  # the first only of the heart team's
    assert [(who, text[:5], text.partition("有 ")[2][:12]) for who, text in sent(session)[1:]] == [
        (["cardiologist"], "05-04", "1 条新的，共 1 条等"),
        (["nurse", "doctor"], "05-05", "1 条新的，共 3 条等"),
    ]
    assert proposals.count_proposals(session, by) == 3


def test_what_was_settled_or_is_of_a_retired_record_is_not_told(session: Session) -> None:
    team = factories.care_team(session)
    nurse = factories.practitioner(session, "nurse", teams=[team])
    propose(session, team).settle(EnrolmentStatus.WITHDRAWN, NOON, None)
    head = factories.patient(session)
    propose(session, team, factories.patient(session, merged_into_id=head.id))

    assert tell(session) == 0
    assert proposals.count_proposals(session, Actor("practitioner", nurse.id, "test")) == 0
