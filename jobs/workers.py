"""The worker threads: react to events, send the outbox, read what platforms sent."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy.exc import OperationalError

from app import clock
from app.database import unit_of_work
from app.services.reacting import react, who_must_read
from jobs.chores import Work
from jobs.reactions import REACTIONS

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Worker:
    """Something to repeat: `step` returns how much it did; 0 means rest for `pause` seconds.

    `listen` rests until there is a hint or the seconds are over.
    """

    name: str
    step: Callable[[], int]
    pause: float
    listen: Callable[[float], object] | None = None


class Crew:
    """Runs each worker in a thread of its own until told to stop."""

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(worker,), name=worker.name)
            for worker in workers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 20) -> None:
        """Let every worker finish what it holds."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(seconds)

    def _repeat(self, worker: Worker) -> None:
        with structlog.contextvars.bound_contextvars(job=worker.name):
            while not self._stopped.is_set():
                if not _attempt(worker):
                    (worker.listen or self._stopped.wait)(worker.pause)


def _attempt(worker: Worker) -> int:
    try:
        return worker.step()
    except OperationalError as error:
        # A deadlock or a lost database: nothing was committed, the next round takes it up.
        log.warning("worker_interrupted", exc_info=error)
    except Exception as error:
        log.error("worker_failed", exc_info=error)
    return 0


def react_to_events(work: Work) -> int:
    """Let every reaction read on, one batch each; return how many events were read."""
    read = 0
    with unit_of_work.begin() as session:
        waiting = who_must_read(
            session, {reaction.key: reaction.kinds for reaction in REACTIONS}, clock.now()
        )
    for reaction in REACTIONS:
        if reaction.key not in waiting:
            continue
        with unit_of_work.begin() as session:
            read += react(
                session,
                reaction.key,
                reaction.kinds,
                partial(reaction.handle, work),
                clock.now(),
            )
    return read
