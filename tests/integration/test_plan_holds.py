"""A plan begun: it rests, goes on from today, changes hands and ends, each with who and why."""

import time
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import CommunicationState
from app.domain.plans.changes import Change
from app.domain.plans.enrolling import EndReason, HoldReason
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.trust.access import Actor, Relation
from app.domain.trust.consenting import CURRENT_TEXTS, ConsentPurpose
from app.models import (
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Communication,
    Encounter,
    EncounterClass,
    EncounterStatus,
    EnrolmentProposal,
    Event,
    Patient,
    PatientLink,
    StepKind,
    Task,
    WeChatAccount,
)
from app.services.outreach import patient_notices
from app.services.plans import plan_changes, plan_expansion
from app.services.plans.enrolment import life, turn_holds
from app.services.plans.enrolment.errors import NotInThisState
from app.services.plans.plan_changes import Told
from app.services.trust.binding import end_link
from app.services.trust.patient_consents import record_consent
from jobs.workers import Crew, Worker, react_to_events
from tests import factories, settling
from tests.conftest import NOON
from tests.integration import plan_ward
from tests.integration.ward import OUTLETS, WORK, Ward, build, discharge, grant

TODAY = NOON.astimezone(HOSPITAL).date()
PENDING = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)
UNSENT = (CommunicationState.QUEUED, CommunicationState.HELD)
DAY = timedelta(days=1)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands at noon until a test moves it."""
    found = [NOON]
    monkeypatch.setattr(clock, "now", lambda: found[0])
    return found


def settle(session: Session) -> None:
    settling.settle(session, WORK)


def on_plan(session: Session) -> tuple[Ward, CarePlan]:
    who = build(session)
    discharge(session, who)
    settle(session)
    return who, session.scalars(select(CarePlan)).one()


def by(who: Ward) -> Actor:
    return Actor("practitioner", who.nurse.id, "test")


def pending(session: Session) -> list[Task]:
    session.flush()
    session.expire_all()
    query = select(Task).where(Task.status.in_(PENDING)).order_by(Task.starts_at, Task.id)
    return list(session.scalars(query))


def steps(session: Session) -> list[tuple[str, str | None]]:
    rows = session.execute(select(CarePlanStep.kind, CarePlanStep.reason).order_by(CarePlanStep.id))
    return [(row.kind, row.reason) for row in rows]


def test_a_rest_takes_back_what_is_pending_and_goes_on_from_today(
    session: Session, hands: list[datetime]
) -> None:
    who, plan = on_plan(session)
    before = {task.slot: task.remind_at for task in pending(session)}
    life.hold_plan(
        session, plan, HoldReason.TRAVEL, by(who), NOON, until=TODAY + 4 * DAY, note="回老家"
    )
    settle(session)
    assert pending(session) == []
    reasons = set(session.scalars(select(Task.status_reason)))
    assert reasons == {TaskReason.TRAVEL}
    assert patient_notices.remind_of_tasks(session, NOON + DAY, HOSPITAL, OUTLETS) == 0
    with pytest.raises(NotInThisState):
        life.hold_plan(session, plan, HoldReason.CLINICAL, by(who), NOON)

    assert turn_holds(session, NOON + 4 * DAY, HOSPITAL) == 0  # the last day is a day of rest
    back = hands[0] = NOON + 5 * DAY
    assert turn_holds(session, back, HOSPITAL) == 1
    settle(session)

    assert plan.status is CarePlanStatus.ACTIVE
    again = pending(session)
    begins = datetime.combine(TODAY + 5 * DAY, datetime.min.time(), HOSPITAL)
    assert again
    assert all(task.starts_at >= begins for task in again)
    kept = {task.slot: task.remind_at for task in again if task.slot in before}
    assert kept
    assert all(before[slot] == at for slot, at in kept.items())
    slots = session.scalars(select(Task.slot)).all()
    assert len(slots) == len(set(slots))
    assert session.scalar(
        select(func.count()).where(
            Task.status == TaskStatus.CANCELLED, Task.remind_at.is_not(None)
        )
    ) == 0  # fmt: skip
    plan_expansion.expand_plans(session, back, HOSPITAL)
    assert len(pending(session)) == len(again)
    assert steps(session) == [
        (StepKind.STARTED, "criteria"), (StepKind.HELD, "travel"), (StepKind.RESUMED, "travel"),
    ]  # fmt: skip
    held = session.scalars(select(CarePlanStep).filter_by(kind=StepKind.HELD)).one()
    assert (held.note, held.practitioner_id) == ("回老家", who.nurse.id)


def test_what_began_in_a_long_rest_is_not_asked_for_though_its_window_is_open(
    session: Session, hands: list[datetime]
) -> None:
    plan = plan_ward.on_plan(
        session, plan_ward.action("weekly", every="P7D", until="P91D", expires_after="P7D")
    )
    clock_turns(session, NOON)
    settle(session)
    assert len(pending(session)) == 3
    life.hold_plan(session, plan, HoldReason.TRAVEL, life.BY_CLOCK, NOON)
    settle(session)

    hands[0] = NOON + 31 * DAY  # a Thursday: Monday's week is not over
    life.resume_plan(session, plan, life.BY_CLOCK, hands[0], HOSPITAL)
    settle(session)
    clock_turns(session, hands[0])

    assert [task.slot for task in pending(session)] == ["weekly/2026-06-08", "weekly/2026-06-15"]
    told = Told(factories.practitioner(session).id, "说得更清楚")
    plan_changes.change_for_patient(session, plan, "weekly", Change(title="每周"), told, hands[0])
    clock_turns(session, hands[0])
    assert len(pending(session)) == 2


def clock_turns(session: Session, now: datetime) -> None:
    plan_expansion.retime_plans(session, now, HOSPITAL)
    plan_expansion.expand_plans(session, now, HOSPITAL)


@pytest.mark.usefixtures("hands")
def test_a_travel_told_beforehand_begins_on_its_day(session: Session) -> None:
    who, plan = on_plan(session)
    first, last = TODAY + 3 * DAY, TODAY + 6 * DAY
    with pytest.raises(NotInThisState):
        life.plan_hold(session, plan, HoldReason.TRAVEL, last, first, by(who), NOON, TODAY)
    life.plan_hold(session, plan, HoldReason.TRAVEL, first, last, by(who), NOON, TODAY)
    assert plan.status is CarePlanStatus.ACTIVE
    assert turn_holds(session, NOON + 2 * DAY, HOSPITAL) == 0
    assert turn_holds(session, NOON + 3 * DAY, HOSPITAL) == 1
    assert (plan.status, plan.hold_ends_on) == (CarePlanStatus.ON_HOLD, last)
    assert turn_holds(session, NOON + 3 * DAY, HOSPITAL) == 0

    stay = factories.encounter(
        session, who.patient, status=EncounterStatus.IN_PROGRESS, ended_at=None
    )
    assert turn_holds(session, NOON + 7 * DAY, HOSPITAL) == 1
    assert (plan.status, plan.hold_reason) == (CarePlanStatus.ON_HOLD, HoldReason.ADMISSION)
    assert turn_holds(session, NOON + 7 * DAY, HOSPITAL) == 0
    stay.status = EncounterStatus.FINISHED

    life.resume_plan(session, plan, by(who), NOON + 4 * DAY, HOSPITAL)
    life.plan_hold(session, plan, HoldReason.TRAVEL, last, None, by(who), NOON, TODAY)
    life.resume_plan(session, plan, by(who), NOON, HOSPITAL)  # taken back before it began
    assert turn_holds(session, NOON + 9 * DAY, HOSPITAL) == 0


def test_a_stay_that_ends_without_a_new_beginning_lets_the_plan_go_on(
    session: Session, hands: list[datetime]
) -> None:
    who, plan = on_plan(session)
    stay = Encounter(
        patient_id=who.patient.id, issuer="HIS", visit_number="ZY2", started_at=NOON,
        encounter_class=EncounterClass.INPATIENT, status=EncounterStatus.IN_PROGRESS,
        department_code="ENDO", created_at=NOON,
    )  # fmt: skip
    session.add(stay)
    session.flush()
    told = {"patient_id": who.patient.id, "encounter_id": stay.id}
    session.add(Event.of("encounter.started", NOON, **told))
    settle(session)
    assert (plan.status, plan.hold_reason) == (CarePlanStatus.ON_HOLD, HoldReason.ADMISSION)

    hands[0] = NOON + 2 * DAY
    stay.status = EncounterStatus.CANCELLED  # the admission was a mistake
    session.add(Event.of("encounter.cancelled", hands[0], **told))
    settle(session)

    session.refresh(plan)
    assert (plan.status, plan.hold_reason) == (CarePlanStatus.ACTIVE, None)
    assert pending(session)


@pytest.mark.usefixtures("hands")
def test_another_team_takes_over_and_the_history_names_both(session: Session) -> None:
    who, plan = on_plan(session)
    tasks = len(pending(session))
    other = factories.care_team(session, "社区卫生服务中心")
    life.transfer_plan(session, plan, other, by(who), NOON, note="搬家")

    assert plan.care_team_id == other.id
    assert len(pending(session)) == tasks
    step = session.scalars(select(CarePlanStep).filter_by(kind=StepKind.TRANSFERRED)).one()
    assert step.detail == {"team_before": who.team.id, "team_after": other.id}
    with pytest.raises(NotInThisState):
        life.transfer_plan(session, plan, other, by(who), NOON)
    life.end_plan(session, plan, EndReason.TRANSFERRED, by(who), NOON)
    assert pending(session) == []
    with pytest.raises(NotInThisState):
        life.end_plan(session, plan, EndReason.COMPLETED, by(who), NOON)


@pytest.mark.parametrize("relation", [Relation.SELF, Relation.PARENT])
def test_a_no_ends_everything_when_it_is_the_patient_s_or_everybody_s(
    session: Session, hands: list[datetime], relation: Relation
) -> None:
    who, plan = on_plan(session)
    who.link.relation = relation
    other = WeChatAccount(app_key="patient", openid="oSpouse", created_at=NOON, last_seen_at=NOON)
    session.add(other)
    session.flush()
    session.add(
        PatientLink(account_id=other.id, patient_id=who.patient.id, relation=Relation.SPOUSE,
                    evidence="desk-code", starts_at=NOON)
    )  # fmt: skip
    text = CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version
    about = (ConsentPurpose.HEALTH_DATA,)
    for account in (who.account, other):
        record_consent(session, who.patient.id, account.id, *about, True, text, NOON)
    record_consent(session, who.patient.id, other.id, *about, False, text, NOON)
    settle(session)
    assert plan.is_open

    if relation is Relation.SELF:
        record_consent(session, who.patient.id, other.id, *about, True, text, NOON)
        record_consent(session, who.patient.id, who.account.id, *about, False, text, NOON)
    else:
        end_link(session, who.account.id, who.patient.id, NOON)
    settle(session)

    session.refresh(plan)
    assert (plan.is_open, plan.end_reason) == (None, EndReason.OPTED_OUT)
    assert pending(session) == []
    # A machine neither begins it again nor asks to, not even after a new discharge.
    hands[0] = NOON + 20 * DAY
    discharge(session, who, hands[0])
    settle(session)
    assert session.scalar(select(func.count()).select_from(CarePlan)) == 1
    assert session.scalar(select(func.count()).select_from(EnrolmentProposal)) == 0


def test_a_no_to_messages_takes_back_only_what_waits_to_be_sent(
    session: Session, hands: list[datetime]
) -> None:
    who, plan = on_plan(session)
    grant(session, who, 3)
    evening = NOON.replace(hour=11)  # 19:00 at the hospital
    patient_notices.remind_of_tasks(session, evening, HOSPITAL, OUTLETS)
    unsent = select(func.count()).where(Communication.state.in_(UNSENT))
    assert session.scalar(unsent)
    text = CURRENT_TEXTS[ConsentPurpose.MESSAGES].version
    record_consent(
        session, who.patient.id, who.account.id, ConsentPurpose.MESSAGES, False, text, NOON
    )
    settle(session)

    assert session.scalar(unsent) == 0
    assert plan.is_open
    assert pending(session)


def test_death_and_opt_out_end_all_that_is_pending_within_a_minute(database: Engine) -> None:
    """The real clock, the worker threads of `python -m jobs`, a death told by the HIS, and a no."""
    now = clock.now()
    crew = Crew((Worker("react", partial(react_to_events, WORK), 0.2),))
    with unit_of_work.begin() as session:
        who = build(session, now)
        discharge(session, who, now)
        grant(session, who, 5, now)
        other = factories.patient(session, "王测试", department_code="ENDO")
        account = WeChatAccount(
            app_key="patient", openid="oOther", created_at=now, last_seen_at=now
        )
        session.add(account)
        session.flush()
        link = PatientLink(account_id=account.id, patient_id=other.id, relation=Relation.SELF,
                           evidence="desk-code", starts_at=now)  # fmt: skip
        session.add(link)
        session.flush()
        second = Ward(other, account, link, who.nurse, who.doctor, who.team)
        discharge(session, second, now)
        grant(session, second, 5, now)
    crew.start()
    try:
        begun = select(func.count(Task.patient_id.distinct()))
        _until(lambda session: session.scalar(begun) == 2)
        with unit_of_work.begin() as session:
            later = now + DAY
            assert patient_notices.remind_of_tasks(session, later, HOSPITAL, OUTLETS)
            factories.task(session, who.patient)  # one that belongs to no plan
            patient = session.get_one(Patient, who.patient.id)
            patient.deceased_at = clock.now()
            session.add(Event.of("patient.updated", clock.now(), patient_id=patient.id))
            version = CURRENT_TEXTS[ConsentPurpose.HEALTH_DATA].version
            record_consent(
                session, other.id, account.id, ConsentPurpose.HEALTH_DATA, False, version,
                clock.now(),
            )  # fmt: skip
        died = time.monotonic()
        _until(lambda session: not _anything_left(session))
        assert time.monotonic() - died < 60
    finally:
        crew.stop()
    with unit_of_work.begin() as session:
        ended = session.execute(select(CarePlan.patient_id, CarePlan.status, CarePlan.end_reason))
        assert {tuple(row) for row in ended} == {
            (who.patient.id, CarePlanStatus.REVOKED, EndReason.DECEASED),
            (other.id, CarePlanStatus.REVOKED, EndReason.OPTED_OUT),
        }
        cancelled = session.execute(
            select(Task.patient_id, Task.status_reason).where(Task.status == TaskStatus.CANCELLED)
        )
        assert {tuple(row) for row in cancelled} == {
            (who.patient.id, TaskReason.DECEASED), (other.id, TaskReason.OPTED_OUT),
        }  # fmt: skip


def _anything_left(session: Session) -> bool:
    tasks = session.scalar(select(func.count()).where(Task.status.in_(PENDING)))
    unsent = session.scalar(
        select(func.count()).where(
            Communication.state.in_(UNSENT), Communication.link_id.is_not(None)
        )
    )
    return bool(tasks or unsent)


def _until(holds: object) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with unit_of_work.begin() as session:
            session.connection(execution_options={"reads_only": True})
            if holds(session):  # type: ignore[operator]
                return
        time.sleep(0.1)
    raise AssertionError("not within a minute")
