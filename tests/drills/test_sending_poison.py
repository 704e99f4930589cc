"""D20: one message in fifty is poison; all others go out, and each poison is told with a reason."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import pytest
from sqlalchemy import Engine, select

from app.database import unit_of_work
from app.domain.outreach.messaging import Accepted, Outcome, Outgoing, Sender
from app.models import Communication
from jobs.sending import Pump
from jobs.wire import Senders
from tests.drills import sending
from tests.drills.sending import UNFINISHED, Hands, State
from tests.drills.sizes import chance, report, size
from tests.integration.postbox import end_leases
from tests.standin.support import Platform

MESSAGES = size(300, 6_000)
STEP = timedelta(seconds=30)
IN_FLIGHT = 32


def bad_seal(message: Communication) -> None:
    message.content_sealed = b"\x00" + message.content_sealed[1:-1]


def bad_shape(message: Communication) -> None:
    message.content = '{"openid": 7}'


def bad_json(message: Communication) -> None:
    message.content = "{"


def raises(message: Communication) -> None:
    message.content = '{"poison": "raises"}'


def bad_answer(message: Communication) -> None:
    message.content = '{"poison": "answer"}'


POISONS: tuple[Callable[[Communication], None], ...] = (
    bad_seal, bad_shape, bad_json, raises, bad_answer,
)  # fmt: skip


def poisonous(sender: Sender) -> Sender:
    """Return a sender that some messages make raise, or answer what cannot be kept."""

    def send(message: Outgoing) -> Outcome:
        kind = message.content.get("poison")
        if kind == "raises":
            raise RuntimeError("poison")
        return Accepted("no id\n") if kind == "answer" else sender(message)

    return send


@pytest.mark.mariadb
@pytest.mark.timeout(120 + MESSAGES // 20)
def test_poison_blocks_nobody_and_is_told(
    mariadb: Engine, platform: Platform, hands: Hands
) -> None:
    platform.control("/receipts", outcome="lost")
    luck = chance("D20")
    posted = sending.post(platform, MESSAGES // 2, hands.now())
    with unit_of_work.begin() as session:
        ids = session.scalars(select(Communication.id).order_by(Communication.id)).all()
        chosen = sorted(luck.sample(ids, len(ids) // 50))
        for id_, poison in zip(chosen, cycle(POISONS), strict=False):
            poison(session.get_one(Communication, id_))
    wired = sending.wired(mariadb, platform.url)
    senders: Senders = {channel: poisonous(sender) for channel, sender in wired.items()}

    with Pump(senders, hands.now, IN_FLIGHT) as pump:
        while pump.send_due():
            pass
        first = sending.count(State.SENT)
        for _ in range(80):
            if not sending.count(*UNFINISHED, State.UNKNOWN):
                break
            while pump.send_due():
                pass
            hands.move(STEP)
            end_leases(mariadb)  # nothing is on the wire: only what could not be settled
            sending.sweep(hands.now())

    with unit_of_work() as session:
        rows = session.execute(
            select(
                Communication.id, Communication.state, Communication.reason, Communication.channel
            )
        ).all()
    ends: Counter[str] = Counter()
    for id_, state, reason, _ in rows:
        if id_ in chosen:
            ends[f"{state}:{reason}"] += 1
            assert state in (State.DEAD, State.HELD)
            assert reason
        else:
            assert state is State.SENT
    report(
        "D20", messages=posted.size, poisons=len(chosen), sent_at_first=first,
        ends=sending.flat(ends),
    )  # fmt: skip
    assert first == posted.size - len(chosen)  # nobody waited for the poison
    for channel in sending.PATHS:
        assert set(sending.arrived(platform, channel).values()) == {1}
