"""D6: the platform refuses, hangs, errs, is an hour down; nothing is lost, nothing is a storm."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.database import unit_of_work
from app.domain.outreach.gates import Closed
from app.domain.outreach.messaging import Channel
from app.models import Event, RouteGate
from app.models.outreach.delivery import MAX_TRIES
from jobs.sending import Pump
from jobs.wire import Senders
from tests.drills import sending
from tests.drills.sending import ONCE, UNFINISHED, Hands, State
from tests.drills.sizes import IS_WHOLE, report, size
from tests.services import free_port
from tests.standin.support import Platform

MESSAGES = size(40, 300)  # of each kind
STEP = timedelta(seconds=30)
MINUTES_5, HOUR = timedelta(minutes=5), timedelta(hours=1)
IN_FLIGHT = 8
SENDS = "/send"
# What certainly did not leave is tried on: eight times, then after 2.5 to 5 minutes each; and
# once more when somebody listens.
PATIENT_TRIES = MAX_TRIES + HOUR // timedelta(minutes=2.5) + 1


@dataclass(frozen=True)
class Trouble:
    """What is wrong with the platform, for how long; no fault: nobody listens."""

    name: str
    fault: dict[str, Any] | None = None
    lasts: timedelta = MINUTES_5
    each: int = MESSAGES
    # Whether a call's effect may come all the same.
    is_ambiguous: bool = True
    closes: Closed | None = Closed.DOWN
    most_tries: int = MAX_TRIES


TROUBLES = [
    Trouble("refused", is_ambiguous=False),
    # So few that each must be tried again and again.
    Trouble("an hour down", None, HOUR, 2, is_ambiguous=False, most_tries=PATIENT_TRIES),
    Trouble("hung up on", {"kind": "refuse-before"}, HOUR if IS_WHOLE else MINUTES_5),
    # Small: the stand-in gives up first. Whole: our own ten seconds do.
    Trouble(
        "hangs", {"kind": "hang", "value": 30 if IS_WHOLE else 0.2}, timedelta(minutes=1)
    ),
    Trouble("500", {"kind": "status", "value": 500}),
    Trouble("half an answer", {"kind": "half", "after": True}),
    Trouble("garbage", {"kind": "garbage", "after": True}),
    Trouble(
        "half of them fail", {"kind": "errcode", "value": -1, "every": 2},
        is_ambiguous=False, closes=None,
    ),
]  # fmt: skip


class Clockwork:
    """What the clock process does for sending, at a time that we move."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    def work(self, senders: Senders, until: timedelta) -> None:
        """Let the time go on, until it is over or nothing waits any more."""
        end = self._hands.now() + until
        with Pump(senders, self._hands.now, IN_FLIGHT) as pump:
            while self._hands.now() < end and sending.count(*UNFINISHED, State.HELD):
                while pump.send_due():
                    pass
                sending.sweep(self._hands.now())
                self._hands.move(STEP)


def gates() -> dict[Channel, Closed | None]:
    with unit_of_work() as session:
        found = session.execute(select(RouteGate.channel, RouteGate.closed)).all()
    return {channel: Closed(why) if why else None for channel, why in found}


def route_events() -> Counter[tuple[str, str]]:
    with unit_of_work() as session:
        found = session.execute(
            select(Event.kind, Event.payload).where(Event.kind.startswith("route."))
        ).all()
    return Counter((kind, payload["channel"]) for kind, payload in found)


@pytest.fixture
def quiet(platform: Platform) -> Iterator[Platform]:
    """The stand-in without receipts: what is unknown stays so until it is given up."""
    platform.control("/receipts", outcome="lost")
    yield platform
    platform.http.delete(f"{platform.url}/standin/faults", timeout=10)


@pytest.mark.mariadb
@pytest.mark.timeout(120 + (900 if IS_WHOLE else 0))
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.name.replace(" ", "-"))
def test_trouble_at_the_platform_loses_nothing(
    trouble: Trouble, quiet: Platform, hands: Hands, mariadb: Engine
) -> None:
    clock = Clockwork(hands)
    well = sending.wired(mariadb, quiet.url)
    ill = well if trouble.fault else sending.wired(mariadb, f"http://127.0.0.1:{free_port()}")
    posted = sending.post(quiet, trouble.each, hands.now())
    if trouble.fault:
        quiet.control("/faults", path=SENDS, **trouble.fault)
    clock.work(ill, trouble.lasts)
    closed, calls_in_trouble = gates(), {one: sending.called(quiet, one) for one in sending.PATHS}

    quiet.http.delete(f"{quiet.url}/standin/faults", timeout=10)
    clock.work(well, timedelta(hours=2))

    hands.move(timedelta(minutes=16))
    sending.sweep(hands.now())
    books = sending.check_books(quiet, posted, receipts_come=False)
    tries, told = sending.most_tries(), route_events()
    report(
        f"D6 {trouble.name}", messages=posted.size, calls_in_trouble=calls_in_trouble,
        most_tries=tries, books=sending.flat(books), gates=sending.flat(told),
    )  # fmt: skip
    assert sending.called(quiet, ONCE.channel) <= len(posted.once) * (
        1 if trouble.is_ambiguous else trouble.most_tries
    )
    assert tries <= trouble.most_tries
    assert set(gates().values()) <= {None}
    for channel in sending.PATHS:
        if trouble.closes is not None:
            assert closed[channel] is trouble.closes
            assert told["route.closed", channel] == told["route.opened", channel] == 1
            # A streak closes the route, with what was out already; then one each half minute.
            probes = trouble.lasts / STEP + 1
            assert calls_in_trouble[channel] <= 10 + 2 * IN_FLIGHT + probes
        if not trouble.is_ambiguous:
            assert books[f"{channel} {State.SENT}"] == trouble.each
