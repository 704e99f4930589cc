"""Subscribers: what they are told, how they know it is us, and whom we never call."""

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.exchange.delivering import Broken, CallError, Taken
from app.domain.exchange.webhooks import KINDS, WebhookCall
from app.integrations.bounded_http import Bounds
from app.integrations.webhooks import webhook_sender
from app.models import Event, OutboundDelivery, Webhook
from app.services.exchange import deliveries, telling
from jobs import exchange
from jobs.reactions import REACTIONS
from tests import factories
from tests.conftest import NOON
from tests.integration.hospital_systems import HttpSystem, Reply, running
from tests.integration.requests import known_patient

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
USUAL = Bounds(answer=4096)
# For who never answers, so that the tests need not wait the usual bounds out.
HASTY = Bounds(connect=0.5, read=0.4, total=0.8)
ALERT = ["alert.opened"]
CANARIES = ("金丝雀", "19912345678", "CANARY-MR-77", "CANARY-WORD")


def now() -> datetime:
    return NOON


@pytest.fixture
def subscriber() -> Iterator[HttpSystem]:
    system = HttpSystem()
    with running(system):
        yield system


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def tell(session: Session, event: Event, at: datetime = NOON) -> int:
    session.add(event)
    session.flush()
    return telling.tell_subscribers(session, event, at)


