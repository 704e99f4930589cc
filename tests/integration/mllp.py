"""A hospital system that sends over MLLP; listeners to send to, in this process or their own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import clock
from app.database import Base, unit_of_work
from app.integrations.hl7 import __main__ as process
from app.integrations.hl7.envelope import Limits
from app.integrations.hl7.framing import enframe
from app.integrations.hl7.gateway import Gate
from app.integrations.hl7.listener import Listener, Patience
from app.models import InboundMessage
from app.settings import HL7Source
from tests.conftest import ROOT, SECRET_KEYS


class Sender:
    """A hospital system that sends and reads answers."""

    def __init__(self, port: int, connection: socket.socket | None = None) -> None:
        self.socket = connection or socket.create_connection(("127.0.0.1", port), timeout=60)
        self.rest = b""

    def send(self, body: bytes) -> str:
        """Send a message and return MSA of its answer, '' when the connection ended."""
        self.socket.sendall(enframe(body))
        return self.answer()

    def answer(self) -> str:
        """Return MSA of the next answer, '' when the connection ended."""
        return next((s for s in self.segments() if s.startswith("MSA")), "")

    def segments(self) -> list[str]:
        """Return the segments of the next answer, none when the connection ended."""
        while b"\x1c\r" not in self.rest:
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, OSError):
                data = b""
            if not data:
                return []
            self.rest += data
        answer, self.rest = self.rest.split(b"\x1c\r", 1)
        return answer.removeprefix(b"\x0b").decode("utf-8", "replace").split("\r")

    def close(self) -> None:
        self.socket.close()


@contextmanager
def listening(
    *sources: HL7Source, patience: Patience | None = None
) -> Iterator[Callable[[], Sender]]:
    """Run the listener in this process; yield how to connect."""
    known = process.senders(sources or (HL7Source(name="his"),))
    gate = Gate(known, process.Keeper(unit_of_work, clock.now), Limits(), clock.now)
    opened: list[Sender] = []
    with Listener(("127.0.0.1", 0), gate, patience or Patience()) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()

        def connect() -> Sender:
            opened.append(Sender(server.server_address[1]))
            return opened[-1]

        try:
            yield connect
        finally:
            for sender in opened:
                sender.close()
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Running:
    """The real process and its ports by their names."""

    child: "subprocess.Popen[bytes]"
    ports: dict[str, int]

    @property
    def port(self) -> int:
        return self.ports["default"]

    @property
    def memory(self) -> int:
        """The bytes that the process holds."""
        with open(f"/proc/{self.child.pid}/statm") as numbers:
            return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(engine: Engine, sabotage: str = "", **settings: Any) -> Iterator[Running]:
    """Run the real process; `sabotage` is Python that it executes before it starts.

    `settings` are those of the group `hl7`.
    """
    code = (
        "import os, signal, sys\n"
        "from app.integrations.hl7 import __main__ as process, gateway\n"
        "def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{sabotage}\nsys.exit(process.main(['--port', '0']))"
    )
    environment = os.environ | {
        "CARELOOP_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "CARELOOP_SECRET_KEYS": SECRET_KEYS,
        **{f"CARELOOP_HL7__{name.upper()}": json.dumps(value) for name, value in settings.items()},
    }
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    assert child.stderr is not None
    drain = threading.Thread(target=child.stderr.read, daemon=True)
    try:
        ports: dict[str, int] = {}
        while len(ports) < 1 + len(settings.get("listeners", ())):
            line = child.stderr.readline()
            if not line:
                pytest.fail("the listener did not start")
            if b"hl7_listening" in line:
                said = json.loads(line)
                ports[said["channel"]] = said["port"]
        # Unread, its log would fill the pipe and stop it.
        drain.start()
        yield Running(child, ports)
    finally:
        child.kill()
        child.wait()
        if drain.is_alive():
            drain.join()
        child.stderr.close()


def count(engine: Engine, model: type[Base]) -> int:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def statuses(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(InboundMessage.status).order_by(InboundMessage.id)))
