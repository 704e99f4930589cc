"""The outbox under many workers, and workers that die: only a real MariaDB can prove it."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.outreach.messaging import (
    Accepted,
    Channel,
    CommunicationState,
    ErrorClass,
    Failure,
    Outcome,
    Outgoing,
)
from app.models import Communication, CommunicationAttempt, Event
from app.services.outreach import outbox
from jobs.insisting import insist
from tests.conftest import NOON, ROOT, SECRET_KEY
from tests.integration.outbox_worker import CALLS_AT_ONCE
from tests.integration.postbox import Postman, end_leases, letter, send_due, states

State = CommunicationState
pytestmark = pytest.mark.mariadb


def now() -> datetime:
    return NOON


def queue(count: int, recipients: int, channel: Channel = Channel.TEMPLATE) -> None:
    with unit_of_work.begin() as session:
        for number in range(count):
            letter(session, f"o{number % recipients}", channel)


def work_together(workers: int, step: Callable[[], object]) -> None:
    """Let some threads repeat `step` until nothing waits; what one raises, all see."""
    errors: list[BaseException] = []

    def repeat() -> None:
        end = time.monotonic() + 60
        try:
            while _waiting() and time.monotonic() < end and not errors:
                step()
        except OperationalError:
            repeat()  # a deadlock: nothing was written, as in `jobs.workers`
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def _waiting() -> bool:
    unfinished = (State.QUEUED, State.CLAIMED, State.CALLING)
    with unit_of_work.begin() as session:
        found = select(Communication.id).where(Communication.state.in_(unfinished)).limit(1)
        return session.scalar(found) is not None


def test_eight_workers_send_each_of_500_messages_once(mariadb: Engine) -> None:
    queue(500, recipients=120)
    random = Random(7)

    def answer(message: Outgoing) -> Outcome:
        time.sleep(random.random() / 200)
        return Accepted(f"p-{message.public_id}")

    postman = Postman(answer)
    work_together(8, lambda: send_due({Channel.TEMPLATE: postman}, now))

    assert len(postman.carried) == 500
    assert set(postman.carried.values()) == {1}
    assert postman.most_at_once == 1
    with unit_of_work.begin() as session:
        assert states(session) == {State.SENT: 500}
        attempts = select(func.count()).select_from(CommunicationAttempt)
        assert session.scalar(attempts.where(CommunicationAttempt.finished_at.is_not(None))) == 500
        ids = select(func.count()).where(
            Communication.platform_id == func.concat("p-", Communication.public_id)
        )
        assert session.scalar(ids) == 500


def test_a_sender_that_raises_stops_nobody_else(mariadb: Engine) -> None:
    queue(20, recipients=20)

    def answer(message: Outgoing) -> Outcome:
        if message.content["openid"] == "o7":
            raise ValueError("poison")
        return Accepted(f"p-{message.public_id}")

    send_due({Channel.TEMPLATE: Postman(answer)}, now)

    with unit_of_work.begin() as session:
        assert states(session) == {State.SENT: 19, State.QUEUED: 1}


def test_an_answer_that_cannot_be_kept_spoils_no_other(mariadb: Engine) -> None:
    queue(8, recipients=8)

    def answer(message: Outgoing) -> Outcome:
        return Accepted("no id\n" if message.content["openid"] == "o3" else "p")

    send_due({Channel.TEMPLATE: Postman(answer)}, now)

    with unit_of_work.begin() as session:
        assert states(session) == {State.SENT: 7, State.CALLING: 1}


def test_a_transaction_is_made_again_when_its_connection_is_lost(mariadb: Engine) -> None:
    tries = []

    def step(session: Session) -> str:
        letter(session)
        tries.append(1)
        if len(tries) < 3:
            session.execute(text("KILL CONNECTION_ID()"))
        return "written"

    assert insist(step) == "written"
    assert len(tries) == 3
    with unit_of_work.begin() as session:
        assert states(session) == {State.QUEUED: 1}


def test_a_transaction_is_made_again_when_all_connections_are_taken(mariadb: Engine) -> None:
    narrow = create_engine(mariadb.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    unit_of_work.configure(bind=narrow)
    taken = narrow.connect()
    threading.Timer(0.5, taken.close).start()

    assert insist(lambda session: session.scalar(text("SELECT 7"))) == 7
    narrow.dispose()


# ----------------------------------------------------------------------- a worker is killed


def kill_while_calling(engine: Engine, calls: int) -> set[str]:
    """Start a worker, kill it while `calls` messages are on the wire; return their public ids."""
    url = engine.url.render_as_string(hide_password=False)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.outbox_worker", url, SECRET_KEY],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout is not None
    called = {worker.stdout.readline().strip() for _ in range(calls)}
    worker.kill()
    worker.wait()
    worker.stdout.close()
    return called


def test_a_killed_call_of_an_at_most_once_kind_is_never_made_again(mariadb: Engine) -> None:
    with unit_of_work.begin() as session:
        for number in range(4):
            letter(
                session, f"o{number}", Channel.WECOM_CARD_UPDATE,
                due_at=datetime.now(UTC), expires_at=datetime.now(UTC) + timedelta(days=1),
            )  # fmt: skip
    called = kill_while_calling(mariadb, 4)
    assert len(called) == 4
    with unit_of_work.begin() as session:
        assert states(session) == {State.CALLING: 4}  # committed before the first byte left
        assert outbox.sweep(session, datetime.now(UTC))["unknown"] == 0  # the lease still runs
    end_leases(mariadb)

    with unit_of_work.begin() as session:
        assert outbox.sweep(session, datetime.now(UTC))["unknown"] == 4
        session.flush()
        assert states(session) == {State.UNKNOWN: 4}
    postman = Postman()
    send_due({Channel.WECOM_CARD_UPDATE: postman}, lambda: datetime.now(UTC))
    with unit_of_work.begin() as session:
        outbox.sweep(session, datetime.now(UTC) + timedelta(minutes=16))

    assert not postman.carried
    with unit_of_work.begin() as session:
        assert states(session) == {State.DEAD: 4}
        failed = session.scalars(select(Event.payload).filter_by(kind="communication.failed"))
        told = {one["communication_id"] for one in failed}
        assert told == set(session.scalars(select(Communication.id)))


def test_a_killed_call_of_an_at_least_once_kind_is_made_again_later(
    mariadb: Engine,
) -> None:
    start = datetime.now(UTC)
    with unit_of_work.begin() as session:
        for number in range(4):
            letter(session, f"o{number}", due_at=start, expires_at=start + timedelta(days=1))
    called = kill_while_calling(mariadb, 4)
    postman = Postman()
    senders = {Channel.TEMPLATE: postman}
    send_due(senders, lambda: datetime.now(UTC))
    assert not postman.carried

    end_leases(mariadb)
    with unit_of_work.begin() as session:
        outbox.sweep(session, datetime.now(UTC))
    send_due(senders, lambda: datetime.now(UTC) + timedelta(seconds=10))

    assert dict(postman.carried) == dict.fromkeys(called, 1)
    with unit_of_work.begin() as session:
        assert states(session) == {State.SENT: 4}
        assert set(session.scalars(select(Communication.tries))) == {2}


def test_workers_killed_again_and_again_lose_nothing(mariadb: Engine) -> None:
    """The small form of the drill: 80 of each kind, three kills, then a healthy worker."""
    start = datetime.now(UTC)
    with unit_of_work.begin() as session:
        for number in range(160):
            channel = Channel.TEMPLATE if number % 2 else Channel.SUBSCRIPTION
            letter(
                session, f"o{number}", channel, due_at=start,
                expires_at=start + timedelta(days=1),
            )  # fmt: skip
    on_the_wire: list[str] = []
    for _ in range(3):
        on_the_wire += kill_while_calling(mariadb, CALLS_AT_ONCE)
        end_leases(mariadb)
        with unit_of_work.begin() as session:
            outbox.sweep(session, datetime.now(UTC))
    postman = Postman()
    senders = dict.fromkeys((Channel.TEMPLATE, Channel.SUBSCRIPTION), postman)
    later = start + timedelta(minutes=3)
    work_together(2, lambda: send_due(senders, lambda: later))

    assert set(postman.carried.values()) == {1}
    with unit_of_work.begin() as session:
        rows = session.execute(
            select(Communication.public_id, Communication.channel, Communication.state)
        ).all()
    for public_id, channel, state in rows:
        calls = on_the_wire.count(public_id) + postman.carried[public_id]
        if channel is Channel.SUBSCRIPTION:
            assert calls == 1
            assert state is (State.UNKNOWN if public_id in on_the_wire else State.SENT)
        else:
            assert state is State.SENT
    unknown = sum(state is State.UNKNOWN for _, _, state in rows)
    assert 0 < unknown <= len(on_the_wire)


def test_a_platform_that_fails_half_the_time_gets_bounded_tries(
    mariadb: Engine,
) -> None:
    queue(60, recipients=60)
    random, lock = Random(11), threading.Lock()

    def answer(message: Outgoing) -> Outcome:
        with lock:
            lucky = random.random() < 0.5
        return Accepted(f"p-{message.public_id}") if lucky else Failure(ErrorClass.BUSY, -1)

    postman = Postman(answer)
    moment = [NOON]

    def step() -> None:
        send_due({Channel.TEMPLATE: postman}, lambda: moment[0])
        moment[0] += timedelta(minutes=2)

    work_together(1, step)

    assert max(postman.carried.values()) <= 8
    with unit_of_work.begin() as session:
        ended = states(session)
    assert sum(ended.values()) == 60
    assert set(ended) <= {State.SENT, State.DEAD}
    assert ended[State.SENT] >= 55
