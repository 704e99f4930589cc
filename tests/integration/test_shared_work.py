"""Calls and what follows from them; work given, handed over, and taken during leave."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.errors import NotFound, TaskClosed
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.staff.contacts import ENDS_PLANS, StaffTaskKind
from app.domain.trust.access import Actor
from app.models import (
    Alert,
    AlertStep,
    CarePlan,
    CareTeam,
    ContactAttempt,
    Patient,
    Practitioner,
    Task,
    TaskOwner,
)
from app.services.plans.enrolment.life import end_all
from app.services.staff import sharing
from app.services.staff.contact_outcomes import (
    NotToConfirm,
    SecondPersonNeeded,
    confirm,
    follow_alert,
    record_outcome,
)
from app.services.staff.staff_tasks import ConfirmationNeeded, finish_task
from app.services.staff.worklist import Show, read_worklist
from tests import factories
from tests.conftest import NOON

DAY = timedelta(days=1)


class Ward:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.team: CareTeam = factories.care_team(session)
        self.other_team: CareTeam = factories.care_team(session)
        self.chen = self.nurse("nurse-chen")
        self.lin = self.nurse("nurse-lin")
        self.wu = self.nurse("nurse-wu")
        self.stranger = factories.practitioner(session, teams=[self.other_team])
        self.patient: Patient = factories.patient(session)
        self.plan: CarePlan = factories.care_plan(session, self.patient, self.team)

    def nurse(self, name: str) -> Practitioner:
        return factories.practitioner(self.session, name, name=name, teams=[self.team])

    def call(self, **more: object) -> Task:
        return factories.task(
            self.session, self.patient, self.plan, owner=TaskOwner.STAFF, kind="staff-task",
            title="电话随访", **more,
        )  # fmt: skip

    def outcome(self, task: Task, outcome: Outcome, who: Practitioner | None = None) -> Task:
        return record_outcome(
            self.session, task.public_id, (who or self.chen).id, outcome, "备注", None, NOON,
            HOSPITAL,
        )  # fmt: skip

    def confirmed(self, look: Task, who: Practitioner, *, is_true: bool) -> None:
        """Do as the page does: plans end where the report is so."""
        task = confirm(self.session, look.public_id, who.id, NOON, is_true=is_true)
        if is_true:
            actor = Actor("practitioner", who.id)
            end_all(self.session, task.patient_id, ENDS_PLANS[task.kind], actor, NOON)

    def made(self, kind: StaffTaskKind) -> list[Task]:
        return list(self.session.scalars(select(Task).filter_by(kind=kind.value)))


@pytest.fixture
def ward(session: Session) -> Ward:
    return Ward(session)


def test_a_call_nobody_answers_is_made_again_and_in_the_end_the_number_is_checked(
    session: Session, ward: Ward
) -> None:
    call = ward.call()

    ward.outcome(call, Outcome.NO_ANSWER)
    assert (call.status, call.status_reason) == (TaskStatus.REQUESTED, TaskReason.RESCHEDULED)
    assert call.starts_at == NOON + timedelta(hours=4)
    assert read_worklist(session, ward.lin.id, NOON).items == ()
    assert ward.outcome(call, Outcome.NO_ANSWER).status is TaskStatus.REQUESTED
    ward.outcome(call, Outcome.NO_ANSWER)

    assert (call.status, call.outcome, call.tries) == (
        TaskStatus.COMPLETED, Outcome.NO_ANSWER, 3,
    )  # fmt: skip
    (check,) = ward.made(StaffTaskKind.CONTACT_CHECK)
    assert check.care_team_id == ward.team.id
    assert [one.outcome for one in session.scalars(select(ContactAttempt))] == [
        Outcome.NO_ANSWER
    ] * 3
    with pytest.raises(TaskClosed):
        ward.outcome(call, Outcome.REACHED)
    with pytest.raises(NotFound):
        ward.outcome(check, Outcome.REACHED, ward.stranger)
    finish_task(session, check.public_id, ward.lin.id, NOON)
    with pytest.raises(NotToConfirm):
        confirm(session, ward.call().public_id, ward.lin.id, NOON, is_true=True)


def test_a_death_is_looked_at_twice_before_plans_end(session: Session, ward: Ward) -> None:
    theirs = factories.task(session, ward.patient, ward.plan, remind_at=NOON + DAY)
    ward.outcome(ward.call(), Outcome.DIED)
    (look,) = ward.made(StaffTaskKind.CONFIRM_DEATH)

    # Nobody reminds a family to measure meanwhile.
    session.refresh(theirs)
    assert theirs.remind_at is None
    assert ward.plan.is_open
    assert ward.patient.deceased_at is None
    with pytest.raises(SecondPersonNeeded):
        confirm(session, look.public_id, ward.chen.id, NOON, is_true=True)
    with pytest.raises(ConfirmationNeeded):
        finish_task(session, look.public_id, ward.lin.id, NOON)

    ward.confirmed(look, ward.lin, is_true=True)

    for row in (theirs, ward.plan, ward.patient, look):
        session.refresh(row)
    assert ward.patient.deceased_at == NOON
    assert (ward.plan.is_open, ward.plan.ended_at) == (None, NOON)
    assert (theirs.status, theirs.status_reason) == (TaskStatus.CANCELLED, TaskReason.DECEASED)
    assert look.status is TaskStatus.COMPLETED


def test_a_death_that_was_not_so_brings_the_reminders_back(session: Session, ward: Ward) -> None:
    def theirs(remind_at: timedelta, ends_at: timedelta) -> Task:
        return factories.task(
            session, ward.patient, ward.plan, remind_at=NOON + remind_at, ends_at=NOON + ends_at
        )

    coming, passed, over = theirs(3 * DAY, 5 * DAY), theirs(-DAY, 4 * DAY), theirs(DAY / 4, DAY / 2)
    later = theirs(9 * DAY, 10 * DAY)
    for call in (ward.call(), ward.call()):
        ward.outcome(call, Outcome.DIED)
    first, second = ward.made(StaffTaskKind.CONFIRM_DEATH)
    session.expire_all()
    assert (coming.remind_at, passed.remind_at, over.remind_at) == (None, None, None)
    assert later.remind_at == NOON + 9 * DAY

    evening = NOON + timedelta(hours=10)  # 22:00 at the hospital
    confirm(session, first.public_id, ward.lin.id, evening, is_true=False)
    session.expire_all()
    assert coming.remind_at is None  # the other report is not looked at yet
    confirm(session, second.public_id, ward.lin.id, evening, is_true=False)
    session.expire_all()

    assert coming.remind_at == NOON + 3 * DAY
    assert passed.remind_at == NOON + timedelta(hours=20)  # 08:00, when people may be called
    assert over.remind_at is None
    assert later.remind_at == NOON + 9 * DAY


def test_a_rumour_ends_nothing_and_a_refusal_confirmed_ends_the_plan(
    session: Session, ward: Ward
) -> None:
    ward.outcome(ward.call(), Outcome.MOVED)
    (look,) = ward.made(StaffTaskKind.CONFIRM_MOVE)
    ward.confirmed(look, ward.lin, is_true=False)
    session.refresh(ward.plan)
    assert ward.plan.is_open

    # An alert's outcome asks the same of the team, once.
    alert = factories.alert(
        session, ward.patient, ward.team, outcome=Outcome.REFUSED, owner_id=ward.chen.id,
        status=AlertStatus.RESOLVED, is_open=None,
    )  # fmt: skip
    for _ in range(2):
        follow_alert(session, alert.id, NOON, HOSPITAL)
    (refusal,) = ward.made(StaffTaskKind.CONFIRM_REFUSAL)
    assert refusal.reported_by_id == ward.chen.id
    pending = ward.call()
    ward.confirmed(refusal, ward.lin, is_true=True)
    session.refresh(pending)
    session.refresh(ward.plan)
    assert ward.plan.is_open is None
    assert pending.status_reason == TaskReason.OPTED_OUT


def test_work_is_given_many_at_once_and_only_within_the_team(session: Session, ward: Ward) -> None:
    calls = [ward.call() for _ in range(3)]
    ids = [one.public_id for one in calls]
    foreign = factories.task(
        session, ward.patient, factories.care_plan(session, factories.patient(session),
        ward.other_team), owner=TaskOwner.STAFF,
    )  # fmt: skip

    changed = sharing.assign(
        session, [*ids, foreign.public_id], ward.lin.public_id, ward.chen.id, NOON
    )

    assert changed == [one.id for one in calls]
    work = read_worklist(session, ward.lin.id, NOON, show=Show.MINE)
    assert {one.public_id for one in work.items} == set(ids)
    assert work.counts[Show.MINE] == 3
    assert {one.owner_name for one in work.items} == {"nurse-lin"}
    assert read_worklist(session, ward.chen.id, NOON).counts[Show.MINE] == 0
    with pytest.raises(sharing.NotOfTheTeam):
        sharing.assign(session, ids, ward.stranger.public_id, ward.chen.id, NOON)
    assert sharing.assign(session, ids[:1], None, ward.chen.id, NOON) == [calls[0].id]
    session.refresh(calls[0])
    assert calls[0].assignee_id is None


def test_a_shift_is_handed_over_when_the_other_says_so(session: Session, ward: Ward) -> None:
    mine, done, given = (ward.call(assignee_id=ward.chen.id) for _ in range(3))
    alert: Alert = factories.alert(
        session, ward.patient, ward.team, status=AlertStatus.ACKNOWLEDGED, owner_id=ward.chen.id
    )
    left = sharing.offer_handover(
        session, ward.chen.id, ward.lin.public_id, ward.team.id, "3床家属要回电话", NOON
    )
    assert left.items == {"tasks": [mine.id, done.id, given.id], "alerts": [alert.id]}
    assert [one.id for one in sharing.waiting_handovers(session, ward.lin.id)] == [left.id]
    assert mine.assignee_id == ward.chen.id  # not yet
    ward.outcome(done, Outcome.REACHED)
    sharing.assign(session, [given.public_id], ward.wu.public_id, ward.chen.id, NOON)

    with pytest.raises(NotFound):
        sharing.acknowledge_handover(session, left.public_id, ward.chen.id, NOON)
    assert sharing.acknowledge_handover(session, left.public_id, ward.lin.id, NOON) == 2
    assert sharing.acknowledge_handover(session, left.public_id, ward.lin.id, NOON) == 0

    assert (mine.assignee_id, done.assignee_id) == (ward.lin.id, ward.chen.id)
    assert given.assignee_id == ward.wu.id
    assert alert.owner_id == ward.lin.id
    assert "handed-over" in session.scalars(select(AlertStep.kind).filter_by(alert_id=alert.id))
    assert sharing.waiting_handovers(session, ward.lin.id) == []
    with pytest.raises(sharing.NotOfTheTeam):
        sharing.offer_handover(
            session, ward.chen.id, ward.stranger.public_id, ward.team.id, None, NOON
        )


def test_who_is_away_is_stood_in_for_and_a_circle_ends_with_the_team(
    session: Session, ward: Ward
) -> None:
    today = NOON.astimezone(HOSPITAL).date()
    soon, later = (
        ward.call(assignee_id=ward.chen.id),
        ward.call(assignee_id=ward.chen.id, starts_at=NOON + 9 * DAY),
    )
    # Leave of next week moves what falls due then, and nothing of today.
    week = today + 8 * DAY
    next_week, _ = sharing.go_on_leave(
        session, ward.chen.public_id, ward.wu.public_id, week, week + 2 * DAY, ward.chen.id, NOON
    )
    assert (soon.assignee_id, later.assignee_id) == (ward.chen.id, ward.wu.id)
    sharing.end_leave(session, next_week.public_id, ward.wu.id, NOON)
    later.assignee_id = ward.chen.id

    _, moved = sharing.go_on_leave(
        session, ward.chen.public_id, ward.lin.public_id, today, today + 2 * DAY, ward.chen.id,
        NOON,
    )  # fmt: skip

    assert (moved, soon.assignee_id, later.assignee_id) == (1, ward.lin.id, ward.chen.id)
    new = ward.call()
    sharing.assign(session, [new.public_id], ward.chen.public_id, ward.wu.id, NOON)
    assert new.assignee_id == ward.lin.id
    sharing.go_on_leave(
        session, ward.lin.public_id, ward.chen.public_id, today, today, ward.lin.id, NOON
    )
    assert soon.assignee_id is None  # each stands in for the other: the team has it
    (chen_away, lin_away) = sharing.leaves_ahead(session, ward.wu.id, today)
    sharing.end_leave(session, chen_away.public_id, ward.wu.id, NOON)
    assert sharing.leaves_ahead(session, ward.wu.id, today) == [lin_away]
    with pytest.raises(sharing.LeaveTurnedRound):
        sharing.go_on_leave(
            session, ward.chen.public_id, None, today, today - DAY, ward.chen.id, NOON
        )
    with pytest.raises(NotFound):
        sharing.end_leave(session, lin_away.public_id, ward.stranger.id, NOON)
