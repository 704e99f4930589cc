"""Who is whom: merges (A40 and its kin), links (A24, A37), visits of the wrong person (A45)."""

from itertools import pairwise

from app.domain.intake.hospital_message import LinkRecord, MergeRecord, VisitMove
from app.domain.intake.hospital_records import Identifier
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.people import Reading, read_identifier, read_identifiers
from app.integrations.hl7.segments import Message, Segment


def read_merges(message: Message, reading: Reading) -> tuple[MergeRecord, ...]:
    """Return the pairs of a merge: PID survives, the MRG after it is retired.

    :raises Rejected: a pair is incomplete, or names one number twice
    """
    merges = []
    survivor: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            survivor = segment
        elif segment.name == "MRG" and survivor is not None:
            merges.append(_merge(survivor, segment, reading))
    if not merges:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "MRG")
    return tuple(merges)


def read_links(message: Message, reading: Reading) -> tuple[LinkRecord, ...]:
    """Return the pairs that are linked or parted: each PID with the one after it.

    :raises Rejected: fewer than two, or twice the same
    """
    people = [_person(pid, 3, reading, "PID") for pid in message.named("PID")]
    if len(people) < 2:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "PID")
    if any(_is_same(first, second) for first, second in pairwise(people)):
        raise Rejected(RejectionReason.SELF_MERGE)
    return tuple(LinkRecord(first, second) for first, second in pairwise(people))


def read_visit_moves(message: Message, reading: Reading) -> tuple[VisitMove, ...]:
    """Return the visits that PID takes over from whom MRG names.

    :raises Rejected: nobody is named, no visit is, or the visit is PID's already
    """
    pid = message.first("PID")
    moves = []
    for mrg, pv1 in _wrong_bookings(message):
        wrong = _person(mrg, 1, reading, "MRG")
        if pid is not None and _is_same(_person(pid, 3, reading, "PID"), wrong):
            raise Rejected(RejectionReason.SELF_MERGE)
        booked = read_identifier(mrg.first(5), reading, "VN")
        now = read_identifier(pv1.first(19), reading, "VN") if pv1 else None
        if booked and now and booked != now:
            reading.doubt("visit-renumbered")
        visit = booked or now
        if visit is None:
            raise Rejected(RejectionReason.MISSING_SEGMENT, "PV1")
        moves.append(VisitMove(visit, wrong))
    if not moves:
        raise Rejected(RejectionReason.MISSING_SEGMENT, "MRG")
    return tuple(moves)


def _wrong_bookings(message: Message) -> list[tuple[Segment, Segment | None]]:
    """Return each MRG with the PV1 behind it."""
    pairs: list[tuple[Segment, Segment | None]] = []
    for segment in message.segments:
        if segment.name == "MRG":
            pairs.append((segment, None))
        elif segment.name == "PV1" and pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], segment)
    return pairs


def _merge(pid: Segment, mrg: Segment, reading: Reading) -> MergeRecord:
    merge = MergeRecord(_person(pid, 3, reading, "MRG"), _person(mrg, 1, reading, "MRG"))
    if _is_same(merge.survivor, merge.retired):
        raise Rejected(RejectionReason.SELF_MERGE)
    return merge


def _person(segment: Segment, field: int, reading: Reading, name: str) -> tuple[Identifier, ...]:
    """Return the numbers of a person; those of a visit find nobody.

    :raises Rejected: there are none
    """
    found = tuple(i for i in read_identifiers(segment, field, reading) if i.type_code != "VN")
    if not found:
        raise Rejected(RejectionReason.NO_PATIENT_IDENTIFIER, name)
    return found


def _is_same(first: tuple[Identifier, ...], second: tuple[Identifier, ...]) -> bool:
    """Return whether both are one record; two may share the citizen's number, it is one person."""
    records = {i for i in first if i.type_code == "MR"} or set(first)
    return bool(records & set(second))
