"""What rows of hospital tables say, whatever their databases make of text, numbers and time."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.intake.hospital_message import EventKind, VisitMove
from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentStatus,
    ConditionStatus,
    EncounterClass,
    EncounterStatus,
    Gender,
    Identifier,
    ObservationKey,
    ObservationStatus,
    ResultFlag,
)
from app.domain.intake.rejections import Rejected, RejectionReason
from app.domain.intake.table_rows import (
    Deed,
    KeptRow,
    Succession,
    Value,
    content_of,
    key_text,
    read_kept_row,
)
from app.integrations.tables.mapped_table import MappedTable
from app.integrations.tables.reader import TableReader
from tests.unit.tables.mappings import (
    AT,
    answer_to,
    lab,
    mapping,
    patients,
    results,
    told,
)

VALUES = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, places=6),
    st.datetimes(),
    st.dates(),
    st.times(),
)
PERSON: dict[str, Any] = {
    "BRID": "0001234     ",
    "SFZH": "",
    "XM": "李测试",
    "XB": "2",
    "CSRQ": "19600301",
    "LXDH": "13800001234",
}


# ------------------------------------------------------------------------------- keeping


@given(st.dictionaries(st.text(), VALUES))
def test_a_kept_row_gives_every_value_back(values: dict[str, Value]) -> None:
    kept = KeptRow("t", Deed.SEEN, AT, 3, values, before=values)

    assert read_kept_row(kept.body()) == kept


def test_decimals_keep_the_zeros_that_were_measured() -> None:
    kept = read_kept_row(KeptRow("t", Deed.SEEN, AT, 0, {"JG": Decimal("5.10")}).body())

    assert str(kept.values["JG"]) == "5.10"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"table":"t"}', b'{"row":[1]}'])
def test_what_is_no_kept_row_is_refused(body: bytes) -> None:
    answer = TableReader([mapping()])("his", body)

    assert isinstance(answer, Rejected)
    assert answer.reason is RejectionReason.NOT_A_ROW


def test_padding_and_empty_text_say_nothing_new() -> None:
    assert content_of({"a": "x  ", "b": ""}) == content_of({"a": "x", "b": None})
    assert content_of({"a": "x"}) != content_of({"a": "y"})


def test_a_key_is_the_same_from_a_number_a_padded_text_and_a_file() -> None:
    assert len({key_text([7]), key_text([Decimal("7.00")]), key_text(["7   "])}) == 1


# ------------------------------------------------------------------------------- a person


def test_a_persons_row_tells_who_they_are() -> None:
    patient = told(PERSON, patients()).patient

    assert patient.identifiers == (Identifier("HIS", "MR", "0001234"),)
    assert patient.name == "李测试"
    assert patient.gender is Gender.FEMALE
    assert patient.birth_date == date(1960, 3, 1)
    assert patient.phone == "13800001234"
    assert patient.address is UNCHANGED


def test_an_empty_cell_says_nothing_or_deletes_as_the_mapping_tells() -> None:
    patient = told(PERSON | {"XM": "   ", "LXDH": None}, patients()).patient

    assert patient.name is UNCHANGED
    assert patient.phone is None


def test_a_cell_that_cannot_be_read_is_left_out_and_named() -> None:
    message = told(PERSON | {"CSRQ": "二月三十日", "XB": "7"}, patients())

    assert message.patient.birth_date is UNCHANGED
    assert message.patient.gender is UNCHANGED
    assert message.issues == ("not-a-date:CSRQ", "not-in-map:XB")


def test_a_row_without_a_number_of_the_person_is_rejected() -> None:
    answer = answer_to(PERSON | {"BRID": "  "}, patients())

    assert isinstance(answer, Rejected)
    assert answer.reason is RejectionReason.NO_PATIENT_IDENTIFIER


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("CSRQ", "19600301"),
        ({"column": "CSRQ"}, "1960-3-1"),
        ({"column": "CSRQ"}, "1960/03/01 00:00:00"),
        ({"column": "CSRQ", "format": "%Y年%m月%d日"}, "1960年03月01日"),
        ({"column": "CSRQ"}, date(1960, 3, 1)),
        # Midnight at the hospital; as an instant it would be the day before.
        ({"column": "CSRQ"}, datetime(1960, 3, 1)),
    ],
)
def test_birthdays_are_days_however_they_are_written(cell: Any, written: Value) -> None:
    table = patients()
    table["patient"] = table["patient"] | {"birth_date": cell}

    assert told(PERSON | {"CSRQ": written}, table).patient.birth_date == date(1960, 3, 1)


# ------------------------------------------------------------------------------- results


def test_a_result_keeps_value_unit_interval_and_status() -> None:
    message = told(lab())
    (result,) = message.observations

    assert message.event is EventKind.RESULT
    assert result.key == ObservationKey("20260504001", "GLU", "")
    assert (str(result.value), result.unit) == ("5.10", "mmol/L")
    assert result.reference_range is not None
    assert result.reference_range.high == Decimal("6.1")
    assert result.status is ObservationStatus.FINAL
    # 08:30 without a zone is the hospital's.
    assert result.issued_at == datetime(2026, 5, 4, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "value", "comparator"),
    [
        (Decimal("5.10"), Decimal("5.1"), ""),
        ("<0.5", Decimal("0.5"), "<"),
        ("阴性", "阴性", ""),
        ("---", None, ""),
        (None, None, ""),
        ("1:320", "1:320", ""),
    ],
)
def test_values_are_numbers_where_they_are_numbers(
    written: Value, value: object, comparator: str
) -> None:
    (result,) = told(lab(JG=written)).observations

    assert (result.value, result.comparator) == (value, comparator)


@pytest.mark.parametrize(
    ("written", "flag"), [("↑", ResultFlag.HIGH), ("HH", ResultFlag.CRITICALLY_HIGH), ("", None)]
)
def test_flags_are_read_as_laboratories_write_them(written: str, flag: ResultFlag | None) -> None:
    (result,) = told(lab(BZ=written)).observations

    assert result.interpretation is flag


@pytest.mark.parametrize("column", ["YBH", "XMDM", "ZT"])
def test_a_result_without_order_code_or_status_is_rejected_by_column(column: str) -> None:
    table = results()
    table["fields"] = table["fields"] | {"code": "XMDM"}

    answer = answer_to(lab(**{column: " "}), table)

    assert isinstance(answer, Rejected)
    assert answer.reason is RejectionReason.BAD_CELL
    assert column in answer.detail


def test_an_unknown_status_is_never_taken_for_final() -> None:
    answer = answer_to(lab(ZT="8"))

    assert isinstance(answer, Rejected)
    assert str(answer) == "bad-cell: ZT: not-in-map"


@pytest.mark.parametrize("withdrawal", [{"deed": Deed.WITHDRAWN}, {"flag": "1"}])
def test_a_result_is_taken_back_by_its_end_and_by_its_flag(withdrawal: dict[str, Any]) -> None:
    flag = withdrawal.pop("flag", "0")
    (result,) = told(lab(CXBZ=flag), **withdrawal).observations

    assert result.status is ObservationStatus.ENTERED_IN_ERROR


def test_a_row_that_came_back_is_a_result_of_its_own() -> None:
    keys = {told(lab(), life=life).observations[0].key for life in (0, 1, 2)}

    assert len(keys) == 3


# ------------------------------------------------------------------------------- the others


def visits(**fields: Any) -> dict[str, Any]:
    return {
        "name": "encounter",
        "is": "encounter",
        "key": ["JZH"],
        "visit": "JZH",
        "patient": {"identifiers": ["BRID"], "name": "XM"},
        "fields": {
            "encounter_class": {"column": "LX", "map": {"住院": "IMP"}},
            "department": {"column": "KSDM", "display": "KSMC"},
            "started_at": "RYSJ",
            "ended_at": "CYSJ",
            **fields,
        },
    }


VISIT: dict[str, Any] = {
    "JZH": "ZY0001",
    "BRID": "0001234",
    "XM": "李测试",
    "LX": "住院",
    "KSDM": "0301",
    "KSMC": "心血管内科",
    "RYSJ": "2026-05-01 09:00:00",
    "CYSJ": None,
}


def test_a_stay_without_a_status_is_judged_by_its_times() -> None:
    open_stay = told(VISIT, visits()).encounter
    ended = told(VISIT | {"CYSJ": "2026-05-04 10:00:00"}, visits()).encounter

    assert open_stay is not None
    assert ended is not None
    assert open_stay.visit == Identifier("HIS", "VN", "ZY0001")
    assert open_stay.encounter_class is EncounterClass.INPATIENT
    assert (open_stay.status, open_stay.ended_at) == (EncounterStatus.IN_PROGRESS, UNCHANGED)
    assert ended.status is EncounterStatus.FINISHED
    assert ended.ended_at == datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def test_the_end_of_a_visits_row_cancels_it_and_says_nothing_of_the_person() -> None:
    message = told(VISIT, visits(), deed=Deed.WITHDRAWN)

    assert message.encounter is not None
    assert message.encounter.status is EncounterStatus.CANCELLED
    assert message.encounter.started_at is UNCHANGED
    assert message.patient.name is UNCHANGED


def test_a_visit_of_somebody_else_moves() -> None:
    message = told(VISIT, visits(), before=VISIT | {"BRID": "0009999"})

    wrong = (Identifier("HIS", "MR", "0009999"),)
    assert message.visit_moves == (VisitMove(Identifier("HIS", "VN", "ZY0001"), wrong),)


KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Any]] = {
    "condition": (
        "conditions",
        {"code": {"column": "DM", "system": "ICD-10"}},
        {"DM": "I10"},
        ConditionStatus.ENTERED_IN_ERROR,
    ),
    "appointment": (
        "appointments",
        {"number": "HM", "status": {"column": "ZT", "map": {"0": "booked"}}},
        {"HM": "Y1", "ZT": "0"},
        AppointmentStatus.CANCELLED,
    ),
    "report": (
        "reports",
        {"number": "HM", "code": "DM", "status": {"constant": "final"}},
        {"HM": "R1", "DM": "CT"},
        "entered-in-error",
    ),
    "medication": (
        "medications",
        {"number": "HM", "code": "DM", "status": {"constant": "active"}, "dose": "JL"},
        {"HM": "M1", "DM": "A10", "JL": "0.5"},
        "entered-in-error",
    ),
    "service-request": (
        "service_requests",
        {"number": "HM", "code": "DM", "status": {"constant": "active"}},
        {"HM": "S1", "DM": "CT"},
        "entered-in-error",
    ),
    "immunization": (
        "immunizations",
        {
            "number": "HM",
            "vaccine": "DM",
            "status": {"constant": "completed"},
            "dose_number": "JC",
        },
        {"HM": "V1", "DM": "HEPB", "JC": "2"},
        "entered-in-error",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_row_gives_its_record_and_takes_it_back(kind: str) -> None:
    part, fields, row, withdrawn = KINDS[kind]
    table = {
        "name": "t",
        "is": kind,
        "key": ["BRID"],
        "patient": {"identifiers": ["BRID"]},
        "fields": fields,
    }

    (seen,) = getattr(told(row | {"BRID": "1"}, table), part)
    (gone,) = getattr(told(row | {"BRID": "1"}, table, deed=Deed.WITHDRAWN), part)

    assert seen.status != withdrawn
    assert gone.status == withdrawn


def test_an_allergy_that_is_gone_is_no_longer_active() -> None:
    table = {
        "name": "t",
        "is": "allergy",
        "key": ["BRID"],
        "patient": {"identifiers": ["BRID"]},
        "fields": {"number": "HM", "code": {"display": "GMY"}},
    }
    row = {"BRID": "1", "HM": "G1", "GMY": "青霉素"}

    (seen,) = told(row, table).allergies
    (gone,) = told(row, table, deed=Deed.WITHDRAWN).allergies

    assert (seen.code.code, seen.is_active, gone.is_active) == ("青霉素", True, False)


def test_a_table_that_nobody_mapped_is_rejected_by_name() -> None:
    row = KeptRow("unheard-of", Deed.SEEN, AT, 0, {})

    answer = TableReader([mapping()])("his", row.body())

    assert isinstance(answer, Rejected)
    assert str(answer) == "unmapped-table: unheard-of"


# ------------------------------------------------------------------------------- succession


@pytest.mark.parametrize(
    ("before", "after", "relation"),
    [
        ({}, {"JG": "5.6"}, Succession.SAME),
        ({}, {"ZT": "2"}, Succession.SAME),
        ({}, {"CXBZ": "1"}, Succession.SAME),
        ({}, {"BRID": "0009999"}, Succession.OTHER),
        ({}, {"XMDM": "K"}, Succession.OTHER),
        ({}, {"YBH": "20260504002"}, Succession.OTHER),
        # 取消审核, and a revocation that is revoked: the pipeline would not go back by itself.
        ({}, {"ZT": "0"}, Succession.OTHER),
        ({"CXBZ": "1"}, {"CXBZ": "0"}, Succession.OTHER),
        ({}, {"BGSJ": datetime(2026, 5, 4, 8, 0)}, Succession.OTHER),
        ({}, {"BGSJ": datetime(2026, 5, 4, 9, 0)}, Succession.SAME),
    ],
)
def test_a_changed_result_is_the_same_or_another(
    before: dict[str, Any], after: dict[str, Any], relation: Succession
) -> None:
    mapped = mapping()
    table = MappedTable(mapped, mapped.tables[1])

    assert table.succession(lab(**before), lab(**after), AT) is relation


def test_a_visit_of_another_person_has_moved_and_another_number_is_another_visit() -> None:
    mapped = mapping(visits())
    table = MappedTable(mapped, mapped.tables[0])

    assert table.succession(VISIT, VISIT | {"BRID": "2"}, AT) is Succession.MOVED
    assert table.succession(VISIT, VISIT | {"JZH": "ZY2"}, AT) is Succession.OTHER


def test_a_person_is_never_taken_back() -> None:
    mapped = mapping(patients())
    table = MappedTable(mapped, mapped.tables[0])

    assert table.succession(PERSON, PERSON | {"BRID": "2"}, AT) is Succession.SAME
    assert table.is_withdrawable is False


def test_a_time_column_of_text_is_read_by_its_format() -> None:
    mapped = mapping(patients(updated_at={"column": "GXSJ", "format": "%Y%m%d%H%M%S"}))
    row = MappedTable(mapped, mapped.tables[0]).row(PERSON | {"GXSJ": "20260504120000"})

    assert row.updated_at == AT
    # When a row was written is no part of what it says.
    assert "20260504120000" not in row.content


def test_values_of_every_type_can_stand_in_a_key() -> None:
    key = (1, "a", Decimal("1.5"), date(2026, 5, 4), time(8), AT + timedelta(seconds=1))

    assert key_text(key).count("\x1f") == 5


def test_columns_for_province_and_city_say_the_region() -> None:
    table = patients()
    table["patient"] |= {"address": "DZ", "province": "SF", "city": "CS"}
    row = {
        "BRID": "7", "SFZH": None, "XM": "演示甲", "XB": "1", "CSRQ": None, "LXDH": None,
        "DZ": "中山西路1号", "SF": "330000", "CS": "宁波", "GXSJ": AT,
    }  # fmt: skip

    person = told(row, table).patient

    assert (person.address, person.region) == ("中山西路1号", "浙江省宁波市")
    assert told({**row, "SF": ""}, table).patient.region is None
