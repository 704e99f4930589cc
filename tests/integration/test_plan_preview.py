"""What a plan will do to one patient equals what it then does."""

from datetime import time, timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.domain.plans.changes import Change
from app.domain.plans.enrolling import HoldReason
from app.domain.trust.access import Actor
from app.models import Appointment, AppointmentStatus, CarePlan, EncounterClass, Task
from app.services.plans import plan_changes, plan_expansion
from app.services.plans.enrolment import life, proposals
from app.services.plans.plan_changes import Told
from app.services.plans.plan_expansion import HORIZON
from app.services.plans.plan_preview import (
    calendar_of,
    preview_enrolment,
    preview_rest,
    undated_of,
)
from app.web import plan_labels
from tests import factories, settling
from tests.conftest import NOON
from tests.integration import plan_ward
from tests.integration.plan_ward import action
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


def test_a_preview_knows_the_patient_s_changes_visits_and_bookings(session: Session) -> None:
    plan = plan_ward.on_plan(
        session,
        action("daily", every="P1D", until="P6D"),
        action("dropped", start="P2D"),
        action("visit", start="P3D", after={"encounter": "outpatient"}),
        action("before", start="P1D", before="appointment"),
        action("then", start="P1D", after={"action": "daily"}),
        action("never", after={"action": "daily"}),
    )
    patient = plan.patient
    told = Told(factories.practitioner(session).id, "夜班")
    left_out = Change(is_left_out=True)
    for name, change in (
        ("daily", Change(at=time(15))), ("dropped", left_out), ("never", left_out),
    ):  # fmt: skip
        plan_changes.change_for_patient(session, plan, name, change, told, NOON)
    title = Change(title="门诊后电话")
    plan_changes.change_for_all(session, plan.plan_key, "visit", title, told, NOON)
    seen, booked = NOON - timedelta(hours=3), NOON + timedelta(days=9)
    factories.encounter(
        session, patient,
        encounter_class=EncounterClass.AMBULATORY, started_at=seen, ended_at=seen,
    )  # fmt: skip
    session.add(
        Appointment(
            patient_id=patient.id, issuer="HIS", number="Y1", starts_at=booked,
            number_hash=b"1" * 32,
            status=AppointmentStatus.BOOKED, created_at=NOON,
        )
    )  # fmt: skip
    session.flush()

    found = calendar_of(session, patient.id, NOON, HOSPITAL)

    at_three = [(f"daily/{TODAY + timedelta(days=number)}", "15:00") for number in range(7)]
    assert [(one.slot, f"{one.starts_at.astimezone(HOSPITAL):%H:%M}") for one in found[:7]] == [
        *at_three[:3], (found[3].slot, "09:00"), *at_three[3:6],
    ]  # fmt: skip
    assert [(one.number, one.title) for one in found if one.slot.split("/")[0] != "daily"] == [
        (3, "门诊后电话"), (8, "before"),
    ]  # fmt: skip
    undated = undated_of(session, patient.id, NOON)
    assert [(one.title, plan_labels.waits_for(one)) for one in undated] == [
        ("门诊后电话", "每次门诊后"), ("before", "每次预约就诊前"), ("then", "“daily”完成后"),
    ]  # fmt: skip
    # And the tasks are those.
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    made = session.execute(select(Task.slot, Task.starts_at, Task.title))
    assert {tuple(row) for row in made} == {(one.slot, one.starts_at, one.title) for one in found}


def test_who_begins_anew_keeps_what_was_changed_for_them(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    who = build(session)
    actor = Actor("practitioner", who.nurse.id, "test")
    begin = partial(
        proposals.enrol_by_hand, session, who.patient, PLAN,
        care_team_id=who.team.id, actor=actor, now=NOON, zone=HOSPITAL,
    )  # fmt: skip
    first = begin(anchor_on=TODAY - timedelta(days=5))
    told = Told(who.nurse.id, "习惯早起")
    early = Change(at=time(4, 30))
    plan_changes.change_for_patient(session, first, "glucose-fasting", early, told, NOON)

    preview = preview_enrolment(
        session, who.patient.id, PLAN, TODAY, NOON, HOSPITAL, HORIZON, care_team_id=who.team.id
    )

    again = begin(anchor_on=TODAY)
    settling.settle(session, WORK)
    made = session.execute(select(Task.slot, Task.starts_at).filter_by(care_plan_id=again.id))
    assert {tuple(row) for row in made} == {(one.slot, one.starts_at) for one in preview.after}
    fasting = [one.starts_at for one in preview.after if one.slot.startswith("glucose-fasting")]
    assert {f"{at.astimezone(HOSPITAL):%H:%M}" for at in fasting} == {"04:30"}
