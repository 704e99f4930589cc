"""Real samples: a simulated hospital's stream and the Chinese cases."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentStatus,
    Identifier,
    ObservationRecord,
    ObservationStatus,
)
from app.domain.intake.rejections import Rejected, RejectionReason
from app.integrations.hl7.envelope import split_messages
from app.integrations.hl7.interpret import interpret
from app.integrations.hl7.source import Source
from tests.unit.hl7.samples import sample_bodies

pytestmark = pytest.mark.shared
EVENTS = {"stale": "update"}  # what the stream before makes of it is for the intake to find


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "clinical" / "hl7v2"


def read(folder: Path, name: str, charset: str | None = None) -> list[HospitalMessage]:
    data = next((folder / "zh-own").glob(f"{name}_*.hl7")).read_bytes()
    return [interpret(body, Source("his", charset)) for body in split_messages(data)]


def results(folder: Path, name: str) -> dict[str, ObservationRecord]:
    return {o.code.code: o for o in read(folder, name)[0].observations}


def test_every_message_of_the_simulated_hospital_is_understood(folder: Path) -> None:
    bodies = split_messages((folder / "simhospital/messages.hl7").read_bytes())
    told, refused = [], Counter[str]()
    for body in bodies:
        try:
            told.append(interpret(body, Source("simhospital")))
        except Rejected as rejected:
            refused[str(rejected)] += 1

    assert len(bodies) == 500
    assert refused == {}
    assert Counter(m.event for m in told) == {"admit": 193, "result": 307}
    assert [m for m in told if m.issues] == []
    assert len({m.patient.identifiers for m in told}) == 195
    assert {len(m.patient.identifiers) for m in told} == {2}
    assert len({m.encounter.visit for m in told if m.encounter and m.encounter.visit}) == 193
    observations = [o for m in told for o in m.observations]
    assert len(observations) == len({o.key for o in observations}) == 1675
    assert {o.status for o in observations} == {ObservationStatus.FINAL}
    assert sum(isinstance(o.value, Decimal) for o in observations) > 1390
    assert {"10*9/L", "10*12/L"} <= {o.unit for o in observations}
    assert sum(bool(o.note) for o in observations) > 100


def test_the_chinese_cases_read_as_their_specification_says(folder: Path) -> None:
    specification = json.loads((folder / "zh-own/expected.json").read_text())["messages"]
    checked = 0
    for case in specification:
        expected = case["expect"]
        if "patient_mr" not in expected:
            continue
        charset = "gb18030" if "needs" in expected else None
        (told,) = read(folder, case["file"][:2], charset)
        said = expected.get("event", "vaccination")
        event = EVENTS.get(said, said)
        assert told.event.value == event
        assert told.patient.identifiers[0].value == expected["patient_mr"]
        for name, value in (("name", told.patient.name), ("ids", len(told.patient.identifiers))):
            assert expected.get(name, value) == value
        if "visit" in expected:
            assert told.encounter
            assert told.encounter.visit
            assert told.encounter.visit.value == expected["visit"]
        assert list(told.unknown_segments) == expected.get("unknown_segments", [])
        checked += 1
    assert checked == 7


def test_deleted_and_unmentioned_fields_differ(folder: Path) -> None:
    (told,) = read(folder, "03")

    assert told.patient.phone is None
    assert told.patient.address is UNCHANGED


@pytest.mark.parametrize("name", ["02", "18"])
@pytest.mark.parametrize("charset", ["gb18030", None])
def test_gb18030_names_survive_with_and_without_configuration(
    folder: Path, name: str, charset: str | None
) -> None:
    (told,) = read(folder, name, charset)

    assert told.patient.name == {"02": "沈珅", "18": "郑一"}[name]


def test_merges_are_told_apart_from_mistakes(folder: Path) -> None:
    (told,) = read(folder, "05")
    (merge,) = told.merges

    assert merge.survivor[0].value == "00100001"
    assert [i.value for i in merge.retired] == ["00100777"]
    with pytest.raises(Rejected) as caught:
        read(folder, "07")
    assert caught.value.reason is RejectionReason.SELF_MERGE


@pytest.mark.parametrize(
    ("name", "status", "potassium", "flag"),
    [
        ("08", "preliminary", "6.9", "HH"),
        ("09", "final", "6.9", "HH"),
        ("10", "corrected", "4.1", "N"),
        ("12", "corrected", "4.1", "N"),
        ("13", "final", "6.9", "HH"),
    ],
)
def test_versions_of_one_result_share_their_key(
    folder: Path, name: str, status: str, potassium: str, flag: str
) -> None:
    result = results(folder, name)["K"]

    assert result.key == results(folder, "08")["K"].key
    assert (result.status, result.value, result.interpretation) == (
        status,
        Decimal(potassium),
        flag,
    )
    assert result.loinc == "2823-3"


def test_a_withdrawn_result_has_no_value(folder: Path) -> None:
    sodium = results(folder, "11")["NA"]

    assert sodium.status is ObservationStatus.ENTERED_IN_ERROR
    assert sodium.value is None


def test_chinese_laboratories_quirks(folder: Path) -> None:
    told = results(folder, "14")

    assert told["WBC"].value == Decimal("12.31")
    assert told["WBC"].unit == told["PLT"].unit == "10*9/L"
    assert told["PLT"].value == 85
    assert (told["CRP"].comparator, told["CRP"].value) == ("<", Decimal("0.5"))
    assert (told["TNT"].comparator, told["TNT"].value) == (">", Decimal(10000))
    assert told["HBG"].value is None
    assert told["ANA"].value == "1:320 阳性"
    assert told["SUM"].value == "1.白细胞升高\n2.血小板减低|建议复查 A&B"
    assert [told[c].interpretation for c in ("WBC", "PLT", "HCT")] == ["H", "L", "N"]
    assert {o.status for o in told.values()} == {ObservationStatus.FINAL}


def test_a_batch_tells_one_appointments_story_in_order(folder: Path) -> None:
    told = read(folder, "15")

    appointments = [m.appointments[0] for m in told]
    assert [a.status for a in appointments] == ["booked", "booked", "cancelled", "noshow"]
    assert appointments[-1].status is AppointmentStatus.NO_SHOW
    assert len({a.identifier for a in appointments}) == 1


def test_lines_that_end_with_lf_are_segments(folder: Path) -> None:
    data = next((folder / "zh-own").glob("16_*")).read_bytes()
    assert b"\r" not in data

    (told,) = read(folder, "16")

    assert told.encounter
    assert told.encounter.location == "WK-0501-3"


def test_a_newborns_vaccination_names_the_mother(folder: Path) -> None:
    (told,) = read(folder, "17")
    (dose,) = told.immunizations

    assert isinstance(told.patient.mother, Identifier)
    assert told.patient.mother.value == "00100002"
    assert (dose.vaccine.code, dose.dose_number) == ("HEPB", 1)
    assert dose.occurred_on == date(2025, 3, 1)
    assert dose.lot_number == "LOT20241101"


# What becomes of every message of the folder. A number that changes is a regression, or progress
# that should be written down here.
OUTCOMES = {
    "admit": 254, "register": 9, "pre-admit": 3, "transfer": 3, "discharge": 6, "update": 15,
    "cancel-admit": 3, "cancel-discharge": 2, "merge": 12, "move-visit": 1, "result": 349,
    "appointment": 17, "order": 21, "prescription": 40, "vaccination": 18,
    # Problem lists, billing, queries, acknowledgements, referrals; A17, A29, A41.
    "unsupported-type": 58, "unsupported-event": 5,
    # Files of code, mappings and comments lie among the messages.
    "not-hl7": 4, "bad-separators": 22, "bad-segment": 11, "missing-segment": 16,
    "no-patient-identifier": 3, "self-merge": 1,
}  # fmt: skip


def test_every_sample_becomes_a_record_or_a_reject_with_a_sentence(shared_data: Path) -> None:
    told, refused = [], []
    for _, body in sample_bodies(shared_data):
        try:
            told.append(interpret(body, Source("samples")))
        except Rejected as rejected:
            refused.append(rejected.reason)

    assert Counter([*(m.event.value for m in told), *(r.value for r in refused)]) == OUTCOMES
    assert all(m.patient.person_identifiers for m in told)
    assert all(reason.sentence for reason in refused)
