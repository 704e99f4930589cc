"""The clock: one leader of several, every slot once, outages caught up by rule."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine, select, text

from app import clock
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.domain.outreach.messaging import Outlets
from app.models import Event, JobRun, Lease
from jobs.chores import Work
from jobs.clockwork import Clockwork, jittered, slots_between
from jobs.timetable import TIMETABLE, CatchUp, Job, at
from tests.conftest import NOON, ROOT, SECRET_KEY

WORK = Work(HOSPITAL, Outlets())
NOTHING: Callable[[Work, datetime], None] = lambda work, now: None  # noqa: E731


def wait_until(condition: Callable[[], object], seconds: float) -> float:
    """Return how long it took until `condition` was true."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - begun


def leader() -> str | None:
    with unit_of_work.begin() as session:
        return session.scalar(select(Lease.holder))


def already_run(job: str, slot_at: datetime) -> None:
    with unit_of_work.begin() as session:
        session.add(
            JobRun(
                job=job, slot_at=slot_at, fence=0, started_at=slot_at, finished_at=slot_at,
                outcome="done",
            )
        )  # fmt: skip


def slots_of(job: str) -> list[datetime]:
    with unit_of_work.begin() as session:
        found = select(JobRun.slot_at).filter_by(job=job).order_by(JobRun.slot_at)
        return list(session.scalars(found))


@contextmanager
def running(*timetable: Job, holder: str | None = None) -> Iterator[Clockwork]:
    for job in timetable:  # a day of seconds to catch up would be long
        if not slots_of(job.key):
            already_run(job.key, clock.now().replace(microsecond=0) - timedelta(seconds=1))
    clockwork = Clockwork(timetable, WORK, holder)
    thread = threading.Thread(target=clockwork.run)
    thread.start()
    try:
        yield clockwork
    finally:
        clockwork.stop()
        thread.join(20)
    assert not thread.is_alive()


# ------------------------------------------------------------------- several on one database


@pytest.mark.mariadb
def test_of_three_clocks_one_runs_each_slot_and_another_takes_over_when_it_is_killed(
    mariadb: Engine,
) -> None:
    """About twenty seconds: a lease must run out by itself."""
    already_run("tick", datetime.now(UTC).replace(microsecond=0))
    url = mariadb.url.render_as_string(hide_password=False)
    module = [sys.executable, "-m", "tests.integration.clock_worker", url, SECRET_KEY]
    clocks = {name: subprocess.Popen([*module, name], cwd=ROOT) for name in ("a", "b", "c")}
    try:
        wait_until(lambda: len(slots_of("tick")) > 4, 20)
        first = leader()
        assert first is not None
        clocks[first].kill()
        clocks[first].wait()
        takeover = wait_until(lambda: leader() != first, 15)
        killed_until = len(slots_of("tick"))
        wait_until(lambda: len(slots_of("tick")) > killed_until + 3, 10)
    finally:
        for process in clocks.values():
            process.kill()
            process.wait()

    assert takeover <= 15
    slots = slots_of("tick")
    assert {later - slot for slot, later in pairwise(slots)} == {timedelta(seconds=1)}
    with unit_of_work.begin() as session:
        by = session.scalars(select(Event.payload).filter_by(kind="tick").order_by(Event.id)).all()
        fences = session.scalars(select(JobRun.fence).order_by(JobRun.slot_at)).all()
    # The slots at the two kills may have been promised and not run; none ran twice.
    assert len(slots) - 3 <= len(by) <= len(slots) - 1
    assert len({one["by"] for one in by}) == 2
    assert list(fences) == sorted(fences)


@pytest.mark.mariadb
def test_a_clock_that_is_stopped_hands_over_at_once(mariadb: Engine) -> None:
    job = Job("tick", NOTHING, at(second="*"), CatchUp.LAST)
    with running(job, holder="first"):
        wait_until(lambda: leader() == "first", 5)
        second = Clockwork([job], WORK, "second")
        waiting = threading.Thread(target=second.run)
        waiting.start()
        time.sleep(0.5)
        assert leader() == "first"
    wait_until(lambda: leader() == "second", 5)  # half the lease's term
    second.stop()
    waiting.join(20)


@pytest.mark.mariadb
def test_a_clock_whose_lease_was_taken_runs_nothing(mariadb: Engine) -> None:
    ran: list[datetime] = []
    job = Job("tick", lambda work, now: ran.append(now), at(second="*"), CatchUp.LAST)
    with running(job):
        wait_until(lambda: ran, 8)
        with unit_of_work.begin() as session:
            session.execute(
                text("UPDATE lease SET holder = 'other', fence = 99, until = '2099-01-01'")
            )
        before = len(ran)
        time.sleep(2.2)  # it still believes that it leads, and finds out at each slot

        assert len(ran) <= before + 1  # one may have been under way


def test_a_job_that_raises_is_noted_and_the_others_run(database: Engine) -> None:
    def fail(work: Work, now: datetime) -> None:
        raise ValueError

    jobs = [
        Job(key, run, at(second="*"), CatchUp.LAST)
        for key, run in (("bad", fail), ("good", NOTHING))
    ]
    with running(*jobs):
        wait_until(lambda: len(slots_of("good")) > 1 and len(slots_of("bad")) > 1, 8)

    with unit_of_work.begin() as session:
        newest = select(JobRun.outcome).order_by(JobRun.slot_at.desc()).limit(1)
        assert session.scalar(newest.filter_by(job="bad")) == "ValueError"
        assert session.scalar(newest.filter_by(job="good")) == "done"


