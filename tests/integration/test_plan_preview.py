"""What a plan will do to one patient equals what it then does."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.plans.enrolling import HoldReason
from app.domain.trust.access import Actor
from app.models import CarePlan, Task
from app.services.plans.enrolment import life, proposals
from app.services.plans.plan_expansion import HORIZON
from app.services.plans.plan_preview import calendar_of, preview_enrolment, preview_rest
from tests import settling
from tests.conftest import NOON
from tests.integration.ward import WORK, build

PLAN = "t2dm-after-discharge"
TODAY = NOON.astimezone(HOSPITAL).date()


@pytest.mark.parametrize("days", [0, 5])
def test_the_preview_is_what_the_calendar_becomes(
    session: Session, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    who = build(session)
    actor = Actor("practitioner", who.nurse.id, "test")
    anchor = TODAY - timedelta(days=days)
    told = preview_enrolment(session, who.patient.id, PLAN, anchor, NOON, HOSPITAL, HORIZON)
    assert told.before == ()
    assert told.difference.appear == told.after

    proposals.enrol_by_hand(session, who.patient, PLAN, anchor, who.team.id, actor, NOON, HOSPITAL)
    settling.settle(session, WORK)

    made = session.execute(select(Task.slot, Task.starts_at, Task.title))
    assert {tuple(row) for row in made} == {
        (one.slot, one.starts_at, one.title) for one in told.after
    }
    plan = session.scalars(select(CarePlan)).one()
    whole = calendar_of(session, who.patient.id, NOON, HOSPITAL)
    assert len(whole) > len(told.after)

    # A rest of a week takes its days away, and only those.
    first, last = TODAY + timedelta(days=7), TODAY + timedelta(days=13)
    rest = preview_rest(session, who.patient.id, plan.id, first, last, NOON, HOSPITAL)
    assert {one.day for one in rest.difference.vanish} == {
        first + timedelta(days=number) for number in range(7)
    }
    life.plan_hold(session, plan, HoldReason.TRAVEL, first, last, actor, NOON, TODAY)
    assert calendar_of(session, who.patient.id, NOON, HOSPITAL) == rest.after
    again = preview_enrolment(session, who.patient.id, PLAN, TODAY, NOON, HOSPITAL)
    assert {one.plan_key for one in again.after} == {PLAN}
