"""How every benchmark measures: a warm-up, A B A B, medians and spread, one JSON object at the end.

Rates of this machine mean nothing elsewhere; the ratio of two things done in the same run does.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app import logs
from app.database import make_engine
from tests import services
from tests.conftest import create_database, migrate

SEED = 20261122
# Of the database's pages: a hospital's server has more than the data of a day.
_MEMORY_MB = 2048


@dataclass(frozen=True, slots=True)
class Options:
    """`rounds` of each side after one warm-up; `scale` 1 is the size that counts."""

    rounds: int
    scale: float


def options(description: str, arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="what it does anyway")
    parser.add_argument("--rounds", type=int, default=5, help="of each side, after a warm-up")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller, to see that it runs")
    given = parser.parse_args(arguments)
    logs.configure("benchmark")  # to standard error
    return Options(given.rounds, given.scale)


def progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def alternate(
    ours: Callable[[], dict[str, float]], bare: Callable[[], dict[str, float]], rounds: int
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Run both in turn, `rounds` times each, and return what they measured without the warm-up."""
    sides: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for number in range(rounds + 1):
        for side, run in zip(sides, (ours, bare), strict=True):
            found = run()
            if number:
                side.append(found)
        if number:
            progress(f"round {number}: ours {_words(sides[0][-1])}; bare {_words(sides[1][-1])}")
    return sides


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the median of each figure, and the least and most of it."""
    return {
        name: {
            "median": round(statistics.median(values), 2),
            "spread": [round(min(values), 2), round(max(values), 2)],
        }
        for name in rounds[0]
        for values in [[one[name] for one in rounds]]
    }


def paired_ratio(
    ours: Sequence[dict[str, float]], bare: Sequence[dict[str, float]], name: str
) -> float:
    """Return the median ratio of neighbouring rounds: what else the machine did hits both."""
    return round(statistics.median(a[name] / b[name] for a, b in zip(ours, bare, strict=True)), 3)


class Busyness:
    """How busy the machine was with anything, and with others before we began."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._before, self._begun = _cpu(), time.monotonic()

    def report(self) -> dict[str, Any]:
        (idle, total), (idle_before, total_before) = _cpu(), self._before
        busy = 1 - (idle - idle_before) / max(1, total - total_before)
        return {
            "cpus": os.cpu_count(),
            "load_before": round(self._load, 2),
            "busy": round(busy, 2),
            "seconds": round(time.monotonic() - self._begun, 1),
        }


def finish(benchmark: str, result: dict[str, Any]) -> None:
    """Print the one object, on the last line of standard output."""
    print(json.dumps({"benchmark": benchmark, "seed": SEED, **result}, ensure_ascii=False))


@contextmanager
def fresh_database(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of an empty, migrated database: in a new folder, or on TEST_DATABASE_URL.

    A `durable` one syncs each commit to the disk.
    """
    with ExitStack() as stack:
        server = os.environ.get("TEST_DATABASE_URL", "").rstrip("/")
        if not server:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="careloop-bench-"))
            server = stack.enter_context(
                services.mariadb(Path(folder), durable=durable, memory_mb=_MEMORY_MB)
            )
        name = f"careloop_bench_{os.getpid()}"
        url = create_database(server, name)
        engine = make_engine(url)
        migrate(engine)
        try:
            yield url
        finally:
            with engine.begin() as connection:
                connection.execute(text(f"DROP DATABASE {name}"))
            engine.dispose()


def _cpu() -> tuple[int, int]:
    fields = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return fields[3] + fields[4], sum(fields)


def _words(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in found.items())
