"""D2: a worker sleeps past its lease and wakes: what it writes late is refused by its token."""

import signal
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select, text

from app.database import unit_of_work
from app.models import Communication
from tests.drills import sending
from tests.drills.crew import Process, Staff
from tests.drills.sending import AGAIN, ONCE, State, wait_until
from tests.drills.sizes import chance, report, size
from tests.integration.postbox import end_leases
from tests.standin.support import Platform

# A process has 264 calls under way at most: the rest of its claim it still has to begin.
MESSAGES, PAUSES = size(320, 400), size(1, 10)


def rows() -> list[tuple[object, ...]]:
    """Return all that a late worker could spoil."""
    with unit_of_work() as session:
        found = session.execute(
            select(
                Communication.id, Communication.state, Communication.claim_token,
                Communication.platform_id, Communication.sent_at, Communication.in_flight,
                Communication.tries, Communication.reason,
            ).order_by(Communication.id)
        ).all()  # fmt: skip
    return [tuple(row) for row in found]


def put_to_sleep(process: Process, engine: Engine) -> None:
    """Stop a process between two of its transactions: with one open, it would lock its rows."""
    others = text(
        "SELECT count(*) FROM information_schema.innodb_trx"
        " WHERE trx_mysql_thread_id <> connection_id()"
    )
    while True:
        process.signal(signal.SIGSTOP)
        time.sleep(0.05)  # what it sent is carried out
        with engine.connect() as connection:
            if not connection.scalar(others):
                return
        process.signal(signal.SIGCONT)
        time.sleep(0.01)


@pytest.mark.mariadb
@pytest.mark.timeout(120 + 30 * PAUSES)
def test_a_worker_that_wakes_late_writes_nothing(
    mariadb: Engine, staff: Callable[[str], Staff], platform: Platform
) -> None:
    luck, crew, refused, begun = chance("D2"), staff("embedded"), 0, 0
    others = sending.wired(mariadb, platform.url)
    posted = sending.post(platform, 1)
    sending.send_all(others)  # both tokens are there
    for _ in range(PAUSES):
        # Without receipts, so that only the sleeper could change a row.
        platform.control("/receipts", outcome="lost")
        platform.control("/latency", ms=1500)
        posted += sending.post(platform, MESSAGES // 2)
        sleeper = crew.add()
        wait_until(lambda: sending.count(State.CALLING) >= 100, 30)
        time.sleep(luck.random())
        put_to_sleep(sleeper, mariadb)
        calling = sending.count(State.CALLING)
        begun += calling
        end_leases(mariadb)
        sending.sweep()
        platform.control("/latency", ms=0)
        sending.send_all(others)
        before = rows()

        sleeper.signal(signal.SIGCONT)
        wait_until(lambda: sleeper.log().count("claim_lost") >= calling, 40)  # noqa: B023

        assert rows() == before
        assert sleeper.retire() == 0
        assert rows() == before
        refused += sleeper.log().count("claim_lost")
        crew.processes.remove(sleeper)

    told = {channel: sending.arrived(platform, channel) for channel in sending.PATHS}
    unknown = sending.states(ONCE.channel)[State.UNKNOWN]
    repeats = sending.called(platform, AGAIN.channel) - len(posted.again)
    report(
        "D2", messages=posted.size, pauses=PAUSES, calling=begun, refused=refused,
        unknown=unknown, repeats=repeats,
    )  # fmt: skip
    assert refused == begun
    assert told[ONCE.channel] == dict.fromkeys(posted.once, 1)
    assert told[AGAIN.channel] == dict.fromkeys(posted.again, 1)
    assert sending.called(platform, ONCE.channel) == len(posted.once)
    assert 0 < unknown + repeats <= begun
    assert sending.states(AGAIN.channel) == {State.SENT: len(posted.again)}
