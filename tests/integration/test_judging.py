"""Conditions looked at when due, waiting, messages, and why a task stands as it does."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState
from app.domain.plans.changes import Change
from app.models import CarePlan, Communication, Event, Task
from app.models.plans.task_history import history_of
from app.services.outreach import outbox, patient_notices
from app.services.plans import plan_changes, plan_expansion
from app.services.plans.patient_tasks import NotYetOpen, complete_task, tasks_on
from app.services.plans.plan_changes import Told
from jobs import chores
from tests import factories
from tests.conftest import NOON
from tests.integration import ward
from tests.integration.plan_ward import action, on_plan, tasks_of
from tests.integration.ward import OUTLETS, WORK
from tests.settling import settle

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
HIGH = {
    "latest": {
        "code": "15074-8", "op": ">=", "value": 10, "unit": "mmol/L", "within": "P7D",
    }
}  # fmt: skip
Turn = Callable[[CarePlan, timedelta], dict[str, Task]]


@pytest.fixture
def turn(session: Session, monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Let the clock stand so long after noon, do its minute's work, and react."""

    def turned(plan: CarePlan, to: timedelta) -> dict[str, Task]:
        now = NOON + to
        monkeypatch.setattr(clock, "now", lambda: now)
        plan_expansion.expand_plans(session, now, HOSPITAL)
        settle(session, WORK)
        plan_expansion.open_due_tasks(session, now)
        while plan_expansion.judge_due_tasks(session, now, HOSPITAL):
            session.flush()
        patient_notices.send_messages(session, now, HOSPITAL, OUTLETS)
        patient_notices.remind_of_tasks(session, now, HOSPITAL, OUTLETS)
        plan_expansion.miss_past_tasks(session, now)
        return {task.slot.split("/")[0]: task for task in tasks_of(session, plan)}

    return turned


def measured(session: Session, plan: CarePlan, value: str, after: timedelta) -> None:
    at = NOON + after
    row = factories.observation(session, plan.patient, value, at)
    told = Event.of("observation.recorded", at, patient_id=plan.patient_id, observation_id=row.id)
    session.add(told)
    session.flush()


def test_what_is_asked_only_on_a_condition_is_judged_when_due(session: Session, turn: Turn) -> None:
    plan = on_plan(
        session,
        action("high", start="P1D", only_when=HIGH),
        action("low", start="P1D", only_when={"not": HIGH}),
    )
    measured(session, plan, "11.5", HOUR)
    before = turn(plan, HOUR)
    assert {task.status_reason for task in before.values()} == {"to-be-judged"}
    listed, _ = tasks_on(session, plan.patient_id, clock.today(), None, NOON)
    assert not listed

    found = turn(plan, DAY - 3 * HOUR)
    assert (found["high"].status, found["high"].status_reason) == ("ready", "open")
    assert found["high"].starts_at == NOON + DAY - 3 * HOUR
    assert found["high"].reminders == 1
    assert (found["low"].status, found["low"].status_reason) == ("cancelled", "not-needed")
    asked, done = history_of(session, found["high"])
    assert (asked.status, done.status) == ("requested", "ready")
    assert "11.5 mmol/L" in (done.because or "")
    assert "条件不成立" in (history_of(session, found["low"])[-1].because or "")
    # A later look at the plan changes nothing of what was decided.
    plan.expanded_until = None
    again = turn(plan, DAY - 2 * HOUR)
    assert again["low"].status == "cancelled"
    assert again["high"].status == "ready"


