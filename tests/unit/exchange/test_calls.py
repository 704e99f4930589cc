"""Waiting, HTTP statuses, signatures, and which addresses may be called."""

import hashlib
import hmac
import ipaddress
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.exchange.answers import Answer, Verdict, answers_in
from app.domain.exchange.delivering import CallError, error_of_status, wait_before
from app.domain.exchange.webhooks import body_of
from app.domain.intake.clinical_records import RequestStatus, ServiceRequestRecord
from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import (
    AppointmentRecord,
    AppointmentStatus,
    Coded,
    Identifier,
    PatientRecord,
)
from app.domain.trust.signatures import sign
from app.integrations.bounded_http import HttpAnswer, Reach, call, is_callable

NOON = datetime(2026, 5, 4, 4, 0, tzinfo=UTC)


def test_waits_grow_stay_bounded_and_are_spread() -> None:
    for tries, most in [(1, 5), (2, 10), (4, 40), (12, 900), (100_000, 900)]:
        waits = {wait_before(tries) for _ in range(200)}
        assert min(waits) >= timedelta(seconds=1)
        assert max(waits) <= timedelta(seconds=most)
        assert len(waits) > 50  # full jitter: no two receivers are called in step


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, CallError.AMBIGUOUS), (400, CallError.CONTENT), (401, CallError.UNAUTHORISED),
        (412, CallError.CONTENT), (422, CallError.CONTENT), (429, CallError.BUSY),
        (500, CallError.BUSY), (503, CallError.BUSY),
    ],
)  # fmt: skip
def test_a_status_says_whether_to_call_again(status: int, error: CallError) -> None:
    assert error_of_status(status) is error


def test_a_signature_is_verified_by_five_lines_of_somebody_else() -> None:
    body = body_of("d1", "alert.opened", NOON, {"patient": "p1"})

    header = sign(["new", "old"], NOON, body)

    moment, *marks = header.split(",")
    for secret, mark in zip(["new", "old"], marks, strict=True):
        message = moment.removeprefix("t=").encode() + b"." + body
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        assert mark == f"v1={expected}"
    assert moment == "t=1777867200"
    assert json.loads(body) == {
        "delivery": "d1", "event": "alert.opened", "at": NOON.isoformat(), "patient": "p1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "100.100.100.200", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1",
        "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b::7f00:1",
        "::127.0.0.1", "fe80::1", "fec0::1", "64:ff9b:1::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    ],
)  # fmt: skip
def test_only_public_addresses_may_be_called(address: str) -> None:
    assert not Reach().allows(ipaddress.ip_address(address))


def test_an_operator_opens_inner_networks_but_never_metadata() -> None:
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
    inner = Reach((ipaddress.ip_network("10.0.8.0/24"),))

    assert inner.allows(ipaddress.ip_address("10.0.8.20"))
    assert inner.allows(ipaddress.ip_address("::ffff:10.0.8.20"))
    assert not inner.allows(ipaddress.ip_address("10.0.9.20"))
    assert inner.allows(ipaddress.ip_address("8.8.8.8"))
    for address in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254", "0.0.0.0"):
        assert not Reach(everything).allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "file:///etc/passwd", "gopher://a.example", "//a.example",
        "http://user@a.example/", "http://user:word@a.example/", "http://a.example\\@b.example/",
        "http://", "http://[::1", "http://ａ.example/", "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_an_address_that_hides_something_is_none(url: str) -> None:
    assert not is_callable(url)


def message(**more: object) -> HospitalMessage:
    return HospitalMessage(
        "his",
        EventKind.ORDER,
        "1",
        "HIS",
        "H",
        NOON,
        PatientRecord(()),
        **more,  # type: ignore[arg-type]
    )


def test_an_order_of_the_hospital_answers_by_our_number_whichever_field_has_it() -> None:
    orders = (
        ServiceRequestRecord("F1", Coded("K01"), RequestStatus.ACTIVE, placer="CL1"),
        ServiceRequestRecord("CL2", Coded("K01"), RequestStatus.REVOKED, note="无此项目"),
        ServiceRequestRecord("CL5", Coded("K01"), RequestStatus.COMPLETED, filler="F5"),
        ServiceRequestRecord("F3", Coded("K01"), RequestStatus.ACTIVE, placer="HIS3"),
        ServiceRequestRecord("F4", Coded("K01"), RequestStatus.DRAFT, placer="CL4"),
    )

    assert answers_in(message(service_requests=orders), NOON) == (
        Answer("CL1", Verdict.ACCEPTED, NOON, "F1"),
        Answer("CL2", Verdict.REFUSED, NOON, "", "无此项目"),
        Answer("CL5", Verdict.COMPLETED, NOON, "F5"),
    )


def test_a_booking_of_the_hospital_answers_by_our_number() -> None:
    booked = AppointmentRecord(
        Identifier("CARELOOP", "", "CL1"), Identifier("HIS", "", "B77"),
        AppointmentStatus.BOOKED, NOON, None, None, None,
    )  # fmt: skip

    assert answers_in(message(appointments=(booked,)), NOON) == (
        Answer("CL1", Verdict.ACCEPTED, NOON, "B77"),
    )


def test_a_body_that_comes_after_its_head_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                time.sleep(0.1)  # as servers do that write head and body apart
                connection.sendall(b"taken")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        told = call("POST", url, {}, b"{}", reach=Reach(is_anywhere=True))
        thread.join()

    assert isinstance(told, HttpAnswer)
    assert told.body == b"taken"
