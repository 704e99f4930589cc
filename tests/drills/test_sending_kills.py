"""D1: workers are killed again and again while they send; nothing is lost, nothing told twice."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tests.drills import sending
from tests.drills.crew import Staff
from tests.drills.sending import AGAIN, ONCE, UNFINISHED, State, wait_until
from tests.drills.sizes import chance, report, size
from tests.standin.support import Platform

MESSAGES, KILLS, WORKERS = size(240, 6_000), size(3, 60), size(1, 3)
_TURN = 0.02  # seconds between looks of the clock process


@pytest.mark.mariadb
@pytest.mark.timeout(120 + 12 * KILLS)
@pytest.mark.parametrize("engine", ["embedded", "senders"])
def test_killed_workers_lose_nothing_and_tell_nobody_twice(
    engine: str, mariadb: Engine, staff: Callable[[str], Staff], platform: Platform
) -> None:
    luck = chance(f"D1 {engine}")
    # A process that dies with the token half fetched keeps its route closed for half a minute.
    posted, in_flight = sending.post(platform, 1), 0
    sending.send_all(sending.wired(mariadb, platform.url))
    platform.control("/latency", ms=500)
    crew, begun = staff(engine), time.monotonic()
    for _ in range(WORKERS):
        crew.add()

    def work_until(condition: Callable[[], object], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            crew.tend()
            assert time.monotonic() < end, f"left: {sending.flat(sending.states())}"
            time.sleep(_TURN)

    def is_calling_or_done() -> bool:
        return bool(sending.count(State.CALLING)) or not sending.count(*UNFINISHED)

    for _ in range(KILLS):
        posted += sending.post(platform, MESSAGES // KILLS // 2)
        # Or all went out between two looks: then one that rests is killed.
        wait_until(lambda: crew.dispatch() or is_calling_or_done(), 60)
        time.sleep(luck.random() * 0.5)
        in_flight += crew.kill_one(luck)
        sending.read_receipts()
    work_until(lambda: not sending.count(*UNFINISHED), 120)
    seconds = time.monotonic() - begun
    sending.await_receipts(platform)

    unknown = sending.states(ONCE.channel)[State.UNKNOWN]
    broken_off = sending.calls_without_end()
    # Whose call was never made gets no receipt: another channel takes it up.
    sending.sweep(datetime.now(UTC) + timedelta(minutes=16))
    books = sending.check_books(platform, posted)
    repeats = sending.called(platform, AGAIN.channel) - len(posted.again)
    report(
        f"D1 {engine}", messages=posted.size, kills=KILLS, seconds=round(seconds),
        in_flight=in_flight, broken_off=broken_off, repeats=repeats, never_made=unknown,
        books=sending.flat(books),
    )  # fmt: skip
    assert 0 < broken_off <= in_flight
    assert sending.called(platform, ONCE.channel) <= len(posted.once)
    assert 0 <= repeats <= broken_off
    assert unknown <= broken_off
    assert books[f"{AGAIN.channel} {State.DELIVERED}"] == len(posted.again)
