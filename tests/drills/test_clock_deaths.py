"""D11 and D12: leaders among the clocks are killed; no clock runs for a minute, an hour, a day."""

import base64
import multiprocessing
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from types import FrameType

import pytest
from sqlalchemy import Engine, delete, func, select

from app import clock, encryption
from app.clock import HOSPITAL
from app.database import make_engine, unit_of_work
from app.domain.outreach.messaging import Outlets
from app.models import Event, JobRun, Lease
from jobs.chores import Work
from jobs.clockwork import Clockwork, slots_between
from jobs.timetable import TIMETABLE, CatchUp, Job, at
from tests.conftest import SECRET_KEY
from tests.drills import sending
from tests.drills.sending import wait_until
from tests.drills.sizes import chance, report, size
from tests.integration.test_clockwork import already_run, leader, running, slots_of

KILLS, APART = size(2, 30), size(4, 20)  # seconds
ROUNDS = size(1, 10)
CLOCKS = 3
TAKEOVER_SECONDS = 15
OUTAGES = (timedelta(minutes=1), timedelta(hours=1), timedelta(hours=25))
_FORKS = multiprocessing.get_context("forkserver")


def run_clock(url: str, key: str, name: str) -> None:
    """Be one of the clocks; each tick is an event."""
    encryption.use(encryption.Keyring({"t1": base64.b64decode(key)}, "hospital"))
    unit_of_work.configure(bind=make_engine(url))

    def tick(_: Work, now: datetime) -> None:
        with unit_of_work.begin() as session:
            session.add(Event.of("tick", now, by=name))

    timetable = [Job("tick", tick, at(second="*"), CatchUp.EACH)]
    clockwork = Clockwork(timetable, Work(HOSPITAL, Outlets()), holder=name)

    def stop(number: int, frame: FrameType | None) -> None:
        clockwork.stop()

    signal.signal(signal.SIGTERM, stop)
    clockwork.run()


@pytest.mark.mariadb
@pytest.mark.timeout(120 + KILLS * (APART + TAKEOVER_SECONDS))
def test_whoever_leads_is_killed_and_every_slot_runs_once(mariadb: Engine) -> None:
    already_run("tick", datetime.now(UTC).replace(microsecond=0))
    url, names = sending.url_of(mariadb), count(1)
    clocks: dict[str, multiprocessing.process.BaseProcess] = {}

    def add() -> None:
        name = f"clock-{next(names)}"
        clocks[name] = _FORKS.Process(target=run_clock, args=(url, SECRET_KEY, name))
        clocks[name].start()

    takeovers: list[float] = []
    try:
        for _ in range(CLOCKS):
            add()
        wait_until(lambda: len(slots_of("tick")) > 3, 40)
        for _ in range(KILLS):
            time.sleep(APART - (takeovers[-1] if takeovers and APART > 15 else 0))
            first = leader()
            assert first is not None
            clocks[first].kill()
            clocks.pop(first).join()
            takeovers.append(wait_until(lambda: leader() != first, 60))  # noqa: B023
            add()
        at_end = len(slots_of("tick"))
        wait_until(lambda: len(slots_of("tick")) > at_end + 2, 40)
        for process in clocks.values():
            process.terminate()
        for process in clocks.values():
            process.join(20)
    finally:
        for process in clocks.values():
            process.kill()

    slots = slots_of("tick")
    with unit_of_work() as session:
        unfinished = session.scalar(
            select(func.count()).select_from(JobRun).where(JobRun.finished_at.is_(None))
        )
        ticks = session.scalar(select(func.count()).where(Event.kind == "tick")) or 0
        fences = list(session.scalars(select(JobRun.fence).order_by(JobRun.slot_at)))
    report(
        "D11", clocks=CLOCKS, kills=KILLS, slots=len(slots) - 1, ticks=ticks,
        takeover=f"{max(takeovers):.1f} s at most",
    )  # fmt: skip
    assert max(takeovers) <= TAKEOVER_SECONDS
    assert {later - slot for slot, later in pairwise(slots)} == {timedelta(seconds=1)}
    assert unfinished == 0
    # A leader that dies between the work and the note of it: its successor does the slot again.
    assert len(slots) - 1 <= ticks <= len(slots) - 1 + KILLS
    assert fences == sorted(fences)


# ------------------------------------------------------------------------------------ D12


def last_slot(job: Job, after: datetime, until: datetime) -> datetime | None:
    """Return the last slot of a job in (after, until], looked for from the end."""
    for back in (timedelta(minutes=2), timedelta(hours=2), timedelta(hours=24)):
        if slots := slots_between(job.trigger, max(after, until - back), until):
            return slots[-1]
    return None


def is_wanted(job: Job, slot: datetime | None, now: datetime) -> bool:
    """Tell whether the rule of a job runs its last missed slot."""
    if slot is None:
        return False
    return job.catch_up is CatchUp.LAST or now - slot <= timedelta(seconds=90)


@pytest.mark.mariadb
@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("outage", OUTAGES, ids=lambda one: f"{one.total_seconds() / 60:.0f}min")
def test_the_timetable_catches_up_as_each_job_says(
    outage: timedelta, mariadb: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [job.key for job in TIMETABLE if job.catch_up is CatchUp.EACH]
    luck, caught, left = chance(f"D12 {outage}"), 0, 0
    for _ in range(ROUNDS):
        now = datetime(2026, 5, 4, tzinfo=UTC) + timedelta(seconds=luck.randrange(86_400))
        monkeypatch.setattr(clock, "now", lambda: now)  # noqa: B023
        ran: Counter[str] = Counter()
        jobs = [replace(job, run=counting(ran, job.key)) for job in TIMETABLE]
        begun = now - outage
        for job in jobs:
            already_run(job.key, begun)
        finished = threading.Event()
        end = Job("end", lambda work, at: finished.set(), at(second="*"), CatchUp.LAST)  # noqa: B023
        with running(*jobs, end):
            assert finished.wait(60)

        horizon = max(begun, now - timedelta(hours=24))
        for job in jobs:
            slot = last_slot(job, horizon, now)
            wanted = is_wanted(job, slot, now)
            assert ran[job.key] == wanted, job.key
            assert slots_of(job.key)[1:] == ([slot] if wanted else []), job.key
            caught, left = caught + wanted, left + (slot is not None and not wanted)
        with unit_of_work.begin() as session:
            session.execute(delete(JobRun))
            session.execute(delete(Lease))
    report("D12", outage=outage, rounds=ROUNDS, jobs=len(TIMETABLE), caught_up=caught, left=left)
    assert caught


def counting(ran: Counter[str], key: str) -> Callable[[Work, datetime], None]:
    def run(work: Work, now: datetime) -> None:
        ran[key] += 1

    return run
