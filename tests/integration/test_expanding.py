"""Calendars filled by cohort: what each plan asks for, made once, by the database."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.plan import parse_action
from app.domain.plans.plan_schedule import occurrences
from app.models import CarePlan, CarePlanStatus, PlanSlot, Task
from app.models.plans.calendar_day import hospital_almanac
from app.services.plans import plan_expansion
from app.services.plans.plan_expansion import Cohort, batches
from tests import factories
from tests.conftest import NOON
from tests.integration.plan_ward import ANCHOR, action, definition_of, tasks_of

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
ACTIONS: tuple[dict[str, Any], ...] = (
    action("daily", every="P1D", until="P60D", kind="measurement", code="15074-8", at="05:00",
           remind_at="07:00"),
    action("weekly", rule="FREQ=WEEKLY;BYDAY=MO,TH", until="P60D"),
    action("call", kind="staff-task", start="P5D", on_free_day="next"),
    action("hello", kind="message", text="您好", start="P2D"),
    action("maybe", start="P3D", only_when={"condition": {"code": "E11"}}),
    action("over", start="P0D", at="00:10", due_after="PT1H", expires_after="PT1H"),
)  # fmt: skip


def test_every_plan_gets_what_it_asks_for_and_nothing_twice(session: Session) -> None:
    team, definition = factories.care_team(session), definition_of(session, *ACTIONS)
    plans = [
        factories.care_plan(
            session, factories.patient(session), team, definition=definition,
            anchor_on=ANCHOR - (number % 3) * DAY,
        )
        for number in range(7)
    ]  # fmt: skip
    resting = factories.care_plan(
        session, factories.patient(session), team, definition=definition,
        status=CarePlanStatus.ON_HOLD, anchor_on=ANCHOR,
    )  # fmt: skip
    # One slot is there already, moved by hand: it stays as it is.
    factories.task(session, plans[0].patient, plans[0], slot="call/2026-05-09", title="已改")

    cohorts = plan_expansion.due_cohorts(session, NOON)
    assert [one.plans for one in cohorts] == [2, 2, 3]
    turns = 0
    while plan_expansion.expand_plans(session, NOON, HOSPITAL, limit=4):
        turns += 1
    assert turns == 2
    until = plan_expansion.horizon(NOON, HOSPITAL)
    almanac, actions = hospital_almanac(session), [parse_action(one) for one in ACTIONS]
    for plan in plans:
        since = datetime.combine(plan.anchor_on, time.min, HOSPITAL)
        expected = {
            slot.slot: slot
            for one in actions
            for slot in occurrences(one, plan.anchor_on, HOSPITAL, since, until, almanac)
            if slot.expires_at > NOON
        }
        made = {task.slot: task for task in tasks_of(session, plan)}
        assert made.keys() == expected.keys() | ({"call/2026-05-09"} & made.keys())
        for slot, task in made.items():
            if task.title == "已改":
                continue
            one = expected[slot]
            assert (task.starts_at, task.due_at, task.ends_at) == (
                one.starts_at, one.due_at, one.expires_at,
            )  # fmt: skip
            assert task.patient_id == plan.patient_id
            announced = task.owner == "patient" and not task.slot.startswith("maybe")
            assert task.remind_at == (one.remind_at if announced else None)
            assert task.judge_at == (one.starts_at if task.slot.startswith("maybe") else None)
        assert plan.expanded_until == until
    assert tasks_of(session, resting) == []
    by_owner = {task.slot: task.owner for task in session.scalars(select(Task))}
    assert {by_owner["call/2026-05-08"], by_owner["hello/2026-05-06"]} == {"staff", "clock"}
    assert not any(slot.startswith("over/2026-05-04") for slot in by_owner)
    names = session.scalars(select(Task.public_id)).all()
    assert len(set(names)) == len(names)
    assert all(16 <= len(name) <= 32 for name in names)
    assert session.scalar(select(func.count()).select_from(PlanSlot)) == 0

    # The next day nothing runs short; a week later all of it, from where it ended.
    assert plan_expansion.expand_plans(session, NOON + DAY, HOSPITAL) == 0
    later = NOON + 8 * DAY
    assert plan_expansion.expand_plans(session, later, HOSPITAL) == 7
    assert plan_expansion.expand_plans(session, later, HOSPITAL) == 0
    for plan in plans:
        slots = [task.slot for task in tasks_of(session, plan)]
        assert sum(slot.startswith("daily/") for slot in slots) == 23  # 4 to 26 May
        assert len(slots) == len(set(slots))
    other = session.scalars(select(CarePlan).where(CarePlan.id == resting.id)).one()
    assert other.expanded_until is None


def test_one_patients_plan_may_be_filled_alone(session: Session) -> None:
    team, definition = factories.care_team(session), definition_of(session, *ACTIONS)
    first, second = (
        factories.care_plan(
            session, factories.patient(session), team, definition=definition, anchor_on=ANCHOR
        )
        for _ in range(2)
    )
    assert plan_expansion.expand_plans(session, NOON, HOSPITAL, patient_id=second.patient_id) == 1
    assert tasks_of(session, first) == []
    assert tasks_of(session, second)


def test_cohorts_are_taken_together_up_to_a_limit() -> None:
    cohorts = [Cohort(1, ANCHOR, 1, None, plans) for plans in (3, 4, 9, 1)]
    assert [[one.plans for one in batch] for batch in batches(cohorts, 8)] == [[3, 4], [9], [1]]
    assert list(batches([], 8)) == []
