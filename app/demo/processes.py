"""The demo's processes: started together, watched, and ended together."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.error import URLError

ROOT: Final = Path(__file__).resolve().parents[2]
_TO_END: Final = 8.0  # seconds a process has to finish what it holds
_LOOK: Final = 0.05


class CannotRun(Exception):
    """A process did not start, or ended by itself; the text is for the person who started it."""


@dataclass
class Child:
    name: str  # as a person calls it
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class Company:
    """The processes of one demo; `with` ends them all, whatever happened."""

    folder: Path
    environment: Mapping[str, str]
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> "Company":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, key: str, name: str, *arguments: str) -> None:
        """Start `python ARGUMENTS`, with its output in a file of its own."""
        log = self.folder / f"{key}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches this process alone, which then ends the others in order.
                start_new_session=True,
            )
        self.children.append(Child(name, process, log))

    def await_url(self, url: str, seconds: float) -> None:
        """Wait until `url` answers.

        :raises CannotRun: a process ended meanwhile, or it took too long
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # our own
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(_LOOK)
        raise CannotRun(f"没有等到 {url} / no answer from {url}")

    def check(self) -> None:
        """:raises CannotRun: a process ended by itself"""
        for child in self.children:
            status = child.process.poll()
            if status is not None:
                raise CannotRun(
                    f"{child.name} 意外停止（退出码 {status}），记录在 {child.log}"
                    f" / {child.name} stopped by itself, see {child.log}"
                )

    def end(self) -> None:
        """Ask every process to finish, then insist; the last one started ends first."""
        for child in reversed(self.children):
            _signal(child, signal.SIGTERM)
        until = time.monotonic() + _TO_END
        for child in reversed(self.children):
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
        self.children.clear()


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process.poll() is not None:
        return
    if number is signal.SIGKILL:
        os.killpg(child.process.pid, number)  # a web server's workers too
    else:
        child.process.send_signal(number)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether `port` can be listened on; one that has just been left counts as free."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
