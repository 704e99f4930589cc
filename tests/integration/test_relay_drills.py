"""The relay's real process while the inner zone is away, and while it is killed: each push once."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, func, select

from app.database import unit_of_work
from app.models import InboundMessage, RelayedCallback
from jobs.relayed import take_callbacks
from tests.conftest import ROOT
from tests.integration.callback_site import make_receiver, signed
from tests.integration.test_relay import ACCOUNT, WECOM, account, account_url, event
from tests.services import free_port
from tests.standin.support import TOKEN

__all__ = ["account"]

pytestmark = pytest.mark.mariadb
SENDERS = ("NurseChen", "NurseLi", "NurseWang")


class Process:
    """`python -m wecom.relay`, which may be killed and started again on one address and spool."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._port = free_port()
        self._environment = {
            "PATH": os.environ["PATH"],
            "CARELOOP_RELAY_PORT": str(self._port),
            "CARELOOP_RELAY_DATABASE_URL": database_url,
            "CARELOOP_RELAY_SPOOL_FOLDER": str(folder / "outer"),
            "CARELOOP_RELAY_APPS": json.dumps([{"source": "wecom:nurse", "callback_token": TOKEN}]),
        }
        self.said = folder / "relay.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "wecom.relay"], cwd=ROOT, env=self._environment,
                stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 40
        while not self._answers():
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """End every thread of it between one instruction and the next."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def push(self, number: int, sender: str, nonce: str = "n") -> int | None:
        """Send a push as the platform would; None where no answer came."""
        query, body = signed(event(number, sender), WECOM, time.time(), nonce)
        url = f"http://127.0.0.1:{self._port}/wecom/callback/nurse"
        try:
            return requests.post(url, params=query, data=body, timeout=5).status_code
        except requests.RequestException:
            return None

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self._port}/livez", timeout=2).ok
        except requests.RequestException:
            return False


@pytest.fixture
def relay(mariadb: Engine, account: Engine, tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, account_url(mariadb))
    process.start()
    yield process
    process.kill()


def cut(mariadb: Engine) -> None:
    """Shut the relay out of the inner zone: no new connection, the old ones ended."""
    with mariadb.connect() as connection:
        connection.exec_driver_sql(f"ALTER USER '{ACCOUNT}'@'127.0.0.1' ACCOUNT LOCK")
        connection.exec_driver_sql(f"KILL USER '{ACCOUNT}'@'127.0.0.1'")


def mend(mariadb: Engine) -> None:
    with mariadb.connect() as connection:
        connection.exec_driver_sql(f"ALTER USER '{ACCOUNT}'@'127.0.0.1' ACCOUNT UNLOCK")


def handed_in() -> int:
    with unit_of_work.begin() as session:
        return session.scalar(select(func.count()).select_from(RelayedCallback)) or 0


def wait_for(count: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while handed_in() < count and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # were there one too many, it would come now


def take_all(folder: Path) -> list[InboundMessage]:
    pushes = make_receiver(folder / "inner")
    while take_callbacks(pushes):
        pass
    with unit_of_work.begin() as session:
        return list(session.scalars(select(InboundMessage).order_by(InboundMessage.id)))


def numbers(rows: list[InboundMessage], sender: str) -> list[int]:
    return [
        int((row.body or "").partition("<TaskId>k")[2].partition("<")[0])
        for row in rows
        if sender in (row.body or "")
    ]


def test_pushes_wait_out_an_outage_of_the_inner_zone_in_order(
    relay: Process, mariadb: Engine, tmp_path: Path
) -> None:
    pushes = [(number, SENDERS[number % 3]) for number in range(90)]
    answers = []
    for number, sender in pushes:
        if number == 20:
            cut(mariadb)
        answers.append(relay.push(number, sender))
        if number == 70:
            assert handed_in() <= 21
            mend(mariadb)
    wait_for(90)

    rows = take_all(tmp_path)

    assert answers == [200] * 90
    assert handed_in() == 90
    assert len(rows) == 90
    for at, sender in enumerate(SENDERS):
        assert numbers(rows, sender) == list(range(at, 90, 3))
    assert sum(row.repeats for row in rows) == 0
    assert TOKEN not in relay.said.read_text()
    assert "NurseChen" not in relay.said.read_text()


def test_a_relay_killed_again_and_again_loses_and_doubles_nothing(
    relay: Process, tmp_path: Path
) -> None:
    """The platform tries again what was not answered, encrypted anew; kills while it pushes."""
    chance, kills = random.Random(11), 0
    is_over = threading.Event()

    def kill_now_and_then() -> None:
        nonlocal kills
        while not is_over.is_set():
            time.sleep(chance.uniform(0.05, 0.4))
            relay.kill()
            relay.start()
            kills += 1

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    answered = 0
    for number in range(150):
        tries = 0
        while relay.push(number, SENDERS[number % 3], f"n{tries}") != 200:
            tries += 1
            time.sleep(0.05)
        answered += 1
    is_over.set()
    killer.join()
    wait_for(150)

    rows = take_all(tmp_path)

    assert (answered, kills >= 2) == (150, True)
    for at, sender in enumerate(SENDERS):
        assert sorted(numbers(rows, sender)) == list(range(at, 150, 3))


def test_a_kill_while_the_inner_zone_is_away_keeps_what_was_answered(
    relay: Process, mariadb: Engine, tmp_path: Path
) -> None:
    cut(mariadb)
    for number in range(10):
        assert relay.push(number, "NurseChen") == 200
    relay.kill()
    mend(mariadb)
    relay.start()
    wait_for(10)

    assert numbers(take_all(tmp_path), "NurseChen") == list(range(10))
    assert handed_in() == 10
