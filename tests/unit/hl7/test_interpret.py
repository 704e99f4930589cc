"""What a message says, and what it does not."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.intake.hospital_message import EventKind
from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentStatus,
    Coded,
    EncounterClass,
    EncounterStatus,
    Gender,
    Identifier,
    ObservationStatus,
    ResultFlag,
    apply_stated,
)
from app.domain.intake.rejections import Rejected, RejectionReason, Unsupported
from app.integrations.hl7.envelope import Limits
from app.integrations.hl7.interpret import interpret
from tests.unit.hl7.messages import HIS, OBR, PID, PV1, admission, message, result
from tests.unit.hl7.reading import read, reason_of

NINE = datetime(2026, 5, 4, 1, tzinfo=UTC)


def test_an_admission_says_who_and_where() -> None:
    told = interpret(admission(charset="UNICODE UTF-8"), HIS)

    assert told.event is EventKind.ADMIT
    assert told.recorded_at == NINE
    assert told.patient.identifiers == (
        Identifier("HIS", "MR", "80001"),
        Identifier("GA", "NI", "99010119700101001X"),
    )
    assert told.patient.name == "李测试"
    assert told.patient.birth_date == date(1970, 1, 1)
    assert told.patient.gender is Gender.MALE
    assert told.patient.phone == "12100000001"
    assert told.patient.address == "演示路1号演示市"
    assert told.encounter is not None
    assert told.encounter.visit == Identifier("YSYY", "VN", "ZY900001")
    assert told.encounter.encounter_class is EncounterClass.INPATIENT
    assert told.encounter.status is EncounterStatus.IN_PROGRESS
    assert told.encounter.department == Coded("NEI", "内分泌科")
    assert told.encounter.attending == Coded("D7", "演示医生")
    assert told.encounter.started_at == NINE
    assert told.issues == ()


def test_empty_leaves_a_field_alone_and_null_deletes_it() -> None:
    pid = 'PID|1||80001^^^HIS^MR||李测试|||""|||||""'

    patient = read(pid, kind="ADT^A08").patient

    assert patient.phone is None
    assert patient.gender is None
    assert patient.address is UNCHANGED
    assert patient.birth_date is UNCHANGED
    assert apply_stated(patient.phone, "12100000001") is None
    assert apply_stated(patient.address, "旧址") == "旧址"


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [("1", Gender.MALE), ("2", Gender.FEMALE), ("9", Gender.UNKNOWN), ("女", Gender.FEMALE)],
)
def test_chinese_gender_codes_are_known(sent: str, read_as: Gender) -> None:
    assert read(f"PID|1||8^^^HIS^MR||演示甲|||{sent}", kind="ADT^A28").patient.gender is read_as


def test_a_mobile_number_is_preferred() -> None:
    pid = "PID|1||8^^^HIS^MR||演示甲||||||||010-1^PRN^PH~12100000009^PRN^CP"

    assert read(pid, kind="ADT^A28").patient.phone == "12100000009"


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("欧阳^娜", "欧阳娜"),
        ("Berg^Anna^M", "Anna M Berg"),
        ("演示甲^^^^^^P~演示乙^^^^^^L", "演示乙"),
    ],
)
def test_names_are_read_as_their_people_write_them(sent: str, read_as: str) -> None:
    assert read(f"PID|1||8^^^HIS^MR||{sent}", kind="ADT^A28").patient.name == read_as


def test_a_number_without_an_issuer_is_the_facilitys() -> None:
    told = read("PID|1||8||演示甲", PV1, kind="ADT^A01")

    assert told.patient.identifiers == (Identifier("YSYY", "MR", "8"),)


def test_a_visit_number_in_the_patients_list_finds_no_person() -> None:
    body = message("PID|1||ZY1^^^HIS^VN||演示甲", kind="ADT^A08")

    assert reason_of(body) is RejectionReason.NO_PATIENT_IDENTIFIER


@pytest.mark.parametrize(
    ("trigger", "status"),
    [
        ("A01", EncounterStatus.IN_PROGRESS),
        ("A03", EncounterStatus.FINISHED),
        ("A04", EncounterStatus.IN_PROGRESS),
        ("A05", EncounterStatus.PLANNED),
        ("A11", EncounterStatus.CANCELLED),
        ("A13", EncounterStatus.IN_PROGRESS),
        ("A08", UNCHANGED),
        ("A02", UNCHANGED),
        ("A09", UNCHANGED),
        ("A10", UNCHANGED),
        ("A14", EncounterStatus.PLANNED),
        ("A15", UNCHANGED),
        ("A16", UNCHANGED),
        ("A21", UNCHANGED),
        ("A22", UNCHANGED),
        ("A25", UNCHANGED),
        ("A26", UNCHANGED),
        ("A27", EncounterStatus.CANCELLED),
        ("A38", EncounterStatus.CANCELLED),
        ("A60", UNCHANGED),
    ],
)
def test_events_move_the_encounter(trigger: str, status: object) -> None:
    encounter = read(f"EVN|{trigger}|20260504090000", PID, PV1, kind=f"ADT^{trigger}").encounter

    assert encounter is not None
    assert encounter.status is status


def test_a_discharge_ends_when_it_was_recorded_and_its_cancellation_deletes_the_end() -> None:
    ended = read("EVN|A03|20260504090000", PID, PV1, kind="ADT^A03").encounter
    reopened = read("EVN|A13|20260504100000", PID, PV1, kind="ADT^A13").encounter

    assert ended is not None
    assert ended.ended_at == NINE
    assert reopened is not None
    assert reopened.ended_at is None


def test_an_admission_without_a_visit_number_gets_one_that_a_repeat_gets_too() -> None:
    segments = ("EVN|A01|20260504090000", PID, "PV1|1|I|NEI")

    visits = {read(*segments, kind="ADT^A01").encounter.visit for _ in range(2)}  # type: ignore[union-attr]

    assert visits == {Identifier("HIS", "derived", "80001@20260504010000")}
    update = read(*segments, kind="ADT^A08").encounter
    assert update is not None
    assert update.visit is None


def test_diagnoses_come_with_their_visit() -> None:
    told = read(PID, PV1, "DG1|1||E11.900^2型糖尿病^ICD10GB||20260504|F", kind="ADT^A01")

    (condition,) = told.conditions
    assert condition.code == Coded("E11.900", "2型糖尿病", "ICD10GB")
    assert not condition.is_provisional
    assert condition.visit == Identifier("YSYY", "VN", "ZY900001")


def test_a_result_keeps_value_unit_interval_and_both_codes() -> None:
    obx = "OBX|1|NM|GLU^葡萄糖^L^14749-6^^LN||2.8|mmol/L|3.9-6.1|LL|||F|||20260504070000"

    (glucose,) = interpret(result(obx, "NTE|1|L|已电话报告"), HIS).observations

    assert (glucose.key.order, glucose.key.code, glucose.key.sub_id) == ("F1", "GLU", "")
    assert glucose.loinc == "14749-6"
    assert glucose.value == Decimal("2.8")
    assert glucose.unit == "mmol/L"
    assert glucose.interpretation is ResultFlag.CRITICALLY_LOW
    assert glucose.status is ObservationStatus.FINAL
    assert glucose.effective_at == datetime(2026, 5, 3, 23, tzinfo=UTC)
    assert glucose.issued_at == datetime(2026, 5, 4, 0, 30, tzinfo=UTC)
    assert glucose.note == "已电话报告"
    assert glucose.visit == Identifier("YSYY", "VN", "ZY900001")


def test_an_unescaped_power_in_the_unit_is_mended() -> None:
    (count,) = interpret(
        result("OBX|1|NM|PLT^血小板^L||85|×10^9/L|125-350|L↓|||F"), HIS
    ).observations

    assert (count.value, count.unit) == (Decimal(85), "10*9/L")
    assert (count.interpretation, count.flag_text) == (ResultFlag.LOW, "L↓")


@pytest.mark.parametrize(
    ("obx", "value", "text"),
    [
        ("OBX|1|ST|A^a^L||<0.50|mg/L", Decimal("0.50"), "<0.50"),
        ("OBX|1|NM|A^a^L||---|g/L", None, "---"),
        ("OBX|1|ST|A^a^L||1:320 阳性", "1:320 阳性", "1:320 阳性"),
        ("OBX|1|SN|A^a^L||^1^:^320", "1:320", "1:320"),
        ("OBX|1|SN|A^a^L||>^100", Decimal(100), ">100"),
        ("OBX|1|CWE|A^a^L||B^B型^L", Coded("B", "B型", "L"), "B型"),
        ("OBX|1|ST|A^a^L||7.40||7.35-7.45", Decimal("7.40"), "7.40"),
        ("OBX|1|ST|A^a^L||007", "007", "007"),
        ("OBX|1|NM|A^a^L||6.9↑|mmol/L", Decimal("6.9"), "6.9↑"),
        ('OBX|1|NM|A^a^L||""|mmol/L||||W', None, ""),
        ("OBX|1|TX|A^a^L||一~二", "一\n二", "一\n二"),
    ],
)
def test_values_are_what_they_say(obx: str, value: object, text: str) -> None:
    (observation,) = interpret(result(obx), HIS).observations

    assert observation.value == value
    assert observation.value_text == text


def test_an_arrow_behind_the_number_is_a_flag() -> None:
    (observation,) = interpret(result("OBX|1|NM|A^a^L||6.9↑|mmol/L"), HIS).observations

    assert observation.interpretation is ResultFlag.HIGH


def test_lines_of_one_text_are_one_result_and_equal_codes_stay_apart() -> None:
    told = interpret(
        result(
            "OBX|1|TX|S^结论^L||第一行",
            "OBX|2|TX|S^结论^L||第二行",
            "OBX|3|NM|G^血糖^L||5.0|mmol/L",
            "OBX|4|NM|G^血糖^L||6.0|mmol/L",
        ),
        HIS,
    )

    assert [o.value for o in told.observations] == [
        "第一行\n第二行",
        Decimal("5.0"),
        Decimal("6.0"),
    ]
    assert [o.key.sub_id for o in told.observations] == ["", "", "#2"]


def test_a_note_behind_something_else_belongs_to_no_result() -> None:
    (observation,) = interpret(
        message(
            PID,
            "NTE|1||病人备注",
            OBR,
            "NTE|1||标本备注",
            "OBX|1|NM|G^g^L||5|mmol/L",
            kind="ORU^R01",
        ),
        HIS,
    ).observations

    assert observation.note == "标本备注"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("P", ObservationStatus.PRELIMINARY),
        ("C", ObservationStatus.CORRECTED),
        ("W", ObservationStatus.ENTERED_IN_ERROR),
        ("D", ObservationStatus.ENTERED_IN_ERROR),
        ("X", ObservationStatus.CANCELLED),
        ("I", ObservationStatus.REGISTERED),
        ("", ObservationStatus.FINAL),
    ],
)
def test_result_status_is_the_observations_else_the_reports(
    sent: str, status: ObservationStatus
) -> None:
    (observation,) = interpret(
        result(f"OBX|1|NM|G^g^L||5|mmol/L|||||{sent}"),
        HIS,
    ).observations

    assert observation.status is status


def test_an_unvouched_result_is_not_final() -> None:
    told = read(PID, "OBR|1|P1|F1|G^g^L", "OBX|1|NM|G^g^L||5|mmol/L", kind="ORU^R01")

    assert told.observations[0].status is ObservationStatus.PRELIMINARY
    assert "result-status-missing" in told.issues


def test_a_status_one_field_too_early_is_understood() -> None:
    told = interpret(result('OBX|1|NM|G^g^L||""|mmol/L||||W'), HIS)

    assert told.observations[0].status is ObservationStatus.ENTERED_IN_ERROR
    assert "result-status-shifted" in told.issues


def test_statuses_rank_withdrawn_over_corrected_over_final_over_preliminary() -> None:
    ranks = [
        ObservationStatus.PRELIMINARY.rank,
        ObservationStatus.FINAL.rank,
        ObservationStatus.CORRECTED.rank,
        ObservationStatus.ENTERED_IN_ERROR.rank,
    ]
    assert ranks == sorted(set(ranks))
    assert ObservationStatus.CANCELLED.rank == ObservationStatus.ENTERED_IN_ERROR.rank


def test_results_of_two_people_in_one_message_are_nobodys() -> None:
    body = message(PID, OBR, "PID|2||80002^^^HIS^MR||演示乙", OBR, kind="ORU^R01")

    assert reason_of(body) is RejectionReason.SEVERAL_PATIENTS


@pytest.mark.parametrize(
    ("trigger", "sent", "status"),
    [
        ("S12", "Booked", AppointmentStatus.BOOKED),
        ("S14", "", AppointmentStatus.BOOKED),
        ("S14", "Complete", AppointmentStatus.FULFILLED),
        ("S15", "Booked", AppointmentStatus.CANCELLED),
        ("S26", "", AppointmentStatus.NO_SHOW),
    ],
)
def test_appointments_follow_their_trigger(
    trigger: str, sent: str, status: AppointmentStatus
) -> None:
    sch = f"SCH|Y1|Y1F||||||FZ^复诊|30|min|^^30^202605100900{'|' * 14}{sent}"
    segments = (sch, PID, "AIL|1||NEI^^^YSYY", "AIP|1||D7^演示医生")

    (appointment,) = read(*segments, kind=f"SIU^{trigger}").appointments

    assert appointment.status is status
    assert appointment.identifier == Identifier("YSYY", "FILL", "Y1F")
    assert appointment.start_at == datetime(2026, 5, 10, 1, tzinfo=UTC)
    assert appointment.end_at == datetime(2026, 5, 10, 1, 30, tzinfo=UTC)
    assert appointment.department == Coded("NEI")
    assert appointment.practitioner == Coded("D7", "演示医生")


def test_an_appointment_without_a_number_is_rejected() -> None:
    assert (
        reason_of(message("SCH|", PID, kind="SIU^S12")) is RejectionReason.NO_APPOINTMENT_IDENTIFIER
    )
    assert reason_of(message(PID, kind="SIU^S12")) is RejectionReason.MISSING_SEGMENT


def test_kinds_we_do_not_read_are_named() -> None:
    with pytest.raises(Unsupported, match="unsupported-type: BAR\\^P01"):
        interpret(message(PID, kind="BAR^P01"), HIS)
    # Nobody is deleted by a message.
    with pytest.raises(Unsupported, match="unsupported-event: ADT\\^A29"):
        interpret(message(PID, kind="ADT^A29"), HIS)
    with pytest.raises(Unsupported) as caught:
        interpret(message(PID, kind="李测试^A01"), HIS)
    assert "李测试" not in str(caught.value)


def test_escapes_are_undone_once() -> None:
    obx = (
        r"OBX|1|TX|S^结论^L||a\F\b\S\c\T\d\R\e\E\f\.br\g\X"
        + "张".encode().hex()
        + r"\h\E\F\E\ C:\p\q"
    )

    (observation,) = interpret(result(obx), HIS).observations

    assert observation.value == "a|b^c&d~e\\f\ng张h\\F\\ C:\\p\\q"


def test_an_escape_cannot_ask_for_a_billion_lines() -> None:
    (observation,) = interpret(
        result(r"OBX|1|TX|S^结论^L||a\.sp999\b\.sp999999999\c"), HIS
    ).observations

    assert len(observation.value_text) < 60


def test_the_senders_own_segments_are_named() -> None:
    assert read(PID, PV1, "ZPA|1", "ZPA|2", "AL1|1", kind="ADT^A01").unknown_segments == ("ZPA",)


def test_the_hospitals_zone_can_be_another() -> None:
    told = interpret(admission(), replace(HIS, zone=UTC))

    assert told.recorded_at == datetime(2026, 5, 4, 9, tzinfo=UTC)


CORPUS = [
    admission(),
    result("OBX|1|NM|GLU^葡萄糖^L^14749-6^^LN||2.8|×10^9/L|3.9-6.1|LL|||F", "NTE|1||注"),
    message("SCH|Y1|Y1||||||FZ^复诊|30|min|^^30^202605100900", PID, "AIS|1||N^n", kind="SIU^S12"),
    message(PID, "MRG|80777^^^HIS^MR", kind="ADT^A40"),
    admission().decode().encode("gb18030"),
]
SMALL = replace(HIS, limits=Limits(max_bytes=20_000, max_segments=200))


def only_rejects(body: bytes) -> None:
    for source in (SMALL, replace(SMALL, charset="gb18030")):
        try:
            told = interpret(body, source)
        except Rejected:
            continue
        assert told.patient.person_identifiers


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(CORPUS),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 2]), st.binary(max_size=6)),
        max_size=12,
    ),
)
def test_mutated_bytes_are_read_or_rejected(
    body: bytes, mutations: list[tuple[int, int, bytes]]
) -> None:
    for position, removed, inserted in mutations:
        at = position % (len(body) + 1)
        body = body[:at] + inserted + body[at + removed :]

    only_rejects(body)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CORPUS), st.data())
def test_fields_of_anything_are_read_or_rejected(body: bytes, data: st.DataObject) -> None:
    segments = body.split(b"\r")
    number = data.draw(st.integers(0, len(segments) - 1))
    fields = segments[number].split(b"|")
    at = data.draw(st.integers(0, len(fields) - 1))
    alphabet = st.sampled_from(
        [*'^~\\&"|0123456789-+.<>XEFabc↑·年', "\\.sp", "\\X", "\x85", "\u2028"]
    )
    fields[at] = "".join(data.draw(st.lists(alphabet, max_size=20))).encode()
    segments[number] = b"|".join(fields)

    only_rejects(b"\r".join(segments))


@given(st.binary(max_size=300))
def test_any_bytes_after_a_header_are_read_or_rejected(tail: bytes) -> None:
    only_rejects(b"MSH|^~\\&|" + tail)
    only_rejects(tail)


@pytest.mark.parametrize(
    ("fields", "deceased_at"),
    [
        ("", UNCHANGED),
        ("20260503080000|Y", datetime(2026, 5, 3, tzinfo=UTC)),
        ("|Y", NINE),
        ("|N", None),
        ('""|N', None),
    ],
)
def test_a_death_is_told_and_taken_back(fields: str, deceased_at: object) -> None:
    pid = f"PID|1||8^^^HIS^MR{'|' * 26}{fields}"

    assert read("EVN|A31|20260504090000", pid, kind="ADT^A31").patient.deceased_at == deceased_at
