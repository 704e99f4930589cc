"""Merges, links and visits of the wrong person."""

import pytest

from app.domain.intake.hospital_message import EventKind, VisitMove
from app.domain.intake.hospital_records import Identifier
from app.domain.intake.rejections import RejectionReason
from tests.unit.hl7.messages import PID, PV1, message
from tests.unit.hl7.reading import read, reason_of

ONE = Identifier("HIS", "MR", "80001")
OTHER = Identifier("HIS", "MR", "80777")
VISIT = Identifier("HIS", "VN", "ZY1")


@pytest.mark.parametrize("trigger", ["A18", "A30", "A34", "A36", "A40", "A47"])
def test_a_merge_names_survivor_and_retired(trigger: str) -> None:
    told = read(PID, "MRG|80777^^^HIS^MR~ZY1^^^HIS^VN", kind=f"ADT^{trigger}")

    (merge,) = told.merges
    assert told.event is EventKind.MERGE
    assert merge.survivor[0] == ONE
    assert merge.retired == (OTHER,)
    assert told.encounter is None


def test_several_pairs_of_one_message_are_all_told() -> None:
    told = read(
        PID, "MRG|80777^^^HIS^MR", "PID|1||80002^^^HIS^MR", "MRG|80778^^^HIS^MR", kind="ADT^A40"
    )

    assert [(m.survivor[0].value, m.retired[0].value) for m in told.merges] == [
        ("80001", "80777"),
        ("80002", "80778"),
    ]


def test_a_merge_of_one_record_with_itself_is_rejected() -> None:
    merge = message(PID, "MRG|80001^^^HIS^MR", kind="ADT^A40")

    assert reason_of(merge) is RejectionReason.SELF_MERGE
    assert reason_of(message(PID, kind="ADT^A40")) is RejectionReason.MISSING_SEGMENT


@pytest.mark.parametrize(("trigger", "event"), [("A24", EventKind.LINK), ("A37", EventKind.UNLINK)])
def test_a_link_and_its_end_name_two_people(trigger: str, event: EventKind) -> None:
    told = read(PID, PV1, "PID|2||80777^^^HIS^MR||李测试", kind=f"ADT^{trigger}")

    assert told.event is event
    (link,) = told.links
    assert (link.first[0], link.second) == (ONE, (OTHER,))
    assert told.patient.identifiers[0] == ONE
    assert told.encounter is None


def test_a_link_of_one_person_is_rejected() -> None:
    assert reason_of(message(PID, kind="ADT^A37")) is RejectionReason.MISSING_SEGMENT
    assert reason_of(message(PID, PID, kind="ADT^A24")) is RejectionReason.SELF_MERGE


@pytest.mark.parametrize(
    "segments",
    [
        ("MRG|80777^^^HIS^MR||||ZY1^^^HIS^VN", "PV1|1|I|||||||||||||||||ZY1^^^HIS"),
        ("MRG|80777^^^HIS^MR", "PV1|1|I|||||||||||||||||ZY1^^^HIS"),
        ("MRG|80777^^^HIS^MR||||ZY1^^^HIS^VN",),
    ],
    ids=["both", "only PV1-19", "only MRG-5"],
)
def test_a_visit_moves_from_the_wrong_person(segments: tuple[str, ...]) -> None:
    told = read(PID, *segments, kind="ADT^A45")

    assert told.event is EventKind.MOVE_VISIT
    assert told.patient.identifiers[0] == ONE
    assert told.visit_moves == (VisitMove(VISIT, (OTHER,)),)
    assert told.encounter is None


def test_a_move_without_a_visit_or_to_the_same_person_is_rejected() -> None:
    nothing = message(PID, "MRG|80777^^^HIS^MR", kind="ADT^A45")
    same = message(PID, "MRG|80001^^^HIS^MR||||ZY1", kind="ADT^A45")

    assert reason_of(nothing) is RejectionReason.MISSING_SEGMENT
    assert reason_of(same) is RejectionReason.SELF_MERGE


def test_a_visit_that_got_another_number_is_known_by_its_old_one() -> None:
    told = read(
        PID,
        "MRG|80777^^^HIS^MR||||ZY1^^^HIS^VN",
        "PV1|1|I|||||||||||||||||ZY2^^^HIS",
        kind="ADT^A45",
    )

    assert told.visit_moves[0].visit == VISIT
    assert "visit-renumbered" in told.issues
