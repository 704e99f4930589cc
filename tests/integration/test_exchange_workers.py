"""Deliveries under several workers, and workers that die: only a real MariaDB can prove it."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from app.database import unit_of_work
from app.domain.exchange.answers import Answer, Verdict
from app.domain.exchange.delivering import Broken, CallError, CallOutcome, DeliveryState, Taken
from app.domain.exchange.documents import DocumentKind, DocumentStatus, OutgoingDocument
from app.domain.exchange.targets import HospitalTargets
from app.integrations.bounded_http import Bounds
from app.integrations.webhooks import webhook_sender
from app.models import Event, OutboundDelivery, OutboundDocument
from app.services.exchange import deliveries, requesting, telling
from jobs import exchange
from tests.conftest import ROOT, SECRET_KEY
from tests.integration.hospital_systems import HttpSystem, MllpSystem, ack, running
from tests.integration.requests import NURSE, TOLD, approved_exam, known_patient

LOOPBACK = (ip_network("127.0.0.0/8"),)
ROUTES = {DocumentKind.EXAM_REQUEST: "his", DocumentKind.PREVISIT_RECORD: "his"}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


@pytest.fixture
def his() -> Iterator[MllpSystem]:
    system = MllpSystem()
    with running(system):
        yield system


@pytest.fixture
def subscriber() -> Iterator[HttpSystem]:
    system = HttpSystem()
    with running(system):
        yield system


def queue(count: int) -> set[str]:
    """Hand over `count` pre-visit records; return their numbers."""
    with unit_of_work.begin() as session:
        patient = known_patient(session)
        made = {
            requesting.hand_over_previsit(
                session, patient.id, TOLD, f"visit:{n}", NURSE, now()
            ).number
            for n in range(count)
        }
    while exchange.queue_approved(HospitalTargets(ROUTES), now):
        pass
    return made


def document_states() -> Counter[str]:
    with unit_of_work.begin() as session:
        return Counter(session.scalars(select(OutboundDocument.status)))


def delivery_states() -> Counter[str]:
    with unit_of_work.begin() as session:
        return Counter(session.scalars(select(OutboundDelivery.state)))


def hurry(engine: Engine) -> None:
    """Let waits and leases be over."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE outbound_delivery SET due_at = '2020-01-01', lease_until = CASE WHEN "
                "lease_until IS NULL THEN NULL ELSE '2020-01-01' END"
            )
        )


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def together(workers: int, step: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def repeat() -> None:
        try:
            while delivery_states()["queued"] + delivery_states()["claimed"] and not errors:
                try:
                    step()
                except OperationalError:
                    continue  # a deadlock: nothing was written, as in `jobs.workers`
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


def test_two_workers_hand_over_each_document_once(database: Engine) -> None:
    numbers = queue(30)
    called: Counter[str] = Counter()

    def send(document: OutgoingDocument) -> CallOutcome:
        called[document.number] += 1
        return Taken(Answer(document.number, Verdict.ACCEPTED, now(), "F1"))

    together(2, lambda: exchange.hand_over("his", send, now))

    assert called == Counter(dict.fromkeys(numbers, 1))
    assert document_states() == {DocumentStatus.ACCEPTED: 30}
    assert delivery_states() == {DeliveryState.DONE: 30}


def test_a_busy_system_gets_the_document_later_and_a_refusing_one_never(database: Engine) -> None:
    queue(2)
    answers: list[CallOutcome] = [Broken(CallError.BUSY, 207), Broken(CallError.CONTENT, 200)]

    exchange.hand_over("his", lambda document: answers.pop(0), now)

    assert delivery_states() == {DeliveryState.QUEUED: 1, DeliveryState.DEAD: 1}
    assert document_states() == {DocumentStatus.QUEUED: 1, DocumentStatus.FAILED: 1}
    with unit_of_work.begin() as session:
        kinds = list(session.scalars(select(Event.kind).filter_by(kind="outbound.failed")))
        waiting = session.scalars(select(OutboundDelivery).filter_by(state="queued")).one()
    assert kinds == ["outbound.failed"]
    assert (waiting.tries, waiting.error, waiting.error_code) == (1, "busy", 207)
    assert waiting.due_at > now()


def test_a_sender_that_raises_stops_nobody_else(database: Engine) -> None:
    queue(3)
    count = iter(range(3))

    def send(document: OutgoingDocument) -> CallOutcome:
        if next(count) == 1:
            raise ValueError("poison")
        return Taken()

    exchange.hand_over("his", send, now)

    assert delivery_states() == {DeliveryState.DONE: 2, DeliveryState.QUEUED: 1}


def test_a_worker_that_slept_past_its_lease_writes_nothing(database: Engine) -> None:
    queue(1)

    def send(document: OutgoingDocument) -> CallOutcome:
        hurry(database)  # the call took longer than the lease …
        with unit_of_work.begin() as session:
            deliveries.sweep(session, now())
        with unit_of_work.begin() as session:  # … and another worker took it up
            session.execute(text("UPDATE outbound_delivery SET due_at = '2020-01-01'"))
        with unit_of_work.begin() as session:
            deliveries.claim(session, ["his:his"], now(), 1)
        return Broken(CallError.CONTENT)

    exchange.hand_over("his", send, now)

    assert delivery_states() == {DeliveryState.CLAIMED: 1}
    assert document_states() == {DocumentStatus.QUEUED: 1}


def test_a_replayed_event_makes_one_call_to_each_subscriber(
    database: Engine, subscriber: HttpSystem, pool: ThreadPoolExecutor
) -> None:
    with unit_of_work.begin() as session:
        for name in ("bus", "archive"):
            telling.subscribe(session, name, subscriber.url, ["outbound.approved"], now())
        approved = approved_exam(session, known_patient(session))
        event = Event.of(
            "outbound.approved", now(), patient_id=approved.patient_id, document_id=approved.id
        )
        session.add(event)
        session.flush()
        queued = [telling.tell_subscribers(session, event, now()) for _ in range(3)]

    send = webhook_sender(LOOPBACK, now)
    together(2, lambda: exchange.tell_subscribers(send, pool, now))

    assert queued == [2, 0, 0]
    assert len(subscriber.calls) == 2
    assert delivery_states() == {DeliveryState.DONE: 2}


def test_a_subscriber_that_is_down_hides_no_other(
    database: Engine, subscriber: HttpSystem, pool: ThreadPoolExecutor
) -> None:
    with unit_of_work.begin() as session:
        telling.subscribe(session, "down", "http://127.0.0.1:1/", ["alert.opened"], now())
        for _ in range(40):
            event = Event.of("alert.opened", now())
            session.add(event)
            session.flush()
            telling.tell_subscribers(session, event, now())
        telling.subscribe(session, "up", subscriber.url, ["alert.opened"], now())
        event = Event.of("alert.opened", now())
        session.add(event)
        session.flush()
        telling.tell_subscribers(session, event, now())

    send = webhook_sender(LOOPBACK, now, Bounds(0.2, 0.2, 0.5))
    exchange.tell_subscribers(send, pool, now)

    assert len(subscriber.calls) == 1


# ----------------------------------------------------------------------------- a worker is killed


def start(engine: Engine, port: int) -> subprocess.Popen[bytes]:
    url = engine.url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.exchange_worker", url, SECRET_KEY, str(port)],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.mariadb
def test_workers_killed_in_the_middle_of_calls_lose_nothing_and_double_nothing(
    mariadb: Engine, his: MllpSystem
) -> None:
    """Killed three times while the system has the message and has not answered."""
    numbers = queue(12)
    hang = threading.Event()
    his.answer = lambda message: None if hang.is_set() else ack(message)
    kills = 0
    for _ in range(3):
        hang.set()
        before = len(his.messages)
        worker = start(mariadb, his.port)
        until(lambda before=before: len(his.messages) > before)  # type: ignore[misc]
        worker.kill()  # the bytes have left, nobody has heard an answer
        worker.wait()
        kills += 1
        assert delivery_states()["calling"] == 1  # committed before the first byte
        hurry(mariadb)
        with unit_of_work.begin() as session:
            assert deliveries.sweep(session, now())["requeued"] >= 1
        hurry(mariadb)
    hang.clear()
    worker = start(mariadb, his.port)
    until(lambda: delivery_states() == {DeliveryState.DONE: 12})
    worker.kill()
    worker.wait()

    # What the system did: once for each number, however often it came.
    assert dict(his.effects) == dict.fromkeys(numbers, 1)
    assert 12 <= len(his.messages) <= 12 + kills
    assert document_states() == {DocumentStatus.SENT: 12}


@pytest.mark.mariadb
def test_a_killed_webhook_call_comes_again_under_the_same_delivery(
    mariadb: Engine, subscriber: HttpSystem
) -> None:
    with unit_of_work.begin() as session:
        telling.subscribe(session, "bus", subscriber.url, ["alert.opened"], now())
        event = Event.of("alert.opened", now())
        session.add(event)
        session.flush()
        telling.tell_subscribers(session, event, now())
    gate = threading.Event()
    answer = subscriber.answer
    subscriber.answer = lambda call: (gate.wait(20), answer(call))[1]
    worker = start(mariadb, 1)
    until(lambda: len(subscriber.calls) == 1)
    worker.kill()
    worker.wait()
    gate.set()
    hurry(mariadb)
    with unit_of_work.begin() as session:
        deliveries.sweep(session, now())
    hurry(mariadb)
    worker = start(mariadb, 1)
    until(lambda: delivery_states() == {DeliveryState.DONE: 1})
    worker.kill()
    worker.wait()

    first, second = subscriber.calls
    assert first.headers["CareLoop-Delivery"] == second.headers["CareLoop-Delivery"]
    assert first.body == second.body
    assert list(subscriber.effects.values()) == [1]


def test_tables_are_asked_back_and_one_that_is_gone_stops_no_other(database: Engine) -> None:
    numbers = queue(1)
    with unit_of_work.begin() as session:
        document = session.scalars(select(OutboundDocument)).one()
        document.status, document.target = DocumentStatus.SENT, "his:booking"

    class Gone:
        def answers(self, asked: object, at: datetime, /) -> tuple[Answer, ...]:
            raise ProgrammingError("SELECT", {}, Exception())

    class Booking:
        def answers(self, asked: object, at: datetime, /) -> tuple[Answer, ...]:
            assert asked == list(numbers)
            return (Answer(*numbers, Verdict.REFUSED, at, "", "停诊"),)

    targets = HospitalTargets(read_back={"gone": Gone(), "booking": Booking()})

    for later in range(2):
        exchange.ask_back(targets, lambda later=later: now() + timedelta(minutes=later))  # type: ignore[misc]

    assert document_states() == {DocumentStatus.REFUSED: 1}
    with unit_of_work.begin() as session:
        told = list(session.scalars(select(Event.kind).filter_by(kind="outbound.refused")))
    assert told == ["outbound.refused"]
