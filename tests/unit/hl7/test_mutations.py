"""Damaged messages of every kind are read or refused, in a number of steps that their size bounds.

Steps are counted, not seconds: a machine under load proves nothing.
"""

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

import pytest

from app.domain.intake.rejections import Rejected
from app.integrations.hl7.acknowledge import ACCEPTED, acknowledge, refusal
from app.integrations.hl7.envelope import glimpse_header, identify, split_messages
from app.integrations.hl7.interpret import interpret
from app.integrations.hl7.source import Source
from tests.unit.hl7.messages import OBR, PID, PV1, admission, message, result

NOW = datetime(2026, 5, 4, tzinfo=UTC)
SOURCES = (Source("his"), Source("his", "gb18030"), Source("his", "utf-8"))
ROUNDS = 4000
# Calls of Python functions; an honest message takes some five for each of its bytes.
STEPS, STEPS_A_BYTE = 2_000, 12

ORC = "ORC|NW|P1|F1|||^BID^D7^20260504^20260505^S||20260504090000|||D7^演示医生"
FIXTURES = [
    admission(),
    message(PID, PV1, "DG1|1||E11^糖尿病^I10|||F", "AL1|1|DA|PEN^青霉素|SV|皮疹", kind="ADT^A08"),
    message(PID, "NK1|1|演示母|MTH||12100000009", "IAM|1||NUT^花生|MI||A|A7", kind="ADT^A60"),
    message(PID, "MRG|80777^^^HIS^MR", kind="ADT^A40"),
    message(PID, "PID|2||80777^^^HIS^MR", kind="ADT^A37"),
    message(PID, "MRG|80777^^^HIS^MR||||ZY1", "PV1|1|I", kind="ADT^A45"),
    result("OBX|1|NM|GLU^葡萄糖^L^14749-6^^LN||2.8|×10^9/L|3.9-6.1|LL|||F", r"NTE|1||\X41\\.br\注"),
    message(PID, "TXA|1|DS|TX|20260504||||||||DOC7|DOC6", "OBX|1|TX|CD||第一行", kind="MDM^T10"),
    message("SCH|Y1|Y1||||||FZ|30|min|^^30^202605100900", PID, "AIS|1||N^n", kind="SIU^S12"),
    message(PID, ORC, "TQ1|1||||||20260505||S", OBR, "NTE|1||空腹", kind="ORM^O01"),
    message(PID, ORC, "RXE|1^TID|M1^演示片|1.5||mg||饭后|||14|片", "RXR|PO", kind="RDE^O11"),
    message(PID, ORC, "RXD|1|M1^演示片|20260504|14|片", kind="RDS^O13"),
    message(PID, ORC, "RXA|0|1|20260301||HEPB^乙肝|10|ug", "OBX|1|NM|30973-2||2", kind="VXU^V04"),
]
_PIECES = [
    b"|", b"^", b"~", b"\\", b"&", b'""', b"\r", b"\n", b"\r\r\n", b"MSH|^~\\&|", b"PID|", b"OBX|",
    b"ORC|", b"\x0b", b"\x1c", b"\x00", b"\xef\xbb\xbf", b"\xff", b"\x81", "珅".encode("gb18030"),
    "郑一".encode("gb18030"), "演".encode(), b"\\.sp999999999\\", b"\\X", b"9" * 40, b"-", b"1e9",
    b"20261332", b"+9999", b"D", b"~" * 50, b"^" * 50, b"|" * 50, b"\\E\\" * 20,
]  # fmt: skip


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Return the message with some bytes, fields and segments lost, doubled, moved or made up."""
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(6):
            case 0:
                body = body[:at] + chance.choice(_PIECES) + body[at:]
            case 1:
                body = body[:at] + body[at + chance.randint(1, 12) :]
            case 2:
                body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
            case 3:
                segments = body.split(b"\r")
                segments.insert(chance.randrange(len(segments) + 1), chance.choice(segments))
                body = b"\r".join(segments)
            case 4:
                segments = body.split(b"\r")
                del segments[chance.randrange(len(segments))]
                body = b"\r".join(segments)
            case _:
                other = chance.choice(FIXTURES).split(b"\r")
                body = body + b"\r" + chance.choice(other)
    return body


def steps_of(work: Callable[[], object]) -> int:
    """Return how many calls of Python functions the work takes."""
    steps = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def take(body: bytes, source: Source) -> None:
    """Do with a message all that is done before it reaches the database."""
    for one in [body, *split_messages(body)]:
        header, charset = glimpse_header(one, source.charset)
        identify(one, header)
        verdict = ACCEPTED
        try:
            told = interpret(one, source)
            assert told.patient.person_identifiers
        except Rejected as rejected:
            verdict = refusal(rejected)
        assert acknowledge(header, verdict, NOW, source.zone, charset).count(b"MSA") == 1


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_read_or_refused_in_bounded_steps(seed: int) -> None:
    chance = random.Random(seed)
    for round_ in range(ROUNDS // 4):
        body = damaged(chance.choice(FIXTURES), chance)
        source = chance.choice(SOURCES)
        steps = steps_of(lambda body=body, source=source: take(body, source))
        assert steps < STEPS + STEPS_A_BYTE * len(body), f"seed {seed}, round {round_}"


@pytest.mark.parametrize("body", FIXTURES)
def test_what_is_damaged_here_is_whole_before(body: bytes) -> None:
    assert interpret(body, Source("his")).patient.person_identifiers


@pytest.mark.parametrize(
    "line",
    [
        "OBX|1|NM|GLU^葡萄糖^L||2.8|mmol/L",
        "OBX|1|TX|S^结论^L||一行",
        "NTE|1||注",
        "OBR|1|P1|F1|GLU^血糖",
        "DG1|1||E11^糖尿病",
        "PID|1||80001^^^HIS^MR",
    ],
)
def test_steps_grow_with_the_message_and_not_with_its_square(line: str) -> None:
    small, large = (result(*[line] * count) for count in (100, 1900))

    few, many = (steps_of(lambda body=body: take(body, SOURCES[0])) for body in (small, large))

    assert many < few * 25