def call(url: str, networks: Any = LOOPBACK, bounds: Bounds = USUAL) -> object:
    secrets = ("whsec_CANARY-WORD",)
    return webhook_sender(networks, now, bounds)(WebhookCall("d1", url, secrets, b"{}"))


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a subscriber writes: five lines that know nothing of ours."""
    parts = headers["CareLoop-Signature"].split(",")
    moment = parts[0][2:]
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"v1={mark}" in parts[1:] and moment == str(int(NOON.timestamp()))


# ------------------------------------------------------------------------------- what is told


def test_a_body_holds_public_ids_and_nothing_of_the_patient(
    database: Engine,
    subscriber: HttpSystem,
    pool: ThreadPoolExecutor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with unit_of_work.begin() as session:
        _, secret = telling.subscribe(session, "bus", subscriber.url, KINDS, NOON)
        patient = known_patient(session, CANARIES[2], name=CANARIES[0], phone=CANARIES[1])
        alert = factories.alert(
            session, patient, factories.care_team(session), explanation=CANARIES[3]
        )
        for kind in sorted(KINDS):
            tell(
                session,
                Event.of(
                    kind, NOON, patient_id=patient.id, alert_id=alert.id, tag="CANARY-WORD",
                    rule="CANARY-WORD", code="CANARY-WORD",
                ),
            )  # fmt: skip
    capsys.readouterr()

    while exchange.tell_subscribers(webhook_sender(LOOPBACK, now), pool, now):
        pass
    subscriber.answer = lambda call: Reply(500)
    with unit_of_work.begin() as session:
        tell(session, Event.of("alert.opened", NOON, patient_id=patient.id, alert_id=alert.id))
    exchange.tell_subscribers(webhook_sender(LOOPBACK, now), pool, now)

    assert len(subscriber.calls) == len(KINDS) + 1
    said = capsys.readouterr().err
    assert "webhook_call_failed" in said  # the scan looks where something was written
    with unit_of_work.begin() as session:
        kept = session.scalars(select(OutboundDelivery.told)).all()
    for text in (said, json.dumps(list(kept)), *(str(one) for one in subscriber.calls)):
        for canary in (*CANARIES, secret):
            assert canary not in text
    told = json.loads(subscriber.calls[0].body)
    assert told["patient"] == patient.public_id
    assert told["alert"] == alert.public_id
    assert set(told) == {"delivery", "event", "at", "patient", "alert"}
    assert all(verified(secret, one.headers, one.body) for one in subscriber.calls)


def test_only_what_was_subscribed_is_told_and_only_from_then_on(session: Session) -> None:
    telling.subscribe(session, "bus", "https://bus.example/", ALERT, NOON)

    assert tell(session, Event.of("alert.opened", NOON - timedelta(days=1))) == 0
    assert tell(session, Event.of("alert.closed", NOON)) == 0
    assert tell(session, Event.of("consent.changed", NOON)) == 0
    assert tell(session, Event.of("alert.opened", NOON)) == 1


def test_the_reaction_reads_every_kind_that_can_be_subscribed() -> None:
    (reaction,) = [one for one in REACTIONS if one.key == "tell-subscribers"]

    assert reaction.kinds == KINDS


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("", ALERT), ("Bus", ALERT), ("bus", []), ("bus", ["alert.sneezed"]), ("there", ALERT)],
)
def test_a_subscription_that_makes_no_sense_is_refused(
    session: Session, name: str, kinds: list[str]
) -> None:
    telling.subscribe(session, "there", "https://bus.example/", ALERT, NOON)

    with pytest.raises(ValueError):
        telling.subscribe(session, name, "https://bus.example/", kinds, NOON)


def test_address_and_secret_are_sealed(session: Session) -> None:
    made, secret = telling.subscribe(session, "bus", "https://bus.example/?key=word", ALERT, NOON)

    assert b"word" not in made.url_sealed
    assert secret.encode() not in made.secret_sealed
    assert made.url == "https://bus.example/?key=word"


def test_for_a_day_after_a_rotation_both_secrets_sign(
    database: Engine, subscriber: HttpSystem, pool: ThreadPoolExecutor
) -> None:
    with unit_of_work.begin() as session:
        _, old = telling.subscribe(session, "bus", subscriber.url, ALERT, NOON)
        new = telling.rotate(session, "bus", NOON - timedelta(hours=1))
        tell(session, Event.of("alert.opened", NOON))
    send = webhook_sender(LOOPBACK, now)
    exchange.tell_subscribers(send, pool, now)
    with unit_of_work.begin() as session:
        webhook = session.scalars(select(Webhook)).one()
        webhook.old_secret_until = NOON - timedelta(seconds=1)
        tell(session, Event.of("alert.opened", NOON))
    exchange.tell_subscribers(send, pool, now)

    during, after = subscriber.calls
    assert verified(new, during.headers, during.body)
    assert verified(old, during.headers, during.body)
    assert verified(new, after.headers, after.body)
    assert not verified(old, after.headers, after.body)
    assert not verified(new, during.headers, during.body + b" ")


def test_three_days_of_nothing_but_failures_end_a_subscription(session: Session) -> None:
    webhook, _ = telling.subscribe(session, "bus", "https://bus.example/", ALERT, NOON)

    def fail(at: datetime) -> None:
        token, ids = deliveries.claim(session, [webhook.target], at, 9)
        telling.begin_telling(session, token, ids, at)
        session.flush()
        deliveries.settle(session, token, dict.fromkeys(ids, Broken(CallError.BUSY, 500)), at)
        session.flush()

    for day in range(3):
        at = NOON + timedelta(days=day)
        tell(session, Event.of("alert.opened", at), at)
        fail(at)
    assert webhook.is_active
    assert webhook.failing_since == NOON
    later = NOON + timedelta(days=3)
    for _ in range(2):
        tell(session, Event.of("alert.opened", later), later)
    fail(later)

    assert not webhook.is_active
    assert session.scalars(select(Event.kind).filter_by(kind="webhook.disabled")).all()
    assert session.scalars(select(OutboundDelivery.id).filter_by(state="queued")).all() == []
    assert tell(session, Event.of("alert.opened", later), later) == 0
    telling.enable(session, "bus")
    assert tell(session, Event.of("alert.opened", later), later) == 1


def test_a_success_forgets_the_failures_before(session: Session) -> None:
    webhook, _ = telling.subscribe(session, "bus", "https://bus.example/", ALERT, NOON)
    webhook.failing_since = NOON - timedelta(days=9)
    tell(session, Event.of("alert.opened", NOON))
    token, ids = deliveries.claim(session, [webhook.target], NOON, 1)
    telling.begin_telling(session, token, ids, NOON)
    session.flush()

    deliveries.settle(session, token, dict.fromkeys(ids, Taken()), NOON)

    assert webhook.failing_since is None


def test_a_delivery_is_tried_for_a_day_then_expires(session: Session) -> None:
    webhook, _ = telling.subscribe(session, "bus", "https://bus.example/", ALERT, NOON)
    tell(session, Event.of("alert.opened", NOON))

    assert deliveries.sweep(session, NOON + timedelta(hours=23))["expired"] == 0
    assert deliveries.sweep(session, NOON + timedelta(hours=24))["expired"] == 1

    assert session.scalars(select(OutboundDelivery.state)).one() == "expired"
    assert webhook.is_active


# ------------------------------------------------------------------------------ whom we call


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(410), Reply(500), Reply(302, headers={"Location": "http://10.0.0.1/"})],
)
def test_whatever_is_no_2xx_is_a_failure_and_nothing_is_followed(
    subscriber: HttpSystem, reply: Reply
) -> None:
    subscriber.answer = lambda call: reply

    outcome = call(subscriber.url)

    assert isinstance(outcome, Broken)
    assert outcome.code == reply.status
    assert len(subscriber.calls) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, b"x" * 5000), CallError.AMBIGUOUS),
        (Reply(200, b"x" * 100, cut=10), CallError.AMBIGUOUS),
    ],
)
def test_an_answer_out_of_bounds_is_no_success(
    subscriber: HttpSystem, reply: Reply, error: CallError
) -> None:
    subscriber.answer = lambda call: reply

    outcome = call(subscriber.url)

    assert isinstance(outcome, Broken)
    assert outcome.error is error


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]",
        "[::ffff:127.0.0.1]", "169.254.169.254", "[::ffff:a9fe:a9fe]", "10.0.0.1",
        "100.100.100.200", "0.0.0.0", "0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_inner_address_is_not_called_however_it_is_written(
    subscriber: HttpSystem, scheme: str, host: str
) -> None:
    outcome = call(f"{scheme}://{host}:{subscriber.server_port}/", networks=())

    assert outcome == Broken(CallError.BLOCKED)
    assert subscriber.calls == []


def test_only_the_network_that_was_opened_is_called(subscriber: HttpSystem) -> None:
    closed = (ip_network("10.0.8.0/24"), ip_network("169.254.0.0/16"))

    assert call(subscriber.url, closed) == Broken(CallError.BLOCKED)
    assert call("http://169.254.169.254/latest/meta-data", closed) == Broken(CallError.BLOCKED)
    assert call(subscriber.url, LOOPBACK) == Taken()


def test_a_public_address_is_called_by_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("93.184.216.34"))

    assert call("http://bus.example/") == Broken(CallError.BLOCKED)


def resolver(*answers: str) -> Any:
    """A name server whose answers for `bus.example` come in turn; the last one stays."""
    left, real = list(answers), socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "bus.example":
            return real(host, port, *rest, **more)
        address = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in address.split(",")
        ]

    return resolve


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    subscriber: HttpSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = HttpSystem()
    with running(inner):
        monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1", "127.0.0.2"))

        outcome = call(f"http://bus.example:{subscriber.server_port}/")

        assert outcome == Taken()
        assert subscriber.calls[0].headers["Host"] == f"bus.example:{subscriber.server_port}"
        assert inner.calls == []


def test_one_bad_address_among_good_ones_is_enough(
    subscriber: HttpSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1,169.254.169.254"))

    assert call(f"http://bus.example:{subscriber.server_port}/") == Broken(CallError.BLOCKED)
    assert subscriber.calls == []


def test_a_wrong_certificate_ends_the_call_before_a_byte_of_it_leaves(
    subscriber: HttpSystem,
) -> None:
    assert call(f"https://127.0.0.1:{subscriber.server_port}/") == Broken(CallError.NOT_SENT)
    assert subscriber.calls == []


def test_a_subscriber_that_does_not_answer_is_left_in_time(subscriber: HttpSystem) -> None:
    subscriber.answer = lambda call: Reply(200, pause=2.0)

    assert call(subscriber.url, bounds=HASTY) == Broken(CallError.AMBIGUOUS)


def test_a_drip_ends_with_the_whole_call() -> None:
    """A byte now and then keeps every single read alive; the whole call has its own end."""
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        wire, _ = server.accept()
        with wire:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
                    wire.sendall(bytes([byte]))
                    time.sleep(0.1)
            except OSError:
                pass

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    outcome = call(f"http://127.0.0.1:{server.getsockname()[1]}/", bounds=HASTY)
    thread.join(20)
    server.close()

    assert outcome == Broken(CallError.AMBIGUOUS)
    assert time.monotonic() - began < 15
