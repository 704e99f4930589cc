"""What counts from something else: asked for when it happens, moved and taken back with it."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.models import (
    Appointment,
    AppointmentStatus,
    EncounterClass,
    EncounterStatus,
    Event,
)
from app.services.plans import plan_expansion
from tests import factories
from tests.conftest import NOON
from tests.integration.plan_ward import action, on_plan, tasks_of
from tests.integration.ward import WORK
from tests.settling import settle

DAY = timedelta(days=1)


def test_tasks_follow_tasks_visits_and_bookings(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = on_plan(
        session,
        action("form", start="P1D", if_missed="call"),
        action("again", after={"action": "form"}, start="P2D", every="P2D", until="P4D"),
        action("call", kind="staff-task", after="missed", at=None),
        action("after-visit", after={"encounter": "outpatient"}, start="P1D"),
        action("bring", before="appointment", start="P1D"),
    )
    patient, now = plan.patient, NOON

    def pass_time(to: timedelta) -> dict[str, str]:
        nonlocal now
        now = NOON + to
        monkeypatch.setattr(clock, "now", lambda: now)
        plan_expansion.expand_plans(session, now, HOSPITAL)
        plan_expansion.open_due_tasks(session, now)
        plan_expansion.miss_past_tasks(session, now)
        settle(session, WORK)
        return {
            one.slot: f"{one.status} {one.starts_at:%m-%d %H:%M}" for one in tasks_of(session, plan)
        }

    assert pass_time(timedelta()) == {"form/2026-05-05": "requested 05-05 01:00"}

    # A visit that ended and one booked; the stay that began the plan counts for nothing.
    visit = factories.encounter(
        session, patient, encounter_class=EncounterClass.AMBULATORY,
        started_at=NOON + 2 * DAY, ended_at=NOON + 2 * DAY,
    )  # fmt: skip
    factories.encounter(session, patient, ended_at=NOON + 2 * DAY)  # inpatient: another class
    booking = Appointment(
        patient_id=patient.id, issuer="HIS", number="B1", number_hash=b"1" * 32,
        status=AppointmentStatus.BOOKED, starts_at=NOON + 9 * DAY, stamps={}, created_at=NOON,
    )  # fmt: skip
    session.add(booking)
    session.flush()
    session.add_all(
        [
            Event.of("encounter.finished", NOON, patient_id=patient.id, encounter_id=visit.id),
            Event.of("appointment.booked", NOON, patient_id=patient.id, appointment_id=booking.id),
        ]
    )
    form = tasks_of(session, plan)[0]
    session.add(form.complete(NOON + DAY))
    bring, visited = f"bring/a{booking.id}/0", f"after-visit/e{visit.id}/0"
    found = pass_time(2 * DAY)
    assert found == {
        "form/2026-05-05": "completed 05-05 01:00",
        f"again/t{form.id}/0": "requested 05-07 01:00",
        f"again/t{form.id}/1": "requested 05-09 01:00",
        visited: "requested 05-07 01:00",
        bring: "requested 05-12 01:00",
    }
    assert pass_time(2 * DAY) == found

    # The booking moves, and the visit turns out to be none.
    booking.starts_at = NOON + 12 * DAY
    visit.status = EncounterStatus.CANCELLED
    session.add_all(
        [
            Event.of("encounter.cancelled", NOON, patient_id=patient.id, encounter_id=visit.id),
            Event.of("appointment.booked", NOON, patient_id=patient.id, appointment_id=booking.id),
        ]
    )
    found = pass_time(2 * DAY)
    assert found[bring] == "requested 05-15 01:00"
    assert found[visited] == "cancelled 05-07 01:00"
    booking.status = AppointmentStatus.CANCELLED
    session.add(
        Event.of("appointment.cancelled", NOON, patient_id=patient.id, appointment_id=booking.id)
    )
    assert pass_time(2 * DAY)[bring] == "cancelled 05-15 01:00"
    assert len(tasks_of(session, plan)) == 5


def test_a_miss_calls_for_the_fallback_at_once_and_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = on_plan(
        session,
        action("form", if_missed="call", start="P1D"),
        action("call", kind="staff-task", after="missed", at=None),
    )
    plan_expansion.expand_plans(session, NOON, HOSPITAL)
    late = NOON + 2 * DAY
    monkeypatch.setattr(clock, "now", lambda: late)
    for _ in range(2):
        plan_expansion.miss_past_tasks(session, late)
        settle(session, WORK)
    form, call = tasks_of(session, plan)
    assert (form.status, call.slot) == ("missed", f"call/t{form.id}/0")
    assert (call.owner, call.starts_at) == ("staff", late)
