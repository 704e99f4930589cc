"""Again and again the listener or the database dies in mid-work; nothing is lost or doubled."""

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from app import clock
from app.integrations.hl7.framing import enframe
from app.services.intake import interpret_pending
from tests.conftest import ROOT, SECRET_KEYS, create_database, make_engine, migrate
from tests.drills.feeding import differences, feed, reader
from tests.drills.hospital_stream import Disturbance, Hospital, disturb
from tests.drills.sizes import SEED, size
from tests.integration.record_state import record_state
from tests.integration.test_intake_listener import Sender
from tests.services import MariaDB, free_port

MESSAGES = int(os.environ.get("CARELOOP_DRILL_MESSAGES", size(300, 10_000)))
KILLS = 20 if MESSAGES >= 500 else 8


class Listener:
    """The real process on a fixed port; it may be killed and started again."""

    def __init__(self, database_url: str) -> None:
        self.port = free_port()
        self._environment = os.environ | {
            "CARELOOP_DATABASE_URL": database_url,
            "CARELOOP_SECRET_KEYS": SECRET_KEYS,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.integrations.hl7", "--port", str(self.port)],
            cwd=ROOT, env=self._environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError("the listener did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def send_until_settled(port: int, messages: list[bytes], sent: list[int]) -> None:
    """Send each message again and again until it is taken or refused for good, as senders do."""
    sender: Sender | None = None
    for message in messages:
        while True:
            try:
                sender = sender or Sender(port)
                sender.socket.sendall(enframe(message))
                answer = sender.answer()
            except OSError:
                answer = ""
            if answer.split("|")[1:2] in (["AA"], ["AR"]) or b"\xff\xfe\xff" in message:
                break
            if not answer and sender is not None:
                sender.close()
                sender = None
            time.sleep(0.05)
        sent[0] += 1
    if sender is not None:
        sender.close()


@contextmanager
def own_database(tmp_path: Path) -> Iterator[MariaDB]:
    server = MariaDB(tmp_path)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def sweep(engine: Engine) -> None:
    """Interpret what a death left between the store and the record, as the worker does."""
    later = clock.now() + timedelta(minutes=1)
    while interpret_pending(sessionmaker(engine), reader(), later, 500):
        pass


@pytest.mark.mariadb
@pytest.mark.timeout(420 + MESSAGES // 5)
def test_deaths_leave_the_state_of_a_quiet_day(tmp_path: Path) -> None:
    told = Hospital(SEED).tell(MESSAGES)
    with own_database(tmp_path) as server:
        quiet = make_engine(create_database(server.url, "quiet"))
        migrate(quiet)
        feed(quiet, told)
        with Session(quiet) as session:
            expected = record_state(session)
        quiet.dispose()

        stormy = make_engine(create_database(server.url, "stormy"))
        migrate(stormy)
        listener = Listener(stormy.url.render_as_string(hide_password=False))
        listener.start()
        stormy.dispose()
        messages = disturb(told, SEED, Disturbance(delayed=0.02))
        sent = [0]
        sending = threading.Thread(target=send_until_settled, args=(listener.port, messages, sent))
        sending.start()
        chance = random.Random(SEED)
        try:
            for kill in range(KILLS):
                goal = (kill + 1) * len(messages) // (KILLS + 1)
                while sent[0] < goal and sending.is_alive():
                    time.sleep(0.005)
                time.sleep(chance.random() * 0.02)  # somewhere within a message
                victim = server if kill % 2 else listener
                victim.kill()
                victim.start()
            sending.join(timeout=200)
            assert not sending.is_alive(), f"only {sent[0]} of {len(messages)} messages got through"
            sweep(stormy)
        finally:
            listener.kill()
        with Session(stormy) as session:
            assert session.execute(text("select count(*) from inbound_message")).scalar_one() > 0
            assert differences(record_state(session), expected) == []
        stormy.dispose()
