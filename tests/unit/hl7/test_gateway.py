"""What a sender is answered, and when, with records that only remember."""

import ipaddress
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from app.domain.intake.rejections import Rejected
from app.integrations.hl7.acknowledge import Mode
from app.integrations.hl7.envelope import Limits
from app.integrations.hl7.framing import Frame
from app.integrations.hl7.gateway import Delivery, Gate, Sender, Told
from app.integrations.hl7.listener import Caller
from app.integrations.hl7.source import Source
from tests.unit.hl7.messages import PID, admission, message

NOW = datetime(2026, 5, 4, tzinfo=UTC)
LIMITS = Limits()
LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)
MERGE = message(PID, "MRG|80777^^^HIS^MR", kind="ADT^A40")


@dataclass(frozen=True)
class Settled:
    status: str = "processed"
    reason: str | None = None


@dataclass
class Memory:
    """Records that keep what they are told, in the order of what happened."""

    outcome: Settled | None = Settled()
    is_away: bool = False
    steps: list[str] = field(default_factory=list)
    kept: list[tuple[Delivery, Told]] = field(default_factory=list)

    def keep(self, delivery: Delivery, told: Told, seconds: float) -> int | None:
        if self.is_away:
            return None
        self.steps.append("kept")
        self.kept.append((delivery, told))
        return len(self.kept)

    def interpret(self, message_id: int, told: Told) -> Settled | None:
        self.steps.append("interpreted")
        return self.outcome

    def interpret_within(self, message_id: int, told: Told, seconds: float) -> Settled | None:
        return self.interpret(message_id, told)

    def note_answer(self, message_id: int, milliseconds: int) -> None:
        self.steps.append("noted")


def converse(
    body: bytes,
    memory: Memory,
    *senders: Sender,
    names: frozenset[str] = frozenset(),
    is_oversize: bool = False,
    limits: Limits = LIMITS,
) -> list[str]:
    """Return what happened, answers (MSA and ERR) included, in its order."""
    known = list(senders) or [Sender(Source("his"), LOCAL)]
    gate = Gate(known, memory, limits, lambda: NOW)
    frame, caller = Frame(body, is_oversize), Caller("127.0.0.1", names)
    for answer in gate.receive(frame, caller, time.monotonic()):
        lines = answer.decode().split("\r")
        memory.steps += [line[:9] for line in lines if line[:3] in ("MSA", "ERR", "BTS")]
    return memory.steps


def wishing(accept: str, application: str, body: bytes = b"") -> bytes:
    """Return a message with MSH-15 and MSH-16."""
    return (body or admission()).replace(b"|2.4||||||", f"|2.4|||{accept}|{application}||".encode())


ENHANCED = Sender(Source("his"), LOCAL, mode=Mode.ENHANCED)


def test_a_message_is_kept_then_answered_then_interpreted() -> None:
    assert converse(admission(), Memory()) == ["kept", "MSA|AA|C1", "noted", "interpreted"]


def test_what_cannot_be_kept_is_asked_for_again() -> None:
    assert converse(admission(), Memory(is_away=True)) == ["MSA|AE|C1", "ERR|||207"]


def test_what_is_refused_is_kept_with_its_reason() -> None:
    memory = Memory()

    assert converse(b"GET / HTTP/1.1", memory) == ["kept", "MSA|AR|", "ERR|||100", "noted"]
    assert isinstance(memory.kept[0][1], Rejected)


def test_too_much_is_refused_and_the_limit_is_named() -> None:
    memory = Memory()

    steps = converse(admission(), memory, is_oversize=True, limits=Limits(4096, 10))
    many = converse(message(*["NTE|1"] * 20, kind="ORU^R01"), memory, limits=Limits(4096, 10))

    assert "MSA|AR|C1" in steps
    assert "MSA|AR|C1" in many
    assert [str(told) for _, told in memory.kept] == [
        "too-large: 4096 bytes",
        "too-many-segments: 10 segments",
    ]