def test_a_step_waits_for_its_condition_or_until_it_is_over(session: Session, turn: Turn) -> None:
    wait = {"when": HIGH, "at_most": "P3D"}
    plan = on_plan(
        session,
        action("then", wait_for=wait),
        action("skipped", wait_for={**wait, "at_most": "PT12H", "in_vain": "skip"}),
        action("anyway", wait_for={**wait, "at_most": "PT12H"}),
    )
    found = turn(plan, timedelta())
    assert {task.status_reason for task in found.values()} == {"waiting"}
    assert found["then"].remind_at is None
    with pytest.raises(NotYetOpen):
        complete_task(session, plan.patient_id, found["then"].public_id, NOON)

    found = turn(plan, 9 * HOUR)  # 21:00, twelve hours after nine
    assert (found["skipped"].status, found["skipped"].status_reason) == ("cancelled", "in-vain")
    assert (found["anyway"].status, found["then"].status_reason) == ("ready", "waiting")

    # A reading wakes what waits: its window begins now, not when it was planned.
    measured(session, plan, "12.0", 30 * HOUR)
    found = turn(plan, 30 * HOUR)
    then = found["then"]
    assert (then.status, then.starts_at) == ("ready", NOON + 30 * HOUR)
    assert (then.due_at - then.starts_at, then.ends_at - then.starts_at) == (2 * HOUR, 8 * HOUR)
    told = [(line.status, line.reason) for line in history_of(session, then)]
    assert told == [("requested", "not-open-yet"), ("requested", "waiting"), ("ready", "open")]
    assert turn(plan, 39 * HOUR)["then"].status == "missed"
    assert history_of(session, then)[-1].reason == "expired"


def test_a_message_is_told_at_its_hour_and_is_nobodys_task(session: Session, turn: Turn) -> None:
    people = ward.build(session)
    ward.grant(session, people, 1)
    plan = on_plan(
        session,
        action("hello", kind="message", text="欢迎回家。有不舒服请随时告诉我们。", start="P1D"),
        action("later", after={"action": "hello"}, start="P1D"),
        patient=people.patient,
        team=people.team,
    )
    found = turn(plan, DAY - 4 * HOUR)
    assert found["hello"].owner == "clock"
    assert not session.scalars(select(Communication.id).filter_by(task_id=found["hello"].id)).all()
    found = turn(plan, DAY - 3 * HOUR)
    assert (found["hello"].status, found["hello"].status_reason) == ("completed", "sent")
    sent = session.scalars(
        select(Communication).filter_by(task_id=found["hello"].id).order_by(Communication.id)
    ).all()
    assert [one.channel for one in sent] == [Channel.INBOX, Channel.SUBSCRIPTION]
    assert json.loads(sent[0].content or "")["text"].startswith("欢迎回家")
    assert "欢迎回家" not in (sent[1].content or "")  # the lock screen has other words
    turn(plan, DAY)
    assert len(tasks_of(session, plan)) == 2
    assert turn(plan, DAY)["later"].starts_at == NOON + 2 * DAY - 3 * HOUR
    # Done as it is, the outbox still sends what it queued.
    outbox.claim(session, NOON + DAY)
    session.refresh(sent[1])
    assert sent[1].state is CommunicationState.CLAIMED
    listed, _ = tasks_on(session, people.patient.id, (NOON + DAY).date(), None, NOON + DAY)
    assert [line.title for line in listed] == []


def test_the_clocks_chores_do_it_in_transactions_of_their_own(database: Engine) -> None:
    with unit_of_work.begin() as session:
        plan = on_plan(
            session,
            action("hello", kind="message", text="您好"),
            action("asked", only_when={"not": HIGH}),
            action("left", only_when=HIGH),
            action("walk", start="P1D"),
        )
        author = factories.practitioner(session).id
    chores.expand_plans(WORK, NOON)
    with unit_of_work.begin() as session:
        told = Told(author, "上夜班")
        plan_changes.change_for_patient(session, plan, "walk", Change(title="慢走"), told, NOON)
    for chore in (chores.retime_plans, chores.judge_due_tasks, chores.open_due_tasks,
                  chores.send_plan_messages, chores.miss_past_tasks):  # fmt: skip
        chore(WORK, NOON)
        chore(WORK, NOON)
    with unit_of_work.begin() as session:
        found = {task.slot.split("/")[0]: task for task in tasks_of(session, plan)}
    assert {key: task.status.value for key, task in found.items()} == {
        "hello": "completed", "asked": "ready", "left": "cancelled", "walk": "requested",
    }  # fmt: skip
    assert found["walk"].title == "慢走"
