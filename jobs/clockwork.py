"""The clock itself: one leader by lease, slots run once, missed ones caught up by rule."""

import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import datetime, timedelta
from typing import Final

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from app import clock
from app.database import unit_of_work
from app.services import leases
from jobs.chores import Work
from jobs.timetable import CatchUp, Job

log = structlog.get_logger()

LEASE: Final = "clock"
_TERM: Final = timedelta(seconds=10)
_RENEW_EVERY: Final = 3.0  # seconds
_HORIZON: Final = timedelta(hours=24)
# A slot woken this late is still on time: APScheduler's own jitter and a busy machine.
_ON_TIME: Final = timedelta(seconds=90)


class Clockwork:
    """Runs the timetable while this process leads; another takes over within the lease's term."""

    def __init__(self, timetable: Sequence[Job], work: Work, holder: str | None = None) -> None:
        self._timetable = timetable
        self._work = work
        self._holder = holder or secrets.token_hex(8)
        self._fence: int | None = None
        self._stopped = threading.Event()
        self._scheduler = BackgroundScheduler(timezone=clock.HOSPITAL)
        for job in timetable:
            self._scheduler.add_job(
                self.run_due, jittered(job), args=[job], id=job.key,
                max_instances=1, coalesce=True, misfire_grace_time=None,
            )  # fmt: skip

    def run(self) -> None:
        """Keep the lease and the timetable until `stop`."""
        self._scheduler.start(paused=True)
        catching_up = ThreadPoolExecutor(1, "catch-up")
        seen = clock.now()
        while not self._stopped.is_set():
            led = self._fence is not None
            self._fence = self._renew()
            jumped = abs(clock.now() - seen) > timedelta(seconds=_RENEW_EVERY * 10)
            seen = clock.now()
            if self._fence is not None and (not led or jumped):
                self._scheduler.resume()
                # Beside this thread: a long catching up must not cost the lease.
                catching_up.submit(self.catch_up)
            elif self._fence is None and led:
                self._scheduler.pause()
                log.warning("leadership_lost")
            self._stopped.wait(_RENEW_EVERY)
        self._scheduler.shutdown(wait=True)
        catching_up.shutdown(wait=True)
        if self._fence is not None:
            with unit_of_work.begin() as session:
                leases.release(session, LEASE, self._holder)

    def stop(self) -> None:
        self._stopped.set()

    def catch_up(self) -> None:
        """Look at every job once: after a pause, a takeover, or a moved clock."""
        for job in self._timetable:
            self.run_due(job)

    def run_due(self, job: Job) -> None:
        """Run the slots of a job that are due and not yet run, as its rule says."""
        try:
            self._run_due(job)
        except Exception as error:
            # The scheduler would swallow it; what was not promised is due at the next slot.
            log.error("slot_interrupted", job=job.key, exc_info=error)

    def _run_due(self, job: Job) -> None:
        now, fence = clock.now(), self._fence
        if fence is None:
            return
        with unit_of_work.begin() as session:
            last = leases.last_slot(session, job.key)
            broken = leases.broken_slots(session, job.key, fence, now - _HORIZON)
        new = slots_between(job.trigger, max(last or now - _HORIZON, now - _HORIZON), now)
        missed = sorted({*broken, *new})
        for slot_at in _wanted(job.catch_up, missed, now):
            self._run(job, slot_at)

    def _run(self, job: Job, slot_at: datetime) -> None:
        fence = self._fence
        if fence is None:
            return
        with unit_of_work.begin() as session:
            if not leases.promise_slot(session, LEASE, fence, job.key, slot_at, clock.now()):
                return
        with structlog.contextvars.bound_contextvars(job=job.key):
            outcome = "done"
            try:
                job.run(self._work, clock.now())
            except Exception as error:
                outcome = type(error).__name__
                log.error("job_failed", slot=slot_at.isoformat(), exc_info=error)
        with unit_of_work.begin() as session:
            leases.finish_slot(session, job.key, slot_at, outcome, clock.now())

    def _renew(self) -> int | None:
        try:
            with unit_of_work.begin() as session:
                return leases.hold(session, LEASE, self._holder, _TERM)
        except Exception as error:
            # Without a database nobody leads; the lease runs out by itself.
            log.error("lease_unreachable", exc_info=error)
            return None


def jittered(job: Job) -> BaseTrigger:
    """Return when to look at a job; its slots are those of the trigger without jitter.

    APScheduler takes a jitter only with a trigger it makes itself.
    """
    trigger = copy(job.trigger)
    trigger.jitter = job.jitter or None
    return trigger


def slots_between(trigger: BaseTrigger, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants at which `trigger` fires in (after, until]."""
    slots: list[datetime] = []
    at = after
    while True:
        following = trigger.get_next_fire_time(at, at + timedelta(microseconds=1))
        if following is None or following > until:
            return slots
        slots.append(following)
        at = following


def _wanted(rule: CatchUp, missed: list[datetime], now: datetime) -> list[datetime]:
    if not missed or rule is CatchUp.EACH:
        return missed
    if rule is CatchUp.SKIP and now - missed[-1] > _ON_TIME:
        return []
    return missed[-1:]
