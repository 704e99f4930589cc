"""What a source's words mean here: decided mappings, standard codes, and defaults that agree."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.domain.intake.clinical_records import MedicationRecord, RequestStatus
from app.domain.intake.hospital_message import EventKind, HospitalMessage
from app.domain.intake.hospital_records import (
    UNCHANGED,
    AppointmentRecord,
    AppointmentStatus,
    Coded,
    ConditionRecord,
    ConditionStatus,
    EncounterRecord,
    Identifier,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    PatientRecord,
)
from app.domain.intake.term_suggestions import search_tests, suggest
from app.domain.intake.terminology import (
    ICD_10,
    LOINC,
    Meaning,
    TermKind,
    Unmapped,
    Vocabulary,
    feeds_of,
    is_icd_10,
    system_of,
    translate,
)

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 5, 4, 4, tzinfo=UTC)
LONG_AGO = date(1900, 1, 1)
DEPARTMENTS = {"endo": "内分泌科", "cardio": "心血管内科"}


def words(
    *meanings: tuple[str, TermKind, str, Meaning], departments: dict[str, str] | None = None
) -> Vocabulary:
    table: dict[tuple[str, TermKind, str], list[Meaning]] = {}
    for system, kind, code, meaning in meanings:
        table.setdefault((system, kind, code), []).append(meaning)
    return Vocabulary(ZONE, table, departments or {})


def meaning_of(code: str, **more: object) -> Meaning:
    return Meaning(LOINC, code, "", **{"starts_on": LONG_AGO, **more})  # type: ignore[arg-type]


def result(
    code: Coded,
    value: object = Decimal("5.8"),
    unit: str = "mmol/L",
    *more: Coded,
    **fields: object,
) -> ObservationRecord:
    plain = ObservationRecord(
        key=ObservationKey("R1", code.code, ""),
        codings=(code, *more),
        panel=None,
        value=value,  # type: ignore[arg-type]
        value_text=str(value),
        comparator="",
        unit=unit,
        reference_range=None,
        interpretation=None,
        flag_text="",
        status=ObservationStatus.FINAL,
        effective_at=NOON,
        issued_at=NOON,
        specimen="",
        note="",
        visit=None,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def message(*observations: ObservationRecord, **parts: object) -> HospitalMessage:
    return HospitalMessage(
        source="his",
        event=EventKind.RESULT,
        control_id="1",
        sending_application="LIS",
        sending_facility="QYYY",
        recorded_at=NOON,
        patient=PatientRecord(identifiers=()),
        observations=observations,
        **parts,  # type: ignore[arg-type]
    )


def told(
    record: ObservationRecord, vocabulary: Vocabulary
) -> tuple[str | None, Decimal | None, str, tuple[Unmapped, ...]]:
    translated, unmapped = translate(message(record), vocabulary)
    (one,) = translated.observations
    code = one.standard_code.code if one.standard_code else None
    return code, one.standard_value, one.standard_unit, unmapped


POTASSIUM = Coded("K", "钾", "L")


# Tests


def test_a_mapping_that_somebody_decided_gives_code_value_and_unit() -> None:
    vocabulary = words(("his", TermKind.OBSERVATION, "1001", meaning_of("14682-9")))
    record = result(Coded("1001", "随便叫什么"), Decimal("1.0"), "mg/dl")

    assert told(record, vocabulary) == ("14682-9", Decimal("88.4"), "umol/L", ())


def test_what_the_sender_said_stays_beside_its_translation() -> None:
    vocabulary = words(("his", TermKind.OBSERVATION, "1001", meaning_of("14682-9")))
    record = result(Coded("1001", "肌酐"), Decimal("1.0"), "mg/dl")

    translated, _ = translate(message(record), vocabulary)

    assert replace(
        translated.observations[0], standard_code=None, standard_value=None, standard_unit=""
    ) == record  # fmt: skip


@pytest.mark.parametrize("system", ["LN", "http://loinc.org"])
def test_a_loinc_code_of_the_sender_needs_no_mapping(system: str) -> None:
    record = result(POTASSIUM, Decimal("6.9"), "mmol/l", Coded("2823-3", "钾", system))

    assert told(record, words()) == ("2823-3", Decimal("6.9"), "mmol/L", ())


def test_a_loinc_code_of_mass_is_judged_as_its_sibling_of_moles() -> None:
    record = result(Coded("2093-3", "Total Cholesterol", "LN"), Decimal(200), "mg/dL")

    assert told(record, words()) == ("14647-2", Decimal("5.17"), "mmol/L", ())


def test_a_loinc_code_outside_the_catalogue_is_kept_and_not_judged() -> None:
    record = result(Coded("9843-4", "Head Circumference", "LN"), Decimal(44), "cm")

    assert told(record, words()) == ("9843-4", None, "", ())


def test_a_code_that_nothing_explains_is_reported_with_name_and_unit() -> None:
    code, value, unit, unmapped = told(result(POTASSIUM), words())

    assert (code, value, unit) == (None, None, "")
    assert unmapped == (Unmapped(TermKind.OBSERVATION, "K", "钾", "mmol/L"),)


def test_a_name_alone_decides_nothing() -> None:
    """Our default knows the code K; this sender calls by 钾 something with another code."""
    vocabulary = words(("*", TermKind.OBSERVATION, "K", meaning_of("2823-3")))

    assert told(result(Coded("9981", "钾")), vocabulary)[0] is None


@pytest.mark.parametrize(
    ("display", "expected"),
    [
        ("钾", "2823-3"),
        ("血清钾", "2823-3"),
        (" 钾（急诊）", "2823-3"),
        ("", "2823-3"),
        ("酮体", None),
    ],
)
def test_a_default_for_any_source_needs_code_and_name_to_agree(
    display: str, expected: str | None
) -> None:
    vocabulary = words(("*", TermKind.OBSERVATION, "K", meaning_of("2823-3")))

    assert told(result(Coded("K", display, "L")), vocabulary)[0] == expected


def test_the_sources_own_mapping_counts_more_than_the_senders_loinc_and_our_default() -> None:
    vocabulary = words(
        ("*", TermKind.OBSERVATION, "K", meaning_of("2823-3")),
        ("his", TermKind.OBSERVATION, "K", meaning_of("14749-6")),
    )
    record = result(POTASSIUM, Decimal("5.8"), "mmol/L", Coded("2823-3", "钾", "LN"))

    assert told(record, vocabulary)[0] == "14749-6"


def test_another_sources_mapping_says_nothing() -> None:
    vocabulary = words(("lis", TermKind.OBSERVATION, "K", meaning_of("2823-3")))

    assert told(result(POTASSIUM), vocabulary)[0] is None


def test_a_mapping_holds_from_its_first_to_its_last_day_by_the_day_of_the_record() -> None:
    vocabulary = words(
        ("his", TermKind.OBSERVATION, "G", meaning_of("15074-8", ends_on=date(2026, 5, 3))),
        ("his", TermKind.OBSERVATION, "G", meaning_of("14749-6", starts_on=date(2026, 5, 4))),
    )
    # 15:59 and 16:00 UTC of the 3rd: the hospital's midnight lies between them.
    before = datetime(2026, 5, 3, 15, 59, tzinfo=UTC)
    after = datetime(2026, 5, 3, 16, 0, tzinfo=UTC)

    assert told(result(Coded("G"), effective_at=before), vocabulary)[0] == "15074-8"
    assert told(result(Coded("G"), effective_at=after), vocabulary)[0] == "14749-6"


def test_a_record_before_the_first_day_is_left_out_and_one_after_the_last_is_reported() -> None:
    later = words(
        ("his", TermKind.OBSERVATION, "G", meaning_of("14749-6", starts_on=date(2026, 6, 1)))
    )
    ended = words(
        ("his", TermKind.OBSERVATION, "G", meaning_of("14749-6", ends_on=date(2026, 4, 1)))
    )

    assert told(result(Coded("G")), later) == (None, None, "", ())
    assert len(told(result(Coded("G")), ended)[3]) == 1


# Units


@pytest.mark.parametrize("unit", ["", "mg/dL", "mmol/24h"])
def test_a_value_without_a_convertible_unit_has_no_standard_value(unit: str) -> None:
    record = result(POTASSIUM, Decimal("6.9"), unit, Coded("2823-3", "钾", "LN"))

    code, value, standard_unit, _ = told(record, words())

    assert (code, value, standard_unit) == ("2823-3", None, "")


def test_a_unit_that_no_table_knows_is_reported_once() -> None:
    records = [
        result(POTASSIUM, Decimal(number), "毫摩", Coded("2823-3", "钾", "LN")) for number in (4, 5)
    ]

    _, unmapped = translate(message(*records), words())

    assert unmapped == (Unmapped(TermKind.UNIT, "毫摩", "钾", "毫摩"),)


def test_a_sources_own_spelling_of_a_unit_can_be_mapped() -> None:
    means = Meaning("http://unitsofmeasure.org", "mmol/L", "", LONG_AGO)
    record = result(POTASSIUM, Decimal("6.9"), "毫摩", Coded("2823-3", "钾", "LN"))

    found = told(record, words(("his", TermKind.UNIT, "毫摩", means)))

    assert found == ("2823-3", Decimal("6.9"), "mmol/L", ())


@pytest.mark.parametrize(
    ("value", "comparator"), [(Decimal("0.5"), "<"), ("1:320", ""), ("阳性(+)", ""), (None, "")]
)
def test_comparators_titres_and_words_are_no_numbers(value: object, comparator: str) -> None:
    record = result(POTASSIUM, value, "mmol/L", Coded("2823-3", "钾", "LN"), comparator=comparator)

    assert told(record, words()) == ("2823-3", None, "", ())


@pytest.mark.parametrize("value", [None, "1.白细胞升高\n2.血小板减低", "长" * 41])
def test_what_is_no_result_but_text_to_read_is_not_reported(value: object) -> None:
    assert told(result(Coded("SUM", "结论"), value, ""), words())[3] == ()


# Departments


def of_department(sent: object, vocabulary: Vocabulary) -> tuple[object, tuple[Unmapped, ...]]:
    record = EncounterRecord(visit=None, department=sent)  # type: ignore[arg-type]
    translated, unmapped = translate(message(encounter=record), vocabulary)
    assert translated.encounter is not None
    return translated.encounter.department, unmapped


def test_a_mapped_department_becomes_ours_with_our_name() -> None:
    means = Meaning("department", "endo", "旧名", LONG_AGO)
    vocabulary = words(("his", TermKind.DEPARTMENT, "NFM", means), departments=DEPARTMENTS)

    assert of_department(Coded("NFM", "内分泌代谢"), vocabulary) == (Coded("endo", "内分泌科"), ())


def test_an_appointments_department_is_translated_too() -> None:
    means = Meaning("department", "endo", "", LONG_AGO)
    vocabulary = words(("his", TermKind.DEPARTMENT, "NFM", means), departments=DEPARTMENTS)
    booking = AppointmentRecord(
        None, Identifier("HIS", "FILL", "1"), AppointmentStatus.BOOKED, NOON, None,
        Coded("NFM", "内分泌代谢"), None,
    )  # fmt: skip

    translated, unmapped = translate(message(appointments=(booking,)), vocabulary)

    assert translated.appointments[0].department == Coded("endo", "内分泌科")
    assert unmapped == ()


def test_our_own_code_under_another_name_is_left_and_reported() -> None:
    sent = Coded("endo", "急诊")
    vocabulary = words(departments=DEPARTMENTS)

    assert of_department(sent, vocabulary) == (
        sent,
        (Unmapped(TermKind.DEPARTMENT, "endo", "急诊"),),
    )
    assert of_department(Coded("endo"), vocabulary) == (Coded("endo", "内分泌科"), ())


@pytest.mark.parametrize("sent", [UNCHANGED, None])
def test_a_department_that_was_not_stated_stays_so(sent: object) -> None:
    assert of_department(sent, words(departments=DEPARTMENTS)) == (sent, ())


def test_without_departments_of_ours_nothing_is_reported() -> None:
    assert of_department(Coded("NFM", "内分泌"), words()) == (Coded("NFM", "内分泌"), ())


# Diagnoses and medicines


def of_condition(
    code: Coded, vocabulary: Vocabulary | None = None
) -> tuple[Coded | None, tuple[Unmapped, ...]]:
    record = ConditionRecord(code, ConditionStatus.ACTIVE, False, NOON, None)
    translated, unmapped = translate(message(conditions=(record,)), vocabulary or words())
    assert translated.conditions[0].code == code
    return translated.conditions[0].standard_code, unmapped


@pytest.mark.parametrize(
    "code",
    [
        Coded("I10.x00", "特发性高血压", "ICD10GB"),
        Coded("I10.x00x002", "高血压病1级", "ICD-10"),
        Coded("I50.900", "心力衰竭", "ICD10GB"),
        Coded("E11", "", "I10"),
        Coded("E11.9", "", "http://hl7.org/fhir/sid/icd-10"),
        Coded("E11.9", "", "http://hl7.org/fhir/sid/icd-10-cm"),
        Coded("E11.900", "2型糖尿病", ""),
    ],
)
def test_icd_10_in_any_chinese_edition_needs_no_mapping(code: Coded) -> None:
    assert is_icd_10(code)
    assert of_condition(code) == (None, ())


@pytest.mark.parametrize(
    "code",
    [
        Coded("44054006", "Diabetes", "http://snomed.info/sct"),
        Coded("TNB", "糖尿病", "L"),
        Coded("E11.9", "", "HIS本院"),
        Coded("250.00", "", "I9C"),
    ],
)
def test_another_diagnosis_code_is_reported(code: Coded) -> None:
    assert of_condition(code) == (
        None,
        (Unmapped(TermKind.CONDITION, code.code, code.display),),
    )


def test_a_mapped_diagnosis_gets_its_icd_code() -> None:
    means = Meaning(ICD_10, "E11.9", "2型糖尿病", LONG_AGO)
    vocabulary = words(("his", TermKind.CONDITION, "TNB", means))

    assert of_condition(Coded("TNB", "糖尿病", "L"), vocabulary) == (
        Coded("E11.9", "2型糖尿病", ICD_10),
        (),
    )


def test_medicines_are_mapped_by_source_or_carry_atc() -> None:
    means = Meaning("http://www.whocc.no/atc", "A10BA02", "二甲双胍", LONG_AGO)
    vocabulary = words(("his", TermKind.MEDICATION, "Y001", means))
    medicines = tuple(
        MedicationRecord(number, code, RequestStatus.ACTIVE, authored_at=NOON)
        for number, code in (
            ("1", Coded("Y001", "二甲双胍片", "L")),
            ("2", Coded("A10BA02", "metformin", "ATC")),
            ("3", Coded("Y002", "阿卡波糖片", "L")),
        )
    )

    translated, unmapped = translate(message(medications=medicines), vocabulary)

    codes = [
        one.standard_code.code if one.standard_code else None for one in translated.medications
    ]
    assert codes == ["A10BA02", None, None]
    assert unmapped == (Unmapped(TermKind.MEDICATION, "Y002", "阿卡波糖片"),)


def test_feeds_of_one_name_are_one_system() -> None:
    assert {system_of(source) for source in feeds_of("his")} == {"his"}
    assert "hl7:his" in feeds_of("his")


# Suggestions


def suggested(
    kind: TermKind, code: str, display: str = "", unit: str = ""
) -> list[tuple[str, str]]:
    found = suggest(Unmapped(kind, code, display, unit), DEPARTMENTS)
    return [(one.target.code, one.why) for one in found]


def test_a_suggestion_says_what_speaks_for_it() -> None:
    assert suggested(TermKind.OBSERVATION, "K", "血清钾测定", "mmol/L") == [
        ("2823-3", "名称相近（钾）；代码与常用缩写“K”相同；单位可以换算")
    ]
    assert suggested(TermKind.OBSERVATION, "9981", "肌酐", "μmol/L") == [
        ("14682-9", "名称“肌酐”相同；单位可以换算")
    ]


def test_a_unit_that_does_not_fit_speaks_against_it() -> None:
    assert suggested(TermKind.OBSERVATION, "PCT", "血小板压积", "%") == []
    assert suggested(TermKind.OBSERVATION, "9982", "血钾", "%") == [
        ("2823-3", "名称“血钾”相同；但单位对不上，请核对")
    ]


def test_units_departments_and_diagnoses_are_suggested_by_their_likeness() -> None:
    assert suggested(TermKind.UNIT, "Mmol/l") == [("mmol/L", "只有大小写或空格不同")]
    assert suggested(TermKind.DEPARTMENT, "01", "内分泌科门诊") == [
        ("endo", "名称相近（内分泌科）")
    ]
    assert suggested(TermKind.CONDITION, "E11.9") == [("E11.9", "代码本身是 ICD-10 的写法")]
    assert suggested(TermKind.MEDICATION, "Y001", "二甲双胍片") == []
    assert suggested(TermKind.OBSERVATION, "X1", "尿蛋白") == []


def test_the_catalogue_is_searched_by_name_abbreviation_and_code() -> None:
    assert search_tests("钾")[0].code == "2823-3"
    assert search_tests("alt")[0].code == "1742-6"
    assert [test.code for test in search_tests("14682")] == ["14682-9"]
    assert search_tests(" ") == ()
    assert search_tests("没有这样的检验") == ()
