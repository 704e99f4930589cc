"""Weeks without a clock: what was missed is counted, and nobody is told of it late."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.plans.changes import ChangeScope
from app.domain.plans.plan_schedule import TaskStatus
from app.models import ActionChange, CarePlan, Communication, Task
from app.services.outreach import patient_notices
from app.services.plans import plan_expansion
from tests import factories
from tests.conftest import NOON
from tests.integration.plan_ward import action, on_plan, tasks_of
from tests.integration.ward import GLUCOSE, OUTLETS, WORK, build
from tests.settling import settle

DAY = timedelta(days=1)
DAILY = {"start": "P1D", "every": "P1D", "until": "P60D"}


def start_the_clock(session: Session, now: datetime) -> None:
    """Do what the timetable's lines do when the process is back, in the worst order."""
    plan_expansion.expand_plans(session, now, HOSPITAL)
    plan_expansion.open_due_tasks(session, now)
    patient_notices.remind_of_tasks(session, now, HOSPITAL, OUTLETS)
    patient_notices.send_messages(session, now, HOSPITAL, OUTLETS)
    plan_expansion.miss_past_tasks(session, now)
    settle(session, WORK)


@pytest.fixture
def plan(session: Session) -> CarePlan:
    ward = build(session)
    plan = on_plan(
        session,
        action("measure", kind="measurement", code=GLUCOSE, **DAILY),
        action("news", kind="message", text="今天天气好", **DAILY),
        action("perhaps", only_when={"tag": {"key": "smoker"}}, **DAILY),
        patient=ward.patient, team=ward.team,
    )  # fmt: skip
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    return plan


def of(session: Session, plan: CarePlan, key: str) -> dict[str, TaskStatus]:
    tasks = tasks_of(session, plan)
    return {one.slot.partition("/")[2]: one.status for one in tasks if one.slot.startswith(key)}


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_no_clock_asked_for_counts_as_missed_and_is_told_to_nobody(
    session: Session, plan: CarePlan, is_changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_changed:
        author = factories.practitioner(session)
        session.add(
            ActionChange(
                scope=ChangeScope.PATIENT, patient_id=plan.patient_id, plan_key=plan.plan_key,
                action_key="news", change='{"at": "09:30"}', reason="起得晚", author_id=author.id,
                created_at=NOON,
            )
        )  # fmt: skip
    measured = NOON + 20 * DAY
    factories.observation(session, plan.patient, "6.1", measured)
    back = NOON + 30 * DAY
    monkeypatch.setattr(clock, "now", lambda: back)

    start_the_clock(session, back)
    start_the_clock(session, back)

    found = of(session, plan, "measure")
    days = {f"{(NOON + n * DAY).astimezone(HOSPITAL):%Y-%m-%d}" for n in range(1, 30)}
    missed = {day for day, status in found.items() if status is TaskStatus.MISSED}
    assert days - missed == {f"{measured.astimezone(HOSPITAL):%Y-%m-%d}"}
    assert found["2026-06-03"] is TaskStatus.READY  # today's can still be done
    late = session.scalars(select(Task).where(Task.slot == "measure/2026-05-30")).one()
    assert (late.finished_at, late.remind_at) == (late.ends_at, None)
    # Whether it was needed nobody knows; what there was to say is stale.
    for key in ("perhaps", "news"):
        assert not {f"2026-05-{day}" for day in range(20, 32)} & set(of(session, plan, key))
    told = session.scalars(
        select(Task.slot).join(Communication, Communication.task_id == Task.id).distinct()
    ).all()
    assert sorted(told) == ["measure/2026-06-03", "news/2026-06-03"]
