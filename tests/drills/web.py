"""The web process as an operator runs it."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT
from tests.drills.sending import wait_until
from tests.services import free_port


@contextmanager
def web_process(
    environment: Mapping[str, str], log: Path, workers: int = 2
) -> Iterator[tuple[int, int]]:
    """Run what `make run` runs; yield its process id and port."""
    port = free_port()
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--workers", str(workers), "--threads", "4",
             "--no-control-socket", "--bind", f"127.0.0.1:{port}", "wsgi:app"],
            cwd=ROOT, env={**os.environ, **environment}, stdout=written, stderr=written,
        )  # fmt: skip
    try:
        wait_until(lambda: _answers(port), 60)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return bool(connection.getresponse().status == 200)
    except OSError:
        return False
    finally:
        connection.close()
