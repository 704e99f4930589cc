"""Sender processes behind a broker: more of them, fewer of them, dead ones; each message once."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from app.database import unit_of_work
from app.domain.outreach.messaging import Channel, CommunicationState
from app.models import Communication
from app.services.outreach import outbox
from benchmarks import outreach, stub_platform
from tests import services
from tests.integration.postbox import end_leases
from tests.integration.sender_site import Site, sending_site

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]
State = CommunicationState
UNFINISHED = (State.QUEUED, State.CLAIMED, State.CALLING)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.RabbitMQ]:
    server = services.RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def platform() -> Iterator[str]:
    with stub_platform.started() as address:
        yield address


@pytest.fixture
def site(mariadb: Engine, broker: services.RabbitMQ, platform: str) -> Iterator[Site]:
    url = mariadb.url.render_as_string(hide_password=False)
    with sending_site(url, broker.url, platform) as made:
        yield made


def count(state: State | None = None) -> int:
    chosen = (state,) if state else UNFINISHED
    with unit_of_work() as session:
        found = select(func.count()).where(Communication.state.in_(chosen))
        return session.scalar(found) or 0


def dispatch_until(site: Site, left: int, seconds: float = 200) -> None:
    """Hand chunks over until no more than `left` messages are unfinished."""
    end = time.monotonic() + seconds
    while count() > left:
        site.dispatch()
        with unit_of_work.begin() as session:
            outbox.sweep(session, datetime.now(UTC))
        time.sleep(0.1)
        assert time.monotonic() < end, f"{count()} messages are not sent"


def test_a_killed_sender_loses_nothing_and_its_successor_goes_on(
    site: Site, mariadb: Engine, platform: str
) -> None:
    outreach.told(platform, delay_ms=200)
    kinds = {
        name: outreach.queue(kind, 700, datetime.now(UTC)) for name, kind in outreach.KINDS.items()
    }
    site.add_sender()
    dispatch_until(site, 1_300)
    site.kill_one()
    in_flight = count(State.CALLING)
    assert in_flight > 0
    end_leases(mariadb)
    with unit_of_work.begin() as session:
        outbox.sweep(session, datetime.now(UTC) + timedelta(seconds=10))
    site.add_sender()
    site.add_sender()
    # The broker hands the dead one's chunk over again; its rows are queued anew or called.
    dispatch_until(site, 0)
    assert site.retire_one() == 0

    people = outreach.told(platform)["people"]
    assert set(people) >= set(kinds["at_least_once"])
    once = [people.get(openid, 0) for openid in kinds["at_most_once"]]
    assert max(once) == 1
    with unit_of_work() as session:
        of = select(func.count()).where(
            Communication.channel == Channel.SUBSCRIPTION, Communication.state == State.UNKNOWN
        )
        unknown = session.scalar(of) or 0
    # None is lost unseen: who got nothing is unknown, and those are no more than were called.
    assert once.count(0) <= unknown <= in_flight


def test_while_the_broker_is_away_nothing_is_claimed(site: Site, broker: services.RabbitMQ) -> None:
    outreach.queue(outreach.KINDS["at_least_once"], 20, datetime.now(UTC))
    assert site.dispatch() == 20
    broker.kill()
    outreach.queue(outreach.KINDS["at_least_once"], 20, datetime.now(UTC))

    assert site.dispatch() == 0
    assert count(State.QUEUED) == 20
    broker.start()
    site.add_sender()
    dispatch_until(site, 0)
