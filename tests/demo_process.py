"""The demo as somebody starts it: its own process, its own folder, free ports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT


@dataclass
class RunningDemo:
    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def children(self) -> list[int]:
        """Return the processes that the demo started and that still run."""
        own = str(self.process.pid)
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                after_name = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended while we looked
            if after_name[1] == own and after_name[0] != "Z":
                found.append(int(entry.parent.name))
        return found


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[RunningDemo]:
    """Start the demo, wait for its address, and end it."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CARELOOP")}
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.demo", "--folder", str(folder), "--port", "0", *options],
            cwd=ROOT,
            env=clean,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        url = _address(process, output)
        yield RunningDemo(url, process, folder)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def _address(process: subprocess.Popen[bytes], output: Path) -> str:
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        told = output.read_text()
        if "Ctrl-C" in told:
            return next(word for word in told.split() if word.endswith("/demo")).removesuffix(
                "/demo"
            )
        time.sleep(0.05)
    raise AssertionError(f"the demo did not start: {output.read_text()}")
