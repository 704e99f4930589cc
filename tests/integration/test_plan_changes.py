"""Changes of plans for a patient, a department and the hospital: seen in tasks, outliving packs."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.plans.changes import Change
from app.domain.profile.vital_signs import Limits, Measurement, VitalSign
from app.models import ActionChange, CarePlan, Task
from app.models.plans.task_history import history_of
from app.services.plans import plan_changes, plan_expansion
from app.services.plans.patient_tasks import task_in_full
from app.services.plans.plan_changes import ChangeNotPossible, NoSuchAction, Told
from app.services.profile.home_monitoring import record_measurement
from tests import factories
from tests.conftest import NOON
from tests.integration.plan_ward import ANCHOR, action, definition_of, on_plan, tasks_of
from tests.integration.ward import WORK
from tests.settling import settle

DAY = timedelta(days=1)
WALK = action("walk", start="P1D", every="P1D", until="P9D", instructions="慢慢走")
GLUCOSE = action(
    "glucose", kind="measurement", code="15074-8", start="P1D", every="P1D", until="P9D"
)


def told(session: Session, **more: datetime) -> Told:
    return Told(factories.practitioner(session).id, "患者上夜班", **more)


def lines(session: Session, plan: CarePlan, key: str) -> list[str]:
    tasks: Sequence[Task] = [one for one in tasks_of(session, plan) if one.slot.startswith(key)]
    return [
        f"{one.starts_at.astimezone(HOSPITAL):%d %H:%M} {one.title} {one.status}" for one in tasks
    ]


def test_a_patients_change_reaches_tasks_and_outlives_an_upgrade(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    plan = on_plan(session, WALK, GLUCOSE)
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    ordinary = lines(session, plan, "walk")
    assert len(ordinary) == 9
    until = datetime(2026, 5, 8, tzinfo=HOSPITAL)

    change = plan_changes.change_for_patient(
        session, plan, "walk", Change(at=time(16, 30), title="下午散步", instructions="带拐杖"),
        told(session, expires_at=until), NOON,
    )  # fmt: skip
    settle(session, WORK)
    changed = lines(session, plan, "walk")
    assert changed[:3] == [f"0{day} 16:30 下午散步 requested" for day in (5, 6, 7)]
    assert changed[3:] == ordinary[3:]
    walk = next(one for one in tasks_of(session, plan) if one.slot == "walk/2026-05-05")
    assert task_in_full(session, plan.patient_id, walk.public_id, NOON).instructions == "带拐杖"
    assert walk.remind_at == walk.starts_at
    assert [line.reason for line in history_of(session, walk)] == ["not-open-yet"] * 2  # it moved
    kept = session.get_one(ActionChange, change.id)
    assert (kept.reason, kept.created_at, kept.expires_at) == ("患者上夜班", NOON, until)

    # A new version of the plan has its own hours; the patient's stay until they end.
    newer = definition_of(session, {**WALK, "title": "多走走"}, GLUCOSE, version=2)
    plan.plan_definition_id, plan.stale_since = newer.id, NOON
    assert plan_expansion.retime_plans(session, NOON, HOSPITAL) == 1
    upgraded = lines(session, plan, "walk")
    assert upgraded[:3] == changed[:3]
    assert upgraded[3] == "08 09:00 多走走 requested"
    assert len(upgraded) == 9

    plan_changes.end_change(session, change.public_id, kept.author_id, NOON)
    settle(session, WORK)
    assert lines(session, plan, "walk")[0] == "05 09:00 多走走 requested"


def test_one_task_moves_or_is_left_out_and_may_come_back(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    plan = on_plan(session, WALK)
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    plan_changes.change_for_patient(
        session, plan, "walk", Change(on=date(2026, 5, 15), at=time(8)), told(session), NOON,
        slot="walk/2026-05-05",
    )  # fmt: skip
    out = plan_changes.change_for_patient(
        session, plan, "walk", Change(is_left_out=True), told(session), NOON,
        slot="walk/2026-05-06",
    )  # fmt: skip
    settle(session, WORK)
    tasks = {one.slot[-2:]: one for one in tasks_of(session, plan)}
    assert tasks["05"].starts_at == datetime(2026, 5, 15, 8, tzinfo=HOSPITAL)
    assert (tasks["06"].status, tasks["06"].status_reason) == ("cancelled", "rescheduled")
    plan_changes.end_change(session, out.public_id, out.author_id, NOON)
    settle(session, WORK)
    back = {one.slot[-2:]: one for one in tasks_of(session, plan)}["06"]
    assert (back.status, back.finished_at) == ("requested", None)
    assert len(tasks_of(session, plan)) == 9
    # Whoever fills the calendar again finds the change too, not the cohort's day.
    plan.expanded_until = None
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    assert tasks_of(session, plan)[-1].slot == "walk/2026-05-05"
    assert len(tasks_of(session, plan)) == 9


def test_a_department_changes_its_own_patients_and_the_hospital_all(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    endo = factories.care_team(session, department_code="ENDO")
    other = factories.care_team(session, department_code="CARD")
    first = on_plan(session, WALK, team=endo)
    second, late = (
        factories.care_plan(
            session, factories.patient(session), team, definition=first.plan_definition,
            anchor_on=ANCHOR,
        )
        for team in (other, endo)
    )  # fmt: skip
    for plan in (first, second):
        plan_expansion.expand_plans(session, NOON, HOSPITAL, patient_id=plan.patient_id)
    who = told(session)
    change = Change(at=time(15))
    plan_changes.change_for_all(
        session, "demo-plan", "walk", change, who, NOON, department_code="ENDO"
    )
    every = Change(title="每日散步", shift_days=1)
    plan_changes.change_for_all(session, "demo-plan", "walk", every, who, NOON)
    while plan_expansion.retime_plans(session, NOON, HOSPITAL, limit=1):
        session.flush()
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    for plan in (first, late):
        assert lines(session, plan, "walk")[0] == "06 15:00 每日散步 requested"
        assert len(lines(session, plan, "walk")) == 9
    assert lines(session, second, "walk")[0] == "06 09:00 每日散步 requested"


def test_a_patients_own_limits_decide_how_a_reading_is_read(session: Session) -> None:
    plan = on_plan(session, GLUCOSE)
    code = VitalSign.GLUCOSE

    def read() -> str | None:
        measured = Measurement(uuid4(), code, Decimal("11.0"), code.kind.unit, NOON)
        kept = record_measurement(session, plan.patient_id, measured, NOON)
        return kept.observation.interpretation

    assert read() == "H"
    plan_changes.change_for_patient(
        session, plan, "glucose", Change(limits=Limits(low=Decimal(4), high=Decimal(12))),
        told(session, expires_at=NOON + DAY), NOON,
    )  # fmt: skip
    assert read() == "N"


def test_what_a_plan_has_not_cannot_be_changed(session: Session) -> None:
    plan = on_plan(session, WALK)
    who = told(session)
    with pytest.raises(NoSuchAction):
        plan_changes.change_for_patient(session, plan, "swim", Change(at=time(9)), who, NOON)
    with pytest.raises(NoSuchAction):
        plan_changes.change_for_all(session, "demo-plan", "swim", Change(at=time(9)), who, NOON)
    with pytest.raises(ChangeNotPossible):
        plan_changes.change_for_patient(session, plan, "walk", Change(text="您好"), who, NOON)
    limits = Change(limits=Limits(high=Decimal(12)))
    with pytest.raises(ChangeNotPossible):
        plan_changes.change_for_all(session, "demo-plan", "walk", limits, who, NOON)
