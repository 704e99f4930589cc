"""Whatever the order, the repeats and the cut into batches: one state in the end.

The messages are about three people: a stay with its results, diagnoses and appointments, a record
that is merged into another, and a visit that was booked on the wrong person.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from itertools import permutations
from random import Random

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.intake.clinical_records import (
    AllergyRecord,
    DiagnosticReportRecord,
    FormRecord,
    FormStatus,
    ImmunizationRecord,
    ImmunizationStatus,
    MedicationRecord,
    RelatedPersonRecord,
    ReportStatus,
    RequestStatus,
    ServiceRequestRecord,
)
from app.domain.intake.hospital_message import EventKind, HospitalMessage, VisitMove
from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    PatientRecord,
)
from app.integrations.feeds import Feeds
from app.integrations.hl7.interpret import Reader
from app.integrations.hl7.source import Source
from app.models import Encounter, InboundMessage, Patient
from app.services.intake import (
    Arrival,
    Kept,
    Settled,
    interpret_batch,
    interpret_pending,
    receive_batch,
    settle_batch,
)
from tests.conftest import NOON
from tests.integration.record_state import State, difference, record_state
from tests.unit.hl7.messages import message

READ = Feeds({"hl7": Reader([Source("his")])})
LATER = NOON + timedelta(days=30)
SEEDS = range(8)

A = "PID|1||1^^^HIS^MR~N1^^^GA^NI||演示甲||19700101|M|||演示路1号^^演示市||12100000001"
A_BARE = "PID|1||1^^^HIS^MR||演示甲"
A_COPY = "PID|1||1^^^HIS^MR||演示旧名||19700102|F|||旧路^^演示市||12100000009"
B = "PID|1||2^^^HIS^MR||演示乙||19800101|F|||||12100000002"
C = "PID|1||3^^^HIS^MR~N3^^^GA^NI||演示丙||19800101|F|||丙路^^演示市||12100000003"
ENCOUNTER = Coded("NEI", "内分泌科")


def stay(visit: str, place: str = "NEI^0301^05", kind: str = "I") -> str:
    return f"PV1|1|{kind}|{place}^YSYY^^^^^内分泌科||||D7^演示医生||||||||||||{visit}"


def told(*segments: str, kind: str, at: str, control_id: str) -> HospitalMessage:
    event = kind.partition("^")[2]
    body = message(f"EVN|{event}|{at}", *segments, kind=kind, sent=at, control_id=control_id)
    read = READ("hl7:his", body)
    assert isinstance(read, tuple)
    return read[0]


def adt(event: str, at: str, *segments: str) -> HospitalMessage:
    return told(*segments, kind=f"ADT^{event}", at=at, control_id=f"{event}{at}")


def oru(pid: str, visit: str, order: str, status: str, at: str, *obx: str) -> HospitalMessage:
    obr = f"OBR|1|P{order}|{order}|LAB^生化^L|||20260504063000|||||||||||||||{at}||LAB|{status}"
    return told(pid, stay(visit), obr, *obx, kind="ORU^R01", at=at, control_id=f"{order}{at}")


def glucose(value: str, status: str) -> str:
    return f"OBX|1|NM|GLU^葡萄糖^L^14749-6^^LN||{value}|mmol/L|3.9-6.1||||{status}"


def siu(trigger: str, at: str, starts: str, sch: str = "Y1|Y1F") -> HospitalMessage:
    booked = f"SCH|{sch}||||||FZ^复诊|30|min|^^30^{starts}"
    return told(
        booked, A_BARE, "AIL|1||NEI^^^YSYY^^^^^内分泌科", "AIP|1||D7^演示医生",
        kind=f"SIU^{trigger}", at=at, control_id=f"{trigger}{at}{sch}",
    )  # fmt: skip


def diagnosis(code: str, kind: str, action: str = "A", at: str = "20260504") -> str:
    return f"DG1|1||{code}^诊断^ICD10||{at}|{kind}{'|' * 15}{action}"


STAY = [
    adt("A01", "20260504090000", A, stay("ZY1"), diagnosis("E11.9", "A")),
    adt("A08", "20260504091500", A_BARE + "|||||||||12100000007"),
    adt("A08", "20260504093000", A_BARE + '||||||||""'),
    adt("A02", "20260504100000", A, stay("ZY1", "XIN^0402^01")),
    adt("A03", "20260505100000", A, stay("ZY1"), diagnosis("E11.9", "F")),
    adt("A13", "20260505110000", A, stay("ZY1")),
    adt("A03", "20260506100000", A, stay("ZY1"), diagnosis("I10.x", "F")),
    adt("A08", "20260506110000", A, stay("ZY1"), diagnosis("I10.x", "F", "D")),
]
SAME_SECOND = [
    adt("A01", "20260510090000", B, stay("ZY2")),
    adt("A02", "20260510090000", B, stay("ZY2", "XIN^1^1")),
    adt("A03", "20260510090000", B, stay("ZY2")),
]
RESULTS = [
    oru(A_COPY, "ZY1", "F1", "P", "20260504073000", glucose("16.9", "P")),
    oru(A_COPY, "ZY1", "F1", "F", "20260504074500", glucose("16.9", "F")),
    oru(A_COPY, "ZY1", "F1", "F", "20260504080000", glucose("16.8", "F")),
    oru(A_COPY, "ZY1", "F1", "C", "20260504091000", glucose("5.1", "C")),
    oru(A, "ZY1", "F2", "F", "20260504091000", glucose("7.7", "F")),
    oru(A, "ZY1", "F2", "F", "20260504100000", glucose('""', "W")),
]
BOOKINGS = [
    siu("S12", "20260501090000", "202605100900"),
    siu("S14", "20260502090000", "202605101000"),
    siu("S15", "20260503090000", "202605101000"),
    siu("S12", "20260501090000", "202605200900", "Y2|"),
    siu("S12", "20260501091000", "202605200930", "|Y2F"),
    siu("S14", "20260502090000", "202605201000", "Y2|Y2F"),
]
MERGED = [
    adt("A28", "20260501090000", B),
    adt("A28", "20260501080000", C),
    adt("A01", "20260502090000", C, stay("ZY3"), diagnosis("J45.9", "F")),
    oru(C, "ZY3", "F3", "F", "20260503080000", glucose("6.0", "F")),
    adt("A40", "20260503090000", B, "MRG|3^^^HIS^MR"),
    oru(C, "ZY3", "F3", "C", "20260504080000", glucose("6.2", "C")),
    adt("A08", "20260504100000", C + "", stay("ZY3", "XIN^2^2")),
]


def number(value: str) -> Identifier:
    return Identifier("HIS", "MR", value)


def whole(at: datetime, **records: object) -> HospitalMessage:
    """Return what FHIR and tables send: parts of a record, each speaking for itself."""
    bare = HospitalMessage(
        source="emr", event=EventKind.SNAPSHOT, control_id="", sending_application="EMR",
        sending_facility="YSYY", recorded_at=at, patient=PatientRecord((number("1"),)),
    )  # fmt: skip
    return replace(bare, **records)  # type: ignore[arg-type]


def on(day: int, hour: int = 8) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


INSULIN = MedicationRecord(
    "RX1", Coded("INS", "胰岛素", "L"), RequestStatus.ACTIVE,
    dosage_text="早餐前 8 单位", dose=Decimal(8), dose_unit="[iU]", authored_at=on(4),
    visit=Identifier("YSYY", "VN", "ZY1"),
)  # fmt: skip
THINGS = [
    whole(on(4), medications=(INSULIN,)),
    whole(on(5), medications=(replace(INSULIN, dosage_text="早餐前 10 单位", dose=Decimal(10)),)),
    whole(
        on(6),
        medications=(
            MedicationRecord(
                "RX1", Coded("INS", "胰岛素", "L"), RequestStatus.COMPLETED, dispensed_at=on(6)
            ),
        ),
    ),
    whole(
        on(4),
        reports=(
            DiagnosticReportRecord("R1", Coded("CT"), ReportStatus.PRELIMINARY, conclusion="待审"),
        ),
        service_requests=(ServiceRequestRecord("O1", Coded("CT"), RequestStatus.ACTIVE),),
        allergies=(AllergyRecord("AL1", Coded("PEN", "青霉素"), reaction="皮疹"),),
    ),
    whole(
        on(5),
        reports=(
            DiagnosticReportRecord("R1", Coded("CT"), ReportStatus.FINAL, conclusion="未见异常"),
        ),
        service_requests=(ServiceRequestRecord("O1", Coded("CT"), RequestStatus.COMPLETED),),
        allergies=(AllergyRecord("AL1", Coded("PEN", "青霉素"), is_active=False),),
        immunizations=(
            ImmunizationRecord(
                "V1", Coded("HEPB"), ImmunizationStatus.COMPLETED, date(2026, 5, 1), 1
            ),
        ),
    ),
    whole(
        on(6),
        related_persons=(RelatedPersonRecord("SPO", "演示配偶", "", (number("77"),)),),
        forms=(FormRecord("Q1", "http://x/phq9", FormStatus.COMPLETED, {"1": 2}, on(6)),),
    ),
    whole(
        on(5),
        related_persons=(RelatedPersonRecord("SPO", "演示配", "12100000008", (number("77"),)),),
        forms=(FormRecord("Q1", "http://x/phq9", FormStatus.COMPLETED, {"1": 1}, on(5)),),
    ),
]
WRONG_PERSON = [
    adt("A01", "20260511090000", A, stay("ZY9"), diagnosis("K35.9", "F")),
    oru(A, "ZY9", "F9", "F", "20260511100000", glucose("4.4", "F")),
    replace(
        adt("A08", "20260511110000", B),
        event=EventKind.MOVE_VISIT,
        visit_moves=(VisitMove(Identifier("YSYY", "VN", "ZY9"), (number("1"),)),),
    ),
    # The old booking still speaks of the visit: what it says follows the visit.
    adt("A02", "20260511103000", A, stay("ZY9", "XIN^9^9")),
]
RIGHT_PERSON = adt("A03", "20260512090000", B, stay("ZY9"))
EVERYTHING = [*STAY, *SAME_SECOND, *RESULTS, *BOOKINGS, *MERGED, *THINGS, *WRONG_PERSON]


def take(session: Session, messages: list[HospitalMessage], most: int = 1) -> list[Settled]:
    """Interpret messages in batches of up to `most`."""
    settled, random, left = [], Random(most), list(enumerate(messages, start=1))
    while left:
        size = random.randint(1, most)
        batch, left = left[:size], left[size:]
        kept = [Kept(number_, "hl7:his", LATER, (one,)) for number_, one in batch]
        settled += interpret_batch(session, kept, LATER)
    return settled


def end(session: Session, messages: list[HospitalMessage], most: int = 1) -> State:
    """Return the state that messages lead to, and forget them again."""
    with session.begin_nested() as told_only_now:
        settled = take(session, messages, most)
        assert {one.status for one in settled} == {"processed"}, settled
        session.expire_all()
        state = record_state(session)
        told_only_now.rollback()
    session.expunge_all()
    return state


def shuffled(messages: list[HospitalMessage], seed: int) -> list[HospitalMessage]:
    """Return the messages in another order, a third of them twice."""
    random = Random(seed)
    mixed = messages + random.sample(messages, len(messages) // 3)
    random.shuffle(mixed)
    return mixed


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_and_repeated_messages_end_in_the_state_of_the_clean_run(
    session: Session, seed: int
) -> None:
    clean = end(session, EVERYTHING)

    mixed = end(session, shuffled(EVERYTHING, seed), most=1 + seed % 4 * 9)

    assert mixed == clean, difference(clean, mixed)


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(SAME_SECOND, id="one-second"),
        pytest.param(RESULTS[:4], id="a-result"),
        pytest.param(STAY[:4], id="a-person"),
        pytest.param(STAY[4:], id="a-discharge"),
        pytest.param(BOOKINGS[3:], id="an-appointment-of-two-numbers"),
        pytest.param(THINGS[:3], id="a-prescription"),
        pytest.param(MERGED[1:5], id="a-merge"),
        pytest.param(WRONG_PERSON, id="a-visit-of-the-wrong-person"),
    ],
)
def test_every_order_of_a_story_ends_alike(session: Session, story: list[HospitalMessage]) -> None:
    clean = end(session, story)

    for order in permutations(story):
        mixed = end(session, list(order), most=len(story))
        assert mixed == clean, difference(clean, mixed)


@pytest.mark.parametrize("most", [1, 9])
@pytest.mark.parametrize("order", list(permutations([0, 1, 2])))
def test_what_was_said_of_the_right_person_before_the_visit_was_theirs_is_not_lost(
    database: Engine, order: tuple[int, ...], most: int
) -> None:
    story = [WRONG_PERSON[0], WRONG_PERSON[2], RIGHT_PERSON]
    arrived = {f"C{place}".encode(): story[place] for place in order}

    def read(source: str, body: bytes) -> tuple[HospitalMessage, ...]:
        return (arrived[body],)

    with unit_of_work.begin() as session:
        pairs = [(Arrival("hl7:his", digest(body), "ADT", ""), body) for body in arrived]
        kept = [one.id for one in receive_batch(session, pairs, LATER)]
    for start in range(0, len(kept), most):
        with unit_of_work.begin() as session:
            batch = [
                Kept(number_, "hl7:his", LATER, (arrived[pairs[number_ - kept[0]][1]],))
                for number_ in kept[start : start + most]
            ]
            settled = dict(zip(kept[start:], interpret_batch(session, batch, LATER), strict=False))
            settle_batch(session, settled, LATER)
    interpret_pending(unit_of_work, read, LATER + timedelta(minutes=1), limit=10)

    with unit_of_work() as session:
        assert set(session.scalars(select(InboundMessage.status))) == {"processed"}
        (visit,) = session.scalars(select(Encounter))
        owner = session.get_one(Patient, visit.patient_id)
        assert (owner.name, visit.status) == ("演示乙", "finished")


def digest(body: bytes) -> bytes:
    return sha256(body).digest()


def test_the_clean_run_says_what_was_told(session: Session) -> None:
    state = end(session, EVERYTHING)

    def rows(table: str) -> list[dict[str, object]]:
        return [dict(part for part in row if isinstance(part, tuple)) for row in state[table]]

    stays = {row["visit_number"]: row["status"] for row in rows("encounter")}
    assert stays == {
        "ZY1": "finished",
        "ZY2": "finished",
        "ZY3": "in-progress",
        "ZY9": "in-progress",
    }
    results = [row for row in rows("observation") if row["is_current"]]
    current = {(row["order_number"], row["status"], row["value"]) for row in results}
    assert current == {
        ("F1", "corrected", Decimal("5.1")),
        ("F2", "entered-in-error", None),
        ("F3", "corrected", Decimal("6.2")),
        ("F9", "final", Decimal("4.4")),
    }
    (medicine,) = rows("medication_request")
    assert (medicine["status"], medicine["dose"], medicine["dispensed_at"]) == (
        "completed", Decimal(10), on(6),
    )  # fmt: skip
    assert {row["status"] for row in rows("appointment")} == {"cancelled", "booked"}
    counted = {row["code"] for row in rows("condition") if row["is_active"]}
    assert counted == {"E11.9", "J45.9", "K35.9"}
