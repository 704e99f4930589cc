"""A plan whose days are over is completed by the clock, and one that may ask on is not."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.changes import Change
from app.domain.plans.enrolling import EndReason
from app.domain.plans.plan_schedule import TaskStatus
from app.models import CarePlan, CarePlanStatus, CarePlanStep, Event, StepKind
from app.services.plans import enrolment, plan_changes, plan_expansion
from app.services.plans.plan_changes import Told
from tests import factories
from tests.conftest import NOON
from tests.integration.plan_ward import ANCHOR, action, definition_of, on_plan, tasks_of

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
WEEK = action("daily", every="P1D", until="P6D")  # the last window closes on the 10th of May
AFTER = NOON + 7 * DAY


def night(session: Session, now: datetime) -> None:
    """Do what the clock does until then, and what it does in the night."""
    session.flush()
    plan_expansion.retime_plans(session, now, HOSPITAL)
    plan_expansion.expand_plans(session, now, HOSPITAL)
    plan_expansion.open_due_tasks(session, now)
    plan_expansion.miss_past_tasks(session, now)
    for over in enrolment.over_by_calendar(session, now.astimezone(HOSPITAL).date()):
        after = 0
        while after := enrolment.complete_plans(session, over, after, now, HOSPITAL, limit=2):
            pass
    session.flush()
    session.expire_all()


def follow(plan: CarePlan, *days: int) -> None:
    session = Session.object_session(plan)
    assert session is not None
    for number in days:
        night(session, NOON + number * DAY)


def test_plans_are_completed_after_their_last_day_with_step_and_event(session: Session) -> None:
    team, definition = factories.care_team(session), definition_of(session, WEEK)
    plans = [
        factories.care_plan(
            session, factories.patient(session), team, definition=definition,
            anchor_on=ANCHOR + later * DAY,
        )
        for later in (0, 0, 0, 1)
    ]  # fmt: skip
    follow(plans[0], 0, 3, 6)
    assert {plan.is_open for plan in plans} == {True}

    follow(plans[0], 7)  # the last window was missed this night: what follows may still come
    assert {plan.is_open for plan in plans} == {True}
    follow(plans[0], 8)

    assert [plan.is_open for plan in plans] == [None, None, None, True]
    over = plans[:3]
    assert {(one.status, one.end_reason, one.ended_at) for one in over} == {
        (CarePlanStatus.COMPLETED, EndReason.COMPLETED, NOON + 8 * DAY)
    }
    steps = session.scalars(select(CarePlanStep).order_by(CarePlanStep.care_plan_id)).all()
    assert [(one.care_plan_id, one.kind, one.reason, one.practitioner_id) for one in steps] == [
        (plan.id, StepKind.ENDED, EndReason.COMPLETED, None) for plan in over
    ]
    events = session.scalars(select(Event).filter_by(kind="care-plan.ended")).all()
    assert {(one.patient_id, one.payload["care_plan_id"]) for one in events} == {
        (plan.patient_id, plan.id) for plan in over
    }
    statuses = {task.status for plan in over for task in tasks_of(session, plan)}
    assert statuses == {TaskStatus.MISSED}
    follow(plans[0], 9)
    assert session.scalars(select(CarePlanStep)).all()[3].care_plan_id == plans[3].id


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (action("visit", after={"encounter": "any"}), {}),
        (action("late", start="P60D"), {}),
        (action("last", start="P6D", expires_after="P9D"), {}),
        (None, {"status": CarePlanStatus.ON_HOLD}),
        (None, {"hold_begins_on": date(2026, 6, 1)}),
    ],
    ids=["a-visit", "later", "a-window", "rests", "will-rest"],
)
def test_a_plan_that_may_ask_on_or_rests_stays(
    session: Session, more: dict[str, Any] | None, told: dict[str, Any]
) -> None:
    plan = on_plan(session, WEEK, *([more] if more else []))
    for name, value in told.items():
        setattr(plan, name, value)
    follow(plan, 0, 7, 9)
    assert (plan.is_open, plan.end_reason) == (True, None)


def test_a_plan_waits_for_what_was_moved_for_one_patient_or_for_all(session: Session) -> None:
    plan = on_plan(session, WEEK)
    other = factories.care_plan(
        session, factories.patient(session), factories.care_team(session),
        definition=plan.plan_definition, anchor_on=ANCHOR, created_at=NOON,
    )  # fmt: skip
    told = Told(factories.practitioner(session).id, "出差")
    shifted = factories.care_plan(
        session, factories.patient(session), factories.care_team(session),
        definition=plan.plan_definition, anchor_on=ANCHOR, created_at=NOON,
    )  # fmt: skip
    later = Change(shift_days=13)
    plan_changes.change_for_patient(session, shifted, "daily", later, told, NOON)
    change = Change(on=ANCHOR + 60 * DAY)
    plan_changes.change_for_patient(
        session, plan, "daily", change, told, NOON, slot=f"daily/{ANCHOR + DAY}"
    )
    follow(plan, 0, 6, 8)
    assert shifted.is_open
    follow(plan, 20, 21, 30)
    assert (plan.is_open, other.is_open, shifted.end_reason) == (True, None, EndReason.COMPLETED)
    assert len(tasks_of(session, shifted)) == 7
    follow(plan, 50, 59)
    assert [task.starts_at.date() for task in tasks_of(session, plan)][-1] == ANCHOR + 60 * DAY
    follow(plan, 61, 62)
    assert plan.end_reason is EndReason.COMPLETED

    third = factories.care_plan(
        session, factories.patient(session), factories.care_team(session),
        definition=plan.plan_definition, anchor_on=ANCHOR + 70 * DAY, created_at=NOON,
    )  # fmt: skip
    plan_changes.change_for_all(session, plan.plan_key, "daily", Change(shift_days=13), told, NOON)
    follow(third, 70, 76, 78, 80, 88)
    assert third.is_open
    follow(third, 90, 91)
    assert third.end_reason is EndReason.COMPLETED
