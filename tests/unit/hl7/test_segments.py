"""Fields are read as the reference library splits them, only later and faster."""

from pathlib import Path

import hl7
import pytest

from app.domain.intake.rejections import Rejected
from app.integrations.hl7.envelope import Limits, open_envelope
from app.integrations.hl7.segments import Message
from tests.unit.hl7.messages import OBR, PID, PV1, admission, message, result
from tests.unit.hl7.samples import sample_bodies

OWN = [
    admission(),
    result("OBX|1|NM|GLU^葡萄糖&x^L~B&y&z^^||2.8", 'NTE|1||""', "ZPA"),
    message(PID, PV1, OBR, "OBX|1|SN|A^^^||^1^:^320~~&&", kind="ORU^R01"),
]


def assert_same(body: bytes) -> None:
    """Compare each part of each field with what the library finds there."""
    envelope = open_envelope(body, None, Limits())
    for ours, theirs in zip(Message(envelope).segments, hl7.parse(envelope.text), strict=True):
        assert ours.name == str(theirs[0])
        for position in range(1, len(theirs)):
            field = theirs[position]
            assert ours.raw(position) == str(field)
            if ours.name == "MSH" and position < 3:
                continue
            repetitions = field if isinstance(field, hl7.Field) else [field]
            assert ours.first(position).text(1, 1) == cleaned(part(repetitions, 0, 0, 0), ours)
            assert ours.text(position, 2) == cleaned(part(repetitions, 0, 1, 0), ours)
            assert ours.text(position, 1, 2) == cleaned(part(repetitions, 0, 0, 1), ours)


def part(node: object, *path: int) -> str:
    for index in path:
        if isinstance(node, list):
            node = node[index] if index < len(node) else ""
        elif index:
            return ""
    return str(node)


def cleaned(raw: str, segment: object) -> str:
    """Return what is left of a part once its escapes are undone."""
    return "" if raw == '""' else segment._syntax.unescape(raw).strip()  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", OWN)
def test_our_own_messages_split_like_the_library(body: bytes) -> None:
    assert_same(body)


@pytest.mark.shared
def test_every_sample_splits_like_the_library(shared_data: Path) -> None:
    compared = 0
    for _, body in sample_bodies(shared_data):
        try:
            assert_same(body)
        except Rejected:
            continue
        compared += 1

    assert compared > 800


def test_what_is_not_there_reads_as_empty() -> None:
    (segment,) = Message(open_envelope(admission(), None, Limits())).named("PID")

    assert segment.text(99) == segment.text(3, 99) == segment.text(3, 1, 9) == ""
    assert segment.repetitions(99) == []
    assert segment.first(99).is_empty
