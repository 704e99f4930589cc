"""Sending processes that may be killed, paused and asked to end.

They are forked from one process that has read the whole program, so that sixty of them cost no
more than they do; each has its own connections and threads, and runs what operators run.
"""

import multiprocessing
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import FrameType

from celery import Celery
from sqlalchemy import Engine

import jobs.engine
import jobs.sender
from app import clock, settings
from app.domain.outreach.messaging import Lane
from app.start import start
from jobs.broker import Dispatcher, celery_app
from jobs.sending import Pump
from jobs.workers import Crew
from tests.drills import sending
from wiring import outlets, platforms, senders

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.drills.crew"])


class NotingPump(Pump):
    """Notes each claim it takes up, so that the drill knows what a dead process held."""

    notes: Path

    def send(self, token: str, ids: object) -> None:
        with self.notes.open("a") as file:
            file.write(f"{token}\n")
        super().send(token, ids)  # type: ignore[arg-type]


def run_sender() -> None:
    """Run `python -m jobs.sender transactional bulk`."""
    jobs.sender.Pump = NotingPump  # type: ignore[attr-defined]
    sys.exit(jobs.sender.main([]))


def run_embedded() -> None:
    """Run the sending workers of the clock process, as `jobs.__main__` does."""
    jobs.engine.Pump = NotingPump  # type: ignore[attr-defined]
    configured = settings.load()
    start("clock", configured)
    channels = senders(configured, platforms(configured))
    engine = jobs.engine.sending_engine(configured, channels, clock.now, outlets(configured).rules)
    ending = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, stop)
    crew = Crew(tuple(engine.workers))
    with engine:
        crew.start()
        ending.wait()
        engine.stop()
        crew.stop()


def _run(role: str, environment: dict[str, str], notes: Path) -> None:
    written = os.open(notes.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.environ.update(environment)
    NotingPump.notes = notes
    {"sender": run_sender, "embedded": run_embedded}[role]()


class Process:
    """One sending process."""

    def __init__(self, role: str, environment: dict[str, str], notes: Path) -> None:
        self._notes = notes
        self._process = _FORKS.Process(target=_run, args=(role, environment, notes))
        self._process.start()

    def claims(self) -> list[str]:
        """Return the tokens of the claims it took up."""
        return self._notes.read_text().split() if self._notes.exists() else []

    def log(self) -> str:
        return self._notes.with_suffix(".log").read_text()

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.kill()
        self._process.join()

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def retire(self, seconds: float = 60) -> int | None:
        """End it as an operator does; return its exit code, None if it did not end."""
        self._process.terminate()
        self._process.join(seconds)
        return self._process.exitcode

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()


class Staff:
    """The sending processes of one database; `tend` does what else the clock process does.

    With a broker they are sender processes, and `tend` hands chunks over to them.
    """

    def __init__(
        self, engine: Engine, platform: str, folder: Path, broker: str | None = None
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._role = "sender" if broker else "embedded"
        more = {"CARELOOP_BROKER_URL": broker} if broker else {}
        self._environment = sending.environment(sending.url_of(engine), platform, **more)
        self._started = 0
        self.processes: list[Process] = []
        self._dispatchers = _dispatchers(celery_app(broker)) if broker else []

    def add(self) -> Process:
        self._started += 1
        notes = self._folder / f"process-{self._started}"
        self.processes.append(Process(self._role, self._environment, notes))
        return self.processes[-1]

    def dispatch(self) -> None:
        for one in self._dispatchers:
            one.dispatch()

    def tend(self) -> None:
        self.dispatch()
        sending.read_receipts()
        sending.sweep()

    def kill_one(self, chance: Random) -> int:
        """Kill one, start another, and let the leases of the dead end.

        Returns how many calls were out at that moment, over all.
        """
        victim = self.processes.pop(chance.randrange(len(self.processes)))
        victim.kill()
        in_flight = sending.count(sending.State.CALLING)
        dead_at = datetime.now(UTC)
        self.add()
        sending.end_leases_of(self._engine, victim.claims(), dead_at)
        while any(sending.sweep().values()):
            pass
        return in_flight

    def close(self) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.close()
        for process in self.processes:
            process.kill()


def _dispatchers(app: Celery) -> list[Dispatcher]:
    channels = set(sending.PATHS)
    return [Dispatcher(app, lane, channels, lambda: datetime.now(UTC)) for lane in Lane]