def test_a_merge_is_answered_by_what_became_of_it() -> None:
    held = Memory(Settled("held", "merge-inverse"))

    assert converse(MERGE, Memory()) == ["kept", "interpreted", "MSA|AA|C1", "noted"]
    assert converse(MERGE, held) == ["kept", "interpreted", "MSA|AE|C1", "ERR|||205", "noted"]


@pytest.mark.parametrize("outcome", [None, Settled("held", "error:ValueError")])
def test_a_merge_whose_end_is_open_is_kept_and_that_is_said(outcome: Settled | None) -> None:
    assert "MSA|AA|C1" in converse(MERGE, Memory(outcome))


def test_a_fault_in_our_own_reader_costs_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.integrations.hl7.gateway.Reader.__call__", broken)

    assert converse(admission(), memory) == ["kept", "MSA|AA|C1", "noted"]
    assert memory.kept[0][1] is None


def test_each_message_of_a_batch_is_kept_and_answered_in_one_batch() -> None:
    batch = b"FHS|^~\\&\rBHS|^~\\&\r" + admission() + admission(control_id="C2") + b"BTS|2\rFTS|1"

    steps = converse(batch, Memory())

    assert steps == [
        *["kept"] * 2, "MSA|AA|C1", "MSA|AA|C2", "BTS|2", *["noted"] * 2, *["interpreted"] * 2
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "application", "answers"),
    [
        ("AL", "NE", ["MSA|CA|C1"]),
        ("AL", "AL", ["MSA|CA|C1", "MSA|AA|C1"]),
        ("NE", "AL", ["MSA|AA|C1"]),
        ("ER", "ER", []),
        ("SU", "SU", ["MSA|CA|C1", "MSA|AA|C1"]),
        ("NE", "NE", []),
    ],
)
def test_the_enhanced_mode_answers_what_is_wanted(
    accept: str, application: str, answers: list[str]
) -> None:
    memory = Memory()

    steps = converse(wishing(accept, application), memory, ENHANCED)

    assert [step for step in steps if step.startswith("MSA")] == answers
    assert steps.index("kept") < steps.index("interpreted")
    # The second answer follows from what became of the message.
    if answers[-1:] == ["MSA|AA|C1"]:
        assert steps.index("interpreted") < len(steps) - 1 - steps[::-1].index("MSA|AA|C1")


@pytest.mark.parametrize(
    ("accept", "application", "answers"),
    [
        ("AL", "AL", ["MSA|CR|C1"]),
        ("ER", "NE", ["MSA|CR|C1"]),
        ("NE", "ER", ["MSA|AR|C1"]),
        ("SU", "SU", []),
    ],
)
def test_the_enhanced_mode_refuses_once(accept: str, application: str, answers: list[str]) -> None:
    body = wishing(accept, application, message(PID, kind="BAR^P01"))

    steps = converse(body, Memory(), ENHANCED)

    assert [step for step in steps if step.startswith("MSA")] == answers


def test_the_enhanced_mode_tells_of_a_merge_that_waits_in_its_second_answer() -> None:
    steps = converse(wishing("AL", "AL", MERGE), Memory(Settled("held", "merge-loop")), ENHANCED)

    assert [s for s in steps if s[:3] in ("MSA", "ERR")] == ["MSA|CA|C1", "MSA|AE|C1", "ERR|||205"]


def test_wishes_of_a_sender_in_the_original_mode_are_a_template() -> None:
    assert "MSA|AA|C1" in converse(wishing("NE", "NE"), Memory())


def test_a_certificate_tells_sources_of_one_network_apart() -> None:
    lab = Sender(Source("lab"), LOCAL, certificates=frozenset({"lab.example"}))
    his = Sender(Source("his"), LOCAL, facilities=frozenset({"YSYY"}))
    known, unknown = Memory(), Memory()

    converse(admission(), known, his, lab, names=frozenset({"lab.example"}))
    converse(admission(facility="FY"), unknown, his, lab, names=frozenset({"other.example"}))

    assert known.kept[0][0].source == "hl7:lab"
    assert str(unknown.kept[0][1]) == "unknown-sender"
