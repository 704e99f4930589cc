"""D15: an operator restarts one process after the other; nobody outside notices."""

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from app.database import unit_of_work
from app.models import Communication
from tests.drills import sending
from tests.drills.crew import Staff
from tests.drills.sending import UNFINISHED, State, wait_until
from tests.drills.sizes import chance, report, size
from tests.drills.web import web_process
from tests.standin.support import Platform

MESSAGES, RESTARTS = size(200, 6_000), size(2, 20)
RATE, WEB_RESTARTS = size(20, 100), size(1, 10)  # requests a second; workers
GRACE_SECONDS = 25


def rows_of(tokens: list[str]) -> int:
    with unit_of_work() as session:
        found = select(func.count()).where(Communication.claim_token.in_(tokens))
        return session.scalar(found) or 0


@pytest.mark.mariadb
@pytest.mark.timeout(150 + 30 * RESTARTS)
@pytest.mark.parametrize("engine", ["embedded", "senders"])
def test_restarted_senders_leave_nothing_behind(
    engine: str, staff: Callable[[str], Staff], platform: Platform
) -> None:
    luck, crew, posted = chance(f"D15 {engine}"), staff(engine), sending.Post([], [])
    platform.control("/latency", ms=300)
    crew.add()
    slowest = 0.0

    def dispatch_until(condition: Callable[[], object]) -> None:
        wait_until(lambda: crew.dispatch() or condition(), 90)

    for _ in range(RESTARTS):
        posted += sending.post(platform, MESSAGES // RESTARTS // 2)
        dispatch_until(lambda: sending.count(State.CALLING))
        time.sleep(luck.random() * 0.3)
        old = crew.processes.pop(0)
        crew.add()
        begun = time.monotonic()
        assert old.retire(GRACE_SECONDS) == 0, old.log()[-2000:]
        slowest = max(slowest, time.monotonic() - begun)
        # No lease had to end, and nothing was swept.
        assert rows_of(old.claims()) == 0
    dispatch_until(lambda: not sending.count(*UNFINISHED))
    sending.await_receipts(platform)

    broken_off = sending.calls_without_end()
    report(
        f"D15 {engine}", messages=posted.size, restarts=RESTARTS, broken_off=broken_off,
        slowest=f"{slowest:.1f} s", ends=sending.flat(sending.states()),
    )  # fmt: skip
    assert broken_off == 0
    assert sending.states() == {State.DELIVERED: posted.size}
    assert sum(sending.called(platform, one) for one in sending.PATHS) == posted.size
    sending.check_books(platform, posted)


# ------------------------------------------------------------------------------ the web process


class Visitors(threading.Thread):
    """Ask so many times a second, each on a connection of its own, as a proxy does."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self) -> None:
        began, asked, threads = time.monotonic(), 0, []
        while not self._over.is_set():
            asked += 1
            threads.append(threading.Thread(target=self._ask, daemon=True))
            threads[-1].start()
            self._over.wait(max(0.0, began + asked / RATE - time.monotonic()))
        for thread in threads:
            thread.join(30)

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _ask(self) -> None:
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("GET", "/readyz")
            told = str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            told = type(error).__name__
        finally:
            connection.close()
        with self._lock:
            self.answers[told] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)


def workers_of(master: int) -> set[int]:
    told = Path(f"/proc/{master}/task/{master}/children").read_text()
    return {int(one) for one in told.split()}


@pytest.mark.mariadb
@pytest.mark.timeout(180 + 20 * WEB_RESTARTS)
def test_web_workers_are_replaced_and_no_request_fails(
    mariadb: Engine, platform: Platform, tmp_path: Path
) -> None:
    environment = sending.environment(
        sending.url_of(mariadb), platform.url, CARELOOP_SPOOL_FOLDER=str(tmp_path / "spool")
    )
    log = tmp_path / "web.log"
    with web_process(environment, log) as (master, port):
        wait_until(lambda: log.read_text().count("Booting worker") >= 2, 60)
        time.sleep(3)
        visitors = Visitors(port)
        visitors.start()
        for _ in range(WEB_RESTARTS):
            time.sleep(0.5)
            before = workers_of(master)
            old = min(before)
            os.kill(old, signal.SIGTERM)
            wait_until(lambda: old not in workers_of(master), 60)  # noqa: B023
            wait_until(lambda: len(workers_of(master)) == 2, 60)
            time.sleep(4)  # it reads the program
        visitors.stop()
    report(
        "D15 web", rate=RATE, restarts=WEB_RESTARTS, answers=sending.flat(visitors.answers),
        slowest=f"{visitors.slowest:.1f} s",
    )  # fmt: skip
    assert set(visitors.answers) == {"200"}
    assert sum(visitors.answers.values()) > RATE