def test_jitter_moves_the_moment_of_a_job_and_not_its_slots() -> None:
    job = Job("late", NOTHING, at(minute="7"), CatchUp.LAST, jitter=60)

    moments = {jittered(job).get_next_fire_time(None, NOON) for _ in range(20)}

    slot = NOON + timedelta(minutes=7)
    assert len(moments) > 10
    assert all(abs(moment - slot) <= timedelta(seconds=60) for moment in moments)
    assert slots_between(job.trigger, NOON, NOON + timedelta(hours=1)) == [slot]


def test_a_long_catching_up_does_not_cost_the_lease(mariadb: Engine) -> None:
    begun, done = threading.Event(), threading.Event()

    def long(work: Work, now: datetime) -> None:
        begun.set()
        done.wait(8)

    with running(Job("long", long, at(second="*"), CatchUp.LAST)):
        assert begun.wait(5)
        with unit_of_work.begin() as session:
            before = session.scalars(select(Lease.until)).one()
        time.sleep(3.5)
        with unit_of_work.begin() as session:
            assert session.scalars(select(Lease.until)).one() > before
        done.set()


# ------------------------------------------------------------------------------- outages

MINUTELY, TENTHS = at(second="30"), at(minute="*/10", second="0")
HALF = NOON + timedelta(seconds=30)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=25)
# The last slot that ran, the outage, what is due; the clock starts again two minutes after a
# slot of the ten-minute job, so that one is no longer on time.
OUTAGES = [
    (MINUTELY, HALF, MINUTE, {CatchUp.EACH: 1, CatchUp.LAST: 1, CatchUp.SKIP: 1}),
    (TENTHS, NOON, MINUTE, {CatchUp.EACH: 0, CatchUp.LAST: 0, CatchUp.SKIP: 0}),
    (TENTHS, NOON, HOUR, {CatchUp.EACH: 6, CatchUp.LAST: 1, CatchUp.SKIP: 0}),
    # Twenty-four hours back and no further.
    (TENTHS, NOON, DAY, {CatchUp.EACH: 144, CatchUp.LAST: 1, CatchUp.SKIP: 0}),
]


@pytest.mark.parametrize(("trigger", "last", "outage", "due"), OUTAGES)
def test_an_outage_is_caught_up_as_each_job_says(
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    trigger: object,
    last: datetime,
    outage: timedelta,
    due: dict[CatchUp, int],
) -> None:
    now = last + outage + timedelta(seconds=10 if trigger is MINUTELY else 120)
    monkeypatch.setattr(clock, "now", lambda: now)
    ran: dict[CatchUp, int] = dict.fromkeys(CatchUp, 0)

    def counting(rule: CatchUp) -> Callable[[Work, datetime], None]:
        def run(work: Work, at: datetime) -> None:
            ran[rule] += 1

        return run

    jobs = [Job(rule.value, counting(rule), trigger, rule) for rule in CatchUp]  # type: ignore[arg-type]
    for rule in CatchUp:
        already_run(rule.value, last)
    finished = threading.Event()
    end = Job("end", lambda work, at: finished.set(), at(second="*"), CatchUp.LAST)
    with running(*jobs, end):
        assert finished.wait(60)

    assert ran == due
    for rule in CatchUp:
        fresh = slots_of(rule.value)[1:]
        expected = slots_between(trigger, max(last, now - timedelta(hours=24)), now)  # type: ignore[arg-type]
        assert fresh == expected[len(expected) - due[rule] :]


def test_a_clock_set_back_repeats_nothing_and_forward_loses_nothing(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = [NOON + timedelta(minutes=2)]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    already_run("tenths", NOON)

    def start() -> int:
        finished = threading.Event()
        end = Job(f"end{hands[0]:%H%M}", lambda work, at: finished.set(), at(second="*"),
                  CatchUp.LAST)  # fmt: skip
        with running(Job("tenths", NOTHING, TENTHS, CatchUp.EACH), end):
            assert finished.wait(20)
        return len(slots_of("tenths")) - 1

    assert start() == 0
    hands[0] += HOUR
    assert start() == 6
    hands[0] -= timedelta(minutes=30)
    assert start() == 6
    hands[0] += HOUR
    assert start() == 9
    assert len(set(slots_of("tenths"))) == 10


def test_slots_are_those_of_the_hospitals_clock() -> None:
    nightly = at(hour="1", minute="17")
    slots = slots_between(nightly, NOON, NOON + timedelta(days=3))

    assert [slot.astimezone(HOSPITAL).strftime("%d %H:%M") for slot in slots] == [
        "05 01:17",
        "06 01:17",
        "07 01:17",
    ]
    assert slots_between(nightly, slots[0], slots[0]) == []
    assert slots_between(nightly, slots[0] - timedelta(seconds=1), slots[0]) == [slots[0]]


def test_a_slot_on_29_february_comes_in_leap_years_only() -> None:
    leap_day = at(month="2", day="29", hour="9")

    slots = slots_between(leap_day, NOON, NOON + timedelta(days=365 * 6))

    assert [slot.astimezone(HOSPITAL).date().isoformat() for slot in slots] == [
        "2028-02-29",
        "2032-02-29",
    ]


def test_no_job_of_the_timetable_starts_where_everybody_does() -> None:
    day = slice(NOON, NOON + timedelta(days=1))
    for job in TIMETABLE:
        slots = slots_between(job.trigger, day.start, day.stop)
        assert slots, job.key
        assert not [slot for slot in slots if slot.minute in (0, 30) and slot.second == 0]
    assert len({job.key for job in TIMETABLE}) == len(TIMETABLE)
