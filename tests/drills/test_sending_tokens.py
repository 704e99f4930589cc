"""D7 and D8: no token is taken for ever, fifty processes start with none; neither is a storm."""

import math
import multiprocessing
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.models import RouteGate
from jobs.sending import Pump
from tests.conftest import SECRET_KEY
from tests.drills import sending
from tests.drills.sending import TOKEN_PATH, UNFINISHED, Hands, State, wait_until
from tests.drills.sizes import report, size
from tests.drills.token_seeker import seek
from tests.standin.support import Platform

MESSAGES, SECONDS = size(150, 3_000), size(8, 150)
PROCESSES = size(16, 50)
_FORKS = multiprocessing.get_context("forkserver")


def gates() -> list[Closed | None]:
    with unit_of_work() as session:
        return list(session.scalars(select(RouteGate.closed)))


def fetches(platform: Platform) -> int:
    counted: int = platform.get("/standin/stats")["requests"].get(TOKEN_PATH, 0)
    return counted


@pytest.mark.mariadb
@pytest.mark.timeout(180 + SECONDS)
def test_a_platform_that_takes_no_token_is_not_stormed(
    mariadb: Engine, platform: Platform, hands: Hands
) -> None:
    # Without receipts: a push from the future would be refused.
    platform.control("/receipts", outcome="lost")
    platform.control("/faults", path="/send", kind="errcode", value=40001)
    senders = sending.wired(mariadb, platform.url)
    posted = sending.post(platform, MESSAGES)
    begun = time.monotonic()
    closed_after = None
    with Pump(senders, hands.now) as pump:
        while time.monotonic() - begun < SECONDS:
            pump.send_due()
            sending.sweep(hands.now())
            if closed_after is None and gates() == [Closed.TOKEN] * 2:
                closed_after = time.monotonic() - begun
            time.sleep(0.1)
            # Ours goes forty times as fast from here on, so that many probes are made; that of
            # the tokens is the database's.
            if closed_after is not None:
                hands.move(timedelta(seconds=4))
        minutes = (time.monotonic() - begun) / 60
        fetched, refused = fetches(platform), sending.states()
        platform.http.delete(f"{platform.url}/standin/faults", timeout=10)
        # The last drop was moments ago: a token is good again when the next may be fetched.
        wait_until(lambda: _recover(pump, hands), 90)
    report(
        "D7", messages=posted.size, seconds=SECONDS, token_fetches=fetched,
        closed_after=f"{closed_after or -1:.1f} s", in_trouble=sending.flat(refused),
        at_the_end=sending.flat(sending.states()),
    )  # fmt: skip
    assert closed_after is not None
    assert closed_after <= 10
    assert fetched <= 2 * 2 * math.ceil(minutes)  # two apps
    assert set(refused) <= {State.HELD, State.QUEUED}
    sending.check_books(platform, posted, receipts_come=False)
    assert sending.states() == {State.SENT: posted.size}
    assert gates() == [None, None]


def _recover(pump: Pump, hands: Hands) -> bool:
    while pump.send_due():
        pass
    hands.move(timedelta(minutes=1))
    sending.sweep(hands.now())
    return not sending.count(*UNFINISHED, State.HELD)


@pytest.mark.mariadb
@pytest.mark.timeout(180)
def test_many_processes_without_a_token_fetch_one(mariadb: Engine, platform: Platform) -> None:
    platform.control("/latency", ms=200)
    start, found = _FORKS.Event(), _FORKS.Queue()
    url = sending.url_of(mariadb)
    processes = [
        _FORKS.Process(target=seek, args=(url, SECRET_KEY, platform.url, start, found))
        for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    ready = [found.get(timeout=60) for _ in processes]
    start.set()
    tokens = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(20)

    report("D8", processes=len(set(ready)), fetches=fetches(platform), tokens=len(set(tokens)))
    assert fetches(platform) == 1
    assert len(set(tokens)) == 1
    assert len(set(ready)) == PROCESSES
