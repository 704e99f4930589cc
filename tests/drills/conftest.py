"""Fixtures of the drills: a stand-in platform whose clock may be moved, a broker, a staff."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests import services
from tests.drills.crew import Staff
from tests.drills.sending import Hands
from tests.integration.callback_site import (
    Site,
    make_receiver,
    make_site_app,
    one_site,
    pushing,
)
from tests.standin.support import Platform, started

__all__ = ["one_site"]

_THREADS = 400  # of the stand-in: calls on the wire at once


@pytest.fixture(scope="session")
def moved_standin(
    one_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Platform, Hands]]:
    folder = tmp_path_factory.mktemp("standin")
    config, offset = folder / "config.json", folder / "offset"
    config.write_text(json.dumps(pushing(one_site.url)))
    hands = Hands(offset)
    with started(
        config, "--threads", str(_THREADS), "--clock-offset-file", str(offset)
    ) as platform:
        yield platform, hands


@pytest.fixture
def hands(moved_standin: tuple[Platform, Hands]) -> Iterator[Hands]:
    yield moved_standin[1]
    moved_standin[1].reset()


@pytest.fixture
def platform(
    moved_standin: tuple[Platform, Hands], one_site: Site, mariadb: Engine, tmp_path: Path
) -> Platform:
    """The stand-in without a past; it pushes into the inbox of `mariadb`."""
    one_site.app = make_site_app(make_receiver(tmp_path / "spool"))
    found = moved_standin[0]
    for path in ("/reset", "/latency"):
        found.control(path)
    found.http.delete(f"{found.url}/standin/faults", timeout=10)
    found.control("/receipts", delay_seconds=0.02, outcome="success")
    return found


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.RabbitMQ]:
    server = services.RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def staff(
    mariadb: Engine, platform: Platform, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Staff]]:
    """Hire the staff of an engine: «embedded», or «senders» behind the broker."""
    made: list[Staff] = []

    def hire(engine: str) -> Staff:
        broker = request.getfixturevalue("broker").url if engine == "senders" else None
        made.append(Staff(mariadb, platform.url, tmp_path, broker))
        return made[-1]

    yield hire
    for one in made:
        one.close()
