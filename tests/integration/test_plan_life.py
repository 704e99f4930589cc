"""Lives of plans as chance has them: no task twice, none lost, none after the plan's end.

Changes, pauses, upgrades, merges taken back, completion and jumps of the clock, over leap days,
month ends and the summer times that Shanghai kept from 1986 to 1991. What must be there is computed
anew here, in plain Python, from the days of the calendar alone.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.clock import HOSPITAL
from app.domain.plans.changes import Change, ChangeInForce
from app.domain.plans.enrolling import EndReason
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.plans.timing import Basis
from app.models import (
    CarePlan,
    CarePlanStatus,
    CarePlanStep,
    Patient,
    RecordLink,
    StepKind,
    Task,
)
from app.models.plans.action_change import not_ended
from app.services.intake import patient_index
from app.services.plans import enrolment, plan_changes, plan_expansion
from app.services.plans.enrolment import life
from app.services.plans.plan_changes import Told
from tests import factories
from tests.integration.plan_ward import action, definition_of

DAY = timedelta(days=1)
# So many lives by chance; without, always the same few.
LIVES = int(os.environ.get("CARELOOP_PLAN_LIVES", "0"))
PENDING = ("requested", "ready", "in-progress")
WINDOW = timedelta(hours=5)
ERAS = (
    date(2024, 2, 25),  # a leap day
    date(2027, 1, 30),  # a month's end, and no leap day
    date(1986, 4, 29),  # summer time begins on 4 May at 02:00
    date(1988, 9, 5),  # and ends on 11 September
    date(1991, 4, 9),
)
FIRST = {
    "early": action("early", start="P1D", every="P1D", until="P60D", at="02:30",
                    expires_after="PT5H"),
    "monthly": action("monthly", start="P1M", every="P1M", until="P6M", at="10:00",
                      expires_after="PT5H"),
    "weekend": action("weekend", rule="FREQ=WEEKLY;BYDAY=SA", until="P60D", on_free_day="next",
                      at="10:00", expires_after="PT5H"),
    "after": action("after", after={"action": "early"}, start="P1D", at="11:00",
                    expires_after="PT5H"),
}  # fmt: skip
SECOND = {
    **FIRST,
    "early": action("early", start="P1D", every="P1D", until="P60D", at="07:00",
                    expires_after="PT5H", title="新的"),
    "evening": action("evening", start="P2D", every="P2D", until="P60D", at="18:00",
                      expires_after="PT5H"),
}  # fmt: skip
del SECOND["weekend"]


def utc(day: date, at: str) -> datetime:
    """Return the instant of a time on a wall in Shanghai, whatever its clocks did that night."""
    return datetime.combine(day, time.fromisoformat(at), HOSPITAL).astimezone(UTC)


def planned(anchor: date, version: int) -> Iterator[tuple[str, date, str]]:
    """Yield slot, day and hour of all that a version asks for by the calendar."""
    for number in range(1, 61):
        day = anchor + number * DAY
        yield f"early/{day}", day, "02:30" if version == 1 else "07:00"
        if version == 2 and number % 2 == 0:
            yield f"evening/{day}", day, "18:00"
    for number in range(61):
        day = anchor + number * DAY
        if version == 1 and day.weekday() == 5:
            yield f"weekend/{day}", day + 2 * DAY, "10:00"
    for months in range(1, 7):
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
        following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
        day = date(year, month + 1, min(anchor.day, (following - DAY).day))
        yield f"monthly/{day}", day, "10:00"


class PlanLife(RuleBasedStateMachine):
    """Two records, perhaps of one person, on one plan."""

    engine: Engine

    @initialize(era=st.sampled_from(ERAS), later=st.integers(0, 3))
    def begin(self, era: date, later: int) -> None:
        self.connection = self.engine.connect()
        self.outer = self.connection.begin()
        self.session = Session(
            self.connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        )
        self.now = utc(era, "12:00")
        self.rows = [
            definition_of(self.session, *FIRST.values()),
            definition_of(self.session, *SECOND.values(), version=2),
        ]
        self.author = factories.practitioner(self.session).id
        team = factories.care_team(self.session)
        self.plans = [
            factories.care_plan(
                self.session, factories.patient(self.session), team, definition=self.rows[0],
                anchor_on=era + far * DAY, created_at=self.now,
            )
            for far in (0, later)
        ]  # fmt: skip
        self.changes: dict[int, dict[str, Change]] = {plan.patient_id: {} for plan in self.plans}
        self.known: dict[int, str] = {}
        self.done: set[int] = set()
        self.link: RecordLink | None = None
        self.is_parted = False
        self.age = 0
        self.tick()

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.outer.rollback()
            self.connection.close()

    def tick(self) -> None:
        """Do what the clock does in a minute, and what follows from it."""
        session, now = self.session, self.now
        session.flush()
        plan_expansion.retime_plans(session, now, HOSPITAL)
        plan_expansion.expand_plans(session, now, HOSPITAL)
        for plan in self.plans:
            plan_expansion.follow(session, plan.patient_id, [Basis.ACTION], now, HOSPITAL)
        plan_expansion.open_due_tasks(session, now)
        plan_expansion.miss_past_tasks(session, now)
        for over in enrolment.over_by_calendar(session, now.astimezone(HOSPITAL).date()):
            enrolment.complete_plans(session, over, 0, now, HOSPITAL)
        session.flush()
        session.expire_all()
        self.age += 1

    # ---------------------------------------------------------------------------- what happens

    @rule(hours=st.integers(1, 12 * 24))
    def pass_time(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.tick()

    @rule(hours=st.integers(1, 30))
    def set_the_clock_back(self, hours: int) -> None:
        self.now -= timedelta(hours=hours)
        self.tick()
        self.now += timedelta(hours=hours)
        self.tick()

    @rule(which=st.integers(0, 1), number=st.integers(0, 40))
    def do_a_task(self, which: int, number: int) -> None:
        ready = self.session.scalars(
            select(Task)
            .where(Task.care_plan_id == self.plans[which].id, Task.status == TaskStatus.READY)
            .order_by(Task.id)
        ).all()
        if ready:
            task = ready[number % len(ready)]
            self.session.add(task.complete(self.now))
            self.done.add(task.id)
            self.tick()

    @rule(
        which=st.integers(0, 1),
        key=st.sampled_from(["early", "monthly"]),
        change=st.builds(
            Change, shift_days=st.integers(-4, 4), at=st.sampled_from([time(2, 15), time(20)])
        ) | st.just(Change(is_left_out=True)),
    )  # fmt: skip
    def change(self, which: int, key: str, change: Change) -> None:
        plan = self.plans[which]
        plan_changes.change_for_patient(
            self.session, plan, key, change, Told(self.author, "理由"), self.now
        )
        mine = self.changes[plan.patient_id]
        mine[key] = change.over(mine[key]) if key in mine else change
        self.tick()

    @rule(which=st.integers(0, 1))
    def upgrade(self, which: int) -> None:
        plan = self.plans[which]
        plan.plan_definition_id, plan.stale_since = self.rows[1].id, self.now
        self.tick()

    @rule(which=st.integers(0, 1), days=st.integers(0, 12))
    def stay_in_hospital(self, which: int, days: int) -> None:
        plan = self.plans[which]
        if plan.is_open:
            enrolment.rest_while_admitted(self.session, plan.patient_id, self.now)
            self.tick()
            self.nothing_is_lost_or_doubled()
            self.now += days * DAY
            self.tick()
            self.nothing_is_lost_or_doubled()
            enrolment.resume_plan(self.session, plan, life.BY_CLOCK, self.now, HOSPITAL)
            self.tick()

    @rule(which=st.integers(0, 1))
    def leave(self, which: int) -> None:
        plan = self.plans[which]
        if plan.is_open:
            enrolment.end_plan(self.session, plan, EndReason.NOT_SUITABLE, life.BY_CLOCK, self.now)
            self.tick()

    @precondition(lambda self: self.link is None)
    @rule()
    def turn_out_to_be_one(self) -> None:
        head, other = (self.session.get_one(Patient, plan.patient_id) for plan in self.plans)
        self.link = patient_index.merge(self.session, head, other, version="2026", now=self.now)
        # As the reaction does: what was changed for either record is changed for the person.
        theirs = self.changes[other.id]
        self.settle_records()
        assert self.changes.keys() == {head.id}
        assert self.changes[head.id].keys() >= theirs.keys()

    @precondition(lambda self: self.link is not None and not self.is_parted)
    @rule()
    def turn_out_to_be_two(self) -> None:
        assert self.link is not None
        patient_index.unmerge(self.session, self.link, version="2027", now=self.now)
        self.is_parted = True
        self.settle_records()
        assert len(self.changes) == 2

    def settle_records(self) -> None:
        """Read whose changes are whose, laid over each other by age, and let calendars follow."""
        self.session.flush()
        self.session.expire_all()
        self.changes = {plan.patient_id: {} for plan in self.plans}
        for patient_id, one in plan_changes_of(self.session):
            mine = self.changes[patient_id]
            known = mine.get(one.action_key)
            mine[one.action_key] = one.change.over(known) if known else one.change
        for patient_id in self.changes:
            plan_expansion.call_for_retiming(self.session, patient_id, self.now)
        self.tick()

    @precondition(lambda self: self.age > 12)
    @rule()
    def run_out(self) -> None:
        for _ in range(17):
            self.now += 13 * DAY
            self.tick()
            self.nothing_is_lost_or_doubled()
        assert [plan.is_open for plan in self.plans] == [None, None]

    # ------------------------------------------------------------------------- what must hold

    def tasks(self, plan: CarePlan) -> list[Task]:
        query = select(Task).filter_by(care_plan_id=plan.id).order_by(Task.id)
        return list(self.session.scalars(query))

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for plan in getattr(self, "plans", ()):
            tasks = {task.slot: task for task in self.tasks(plan)}
            assert len(tasks) == len(self.tasks(plan))
            for task in tasks.values():
                assert task.patient_id == plan.patient_id
                assert (task.id in self.done) == (task.status is TaskStatus.COMPLETED)
                if task.status in (TaskStatus.REQUESTED, TaskStatus.READY):
                    assert task.ends_at > self.now
                    assert (task.status is TaskStatus.READY) == (task.starts_at <= self.now)
            missing = self.known.keys() - {one.id for p in self.plans for one in self.tasks(p)}
            assert not missing
            if not plan.is_open:
                self.is_told_why_it_ended(plan)
            if not plan.is_open or plan.status is not CarePlanStatus.ACTIVE:
                assert not [one for one in tasks.values() if one.status in PENDING]
            else:
                self.is_what_the_calendar_says(plan, tasks)
        self.known = {
            task.id: task.slot for p in getattr(self, "plans", ()) for task in self.tasks(p)
        }

    def is_told_why_it_ended(self, plan: CarePlan) -> None:
        step = self.session.scalars(
            select(CarePlanStep).filter_by(care_plan_id=plan.id, kind=StepKind.ENDED)
        ).one()
        assert (step.reason, step.at) == (plan.end_reason, plan.ended_at)
        if plan.end_reason is EndReason.COMPLETED:
            version = 1 if plan.plan_definition_id == self.rows[0].id else 2
            last = max(day for _, day, _ in planned(plan.anchor_on, version))
            assert plan.ended_at is not None
            assert plan.ended_at.astimezone(HOSPITAL).date() > last

    def is_what_the_calendar_says(self, plan: CarePlan, tasks: dict[str, Task]) -> None:
        version = 1 if plan.plan_definition_id == self.rows[0].id else 2
        expected: dict[str, datetime] = {}
        for slot, day, hour in planned(plan.anchor_on, version):
            change = self.changes[plan.patient_id].get(slot.split("/")[0], Change())
            if change.is_left_out:
                continue
            at = change.at.isoformat("minutes") if change.at else hour
            starts = utc(day + (change.shift_days or 0) * DAY, at)
            if starts < (plan.asks_from or starts):
                continue  # it rested
            if starts < plan.expanded_until and starts + WINDOW > self.now + timedelta(hours=1):
                expected[slot] = starts
        for slot, starts in expected.items():
            task = tasks.get(slot)
            assert task is not None, f"{slot} is lost"
            if task.status in (TaskStatus.REQUESTED, TaskStatus.READY):
                assert task.starts_at == starts, slot
            else:
                # Done or missed, perhaps at another hour; never just taken away.
                assert task.status in (TaskStatus.COMPLETED, TaskStatus.MISSED), slot
        for slot, task in tasks.items():
            shared = not slot.startswith("after/")
            if shared and task.status is TaskStatus.REQUESTED:
                ends_soon = task.ends_at <= self.now + timedelta(hours=2)
                assert slot in expected or ends_soon, f"{slot} is asked for by nobody"
        self.every_deed_is_followed(tasks)

    def every_deed_is_followed(self, tasks: dict[str, Task]) -> None:
        for task in tasks.values():
            if task.id not in self.done or not task.slot.startswith("early/"):
                continue
            assert task.finished_at is not None
            day = task.finished_at.astimezone(HOSPITAL).date() + DAY
            if utc(day, "11:00") + WINDOW > self.now + timedelta(hours=1):
                assert tasks[f"after/t{task.id}/0"].starts_at == utc(day, "11:00")


def plan_changes_of(session: Session) -> list[tuple[int, ChangeInForce]]:
    return [(row.patient_id or 0, row.in_force()) for row in session.scalars(not_ended())]


def test_no_life_of_a_plan_loses_or_doubles_a_task(sqlite_engine: Engine) -> None:
    machine = type("Life", (PlanLife,), {"engine": sqlite_engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=LIVES or 7, derandomize=not LIVES, stateful_step_count=12, deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            # A dozen steps are read as they are; making them fewer takes minutes.
            phases=(Phase.generate,),
        ),
    )  # fmt: skip
