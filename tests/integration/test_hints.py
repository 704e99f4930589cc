"""Hints wake other processes; without Redis, or with a broken one, nobody suffers."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from app.integrations.hints import Hints
from tests.conftest import ROOT


@pytest.fixture
def hints() -> Iterator[Callable[[str | None], Hints]]:
    made: list[Hints] = []

    def make(url: str | None) -> Hints:
        made.append(Hints(url))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_hint_wakes_a_thread_of_this_process(hints: Callable[[str | None], Hints]) -> None:
    ours = hints(None)
    threading.Timer(0.1, ours.notify, ("outbox",)).start()
    started = time.monotonic()

    assert ours.wait("outbox", 5)
    assert time.monotonic() - started < 2


def test_a_hint_given_before_the_wait_is_not_lost(hints: Callable[[str | None], Hints]) -> None:
    ours = hints(None)
    ours.notify("outbox")
    ours.notify("outbox")

    assert ours.wait("outbox", 1)
    assert not ours.wait("outbox", 0.05)


def test_a_hint_is_for_its_topic(hints: Callable[[str | None], Hints]) -> None:
    ours = hints(None)
    ours.notify("inbox")

    assert not ours.wait("outbox", 0.05)
    assert ours.wait("inbox", 0.05)


def test_a_hint_reaches_another_process(
    hints: Callable[[str | None], Hints], redis_url: str
) -> None:
    ours = hints(redis_url)
    ours.wait("warm-up", 0.5)  # the listener is subscribed from here on
    script = "import sys; from app.integrations.hints import Hints; Hints(sys.argv[1]).notify('o')"
    other = subprocess.Popen([sys.executable, "-c", script, redis_url], cwd=ROOT)

    assert ours.wait("o", 10)
    assert other.wait(10) == 0


def test_a_dead_redis_stops_nobody(hints: Callable[[str | None], Hints]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ours = hints(f"redis://127.0.0.1:{port}/0")
    started = time.monotonic()

    ours.notify("outbox")
    assert ours.wait("outbox", 1)
    assert not ours.wait("outbox", 0.2)
    assert time.monotonic() - started < 0.5


def test_a_hanging_redis_costs_half_a_second_once(hints: Callable[[str | None], Hints]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections, says nothing
        ours = hints(f"redis://127.0.0.1:{hanging.getsockname()[1]}/0")
        started = time.monotonic()
        for _ in range(20):
            ours.notify("outbox")
        notified = time.monotonic() - started

        started = time.monotonic()
        assert ours.wait("outbox", 0.2)
        assert not ours.wait("outbox", 0.2)
        waited = time.monotonic() - started
        ours.close()

    assert notified < 0.9
    assert waited < 0.5
