"""Relatives and allergies."""

from datetime import UTC, datetime

import pytest

from app.domain.intake.clinical_records import AllergyRecord, RelatedPersonRecord
from app.domain.intake.hospital_records import Coded, Identifier
from tests.unit.hl7.messages import PID
from tests.unit.hl7.reading import read


def test_relatives_come_with_what_they_are_to_the_patient() -> None:
    mobile = "010-1^PRN^PH~12100000009^PRN^CP"
    numbers = "|" * 28 + "99010119700101001X^^^GA^NI"

    told = read(
        PID, f"NK1|1|演示母|MTH^母亲||{mobile}{numbers}|", "NK1|2|演示父|父亲", "NK1|3||EMC",
        kind="ADT^A28",
    )  # fmt: skip

    assert told.related_persons == (
        RelatedPersonRecord(
            "MTH", "演示母", "12100000009", (Identifier("GA", "NI", "99010119700101001X"),)
        ),
        RelatedPersonRecord("FTH", "演示父"),
    )


def test_a_newborns_mother_is_found_by_her_number() -> None:
    pid = f"PID|1||9^^^HIS^MR||演示之女{'|' * 16}80001^^^HIS^MR"

    told = read(pid, "RXA|0|1|20260301||BCG^卡介苗", kind="VXU^V04")

    assert told.patient.mother == Identifier("HIS", "MR", "80001")


def test_an_allergy_without_a_number_is_known_by_patient_and_code() -> None:
    al1 = "AL1|1|DA|PEN^青霉素^L|SV|皮疹~休克|20200101"

    told = read(PID, al1, al1, kind="ADT^A08")

    assert told.allergies == (
        AllergyRecord(
            "80001/PEN",
            Coded("PEN", "青霉素", "L"),
            criticality="high",
            reaction="皮疹\n休克",
            recorded_at=datetime(2019, 12, 31, 16, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("action", "status", "is_active"),
    [("A", "C", True), ("A", "", True), ("D", "C", False), ("U", "I", False), ("U", "E", False)],
)
def test_an_allergy_may_be_taken_back(action: str, status: str, is_active: bool) -> None:
    iam = f"IAM|1|FA|NUT^花生^L|MI||{action}|A7{'|' * 10}{status}"

    (allergy,) = read(PID, iam, kind="ADT^A60").allergies

    assert (allergy.number, allergy.is_active) == ("A7", is_active)
