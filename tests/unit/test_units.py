"""Conversion by table alone: what is in it is exact, what is not is refused."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.profile.laboratory import judged_code
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.unit_conversions import CONVERSIONS, Conversion
from app.domain.profile.unit_spellings import SPELLINGS, UCUM_UNITS, read_unit
from app.domain.profile.units import UnitNotConvertible, in_judged_unit, standardise

ROWS = sorted(CONVERSIONS)


@pytest.mark.parametrize(
    ("code", "value", "unit", "judged"),
    [
        # The guideline's pairs: <70, <54, >180, >250 and >=300 mg/dL in mmol/L.
        ("15074-8", "70", "mg/dL", "3.9"),
        ("15074-8", "69", "mg/dL", "3.8"),
        ("15074-8", "54", "mg/dL", "3.0"),
        ("15074-8", "53", "mg/dl", "2.9"),
        ("15074-8", "180", "mg/dL", "10.0"),
        ("15074-8", "250", "mg/dL", "13.9"),
        ("15074-8", "300", "mg/dL", "16.7"),
        ("15074-8", "3.85", "mmol/l", "3.85"),
        ("8480-6", "18.7", "kPa", "140"),
        ("8480-6", "140", "mmHg", "140"),
        ("8310-5", "98.6", "°F", "37.0"),
        ("8310-5", "38.5", "℃", "38.5"),
        ("29463-7", "3250", "g", "3.250"),
        ("29463-7", "150", "[lb_av]", "68.04"),
        ("8867-4", "72", "bpm", "72"),
        ("4548-4", "53", "mmol/mol", "7.0"),
        # A fasting glucose of 126 mg/dL diagnoses diabetes, as 7.0 mmol/L does.
        ("14749-6", "126", "mg/dL", "7.0"),
        ("14749-6", "45", "mg/dL", "2.5"),
        ("14749-6", "400", "mg/dL", "22.2"),
        ("14682-9", "1.0", "mg/dL", "88.4"),
        ("14682-9", "0.65", "mmol/L", "650"),
        ("2160-0", "7.35", "mg/dL", "649.7"),
        ("718-7", "10.2", "g/dL", "102"),
        ("4544-3", "41.2", "%", "0.412"),
        ("777-3", "85", "×10^9/L", "85"),
        ("777-3", "85", "10*3/uL", "85"),
        ("6690-2", "12310", "/uL", "12.310"),
        ("2823-3", "4.1", "mEq/L", "4.1"),
        ("1742-6", "40", "IU/L", "40"),
        ("3016-3", "2.5", "µIU/mL", "2.5"),
        ("3016-3", "2.5", "μIU/ml", "2.5"),
        ("48065-7", "500", "ng/mL FEU", "0.5"),
        ("48065-7", "0.25", "mg/L DDU", "0.5"),
        ("48066-5", "0.25", "mg/L", "0.5"),
        ("6301-6", "2.5", "", "2.5"),
        ("3094-0", "20", "mg/dL", "7.1"),
        ("3091-6", "20", "mg/dL", "3.3"),
        ("2093-3", "200", "mg/dL", "5.17"),
        ("98979-8", "58", "ml/min/1.73m²", "58"),
    ],
)
def test_a_value_in_a_listed_unit_is_judged_in_its_own(
    code: str, value: str, unit: str, judged: str
) -> None:
    assert in_judged_unit(code, Decimal(value), unit) == Decimal(judged)


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("15074-8", ""),
        ("15074-8", None),
        ("15074-8", "g/L"),
        ("15074-8", "mm[Hg]"),
        ("8480-6", "mg/dL"),
        ("2823-3", "mg/dL"),
        ("2823-3", ""),
        ("8287-5", "cm"),
        ("6690-2", "109/L"),
        ("48065-7", "mg/L"),
        ("22664-7", "mg/dL"),
    ],
)
def test_a_unit_that_is_not_in_the_table_is_refused(code: str, unit: str | None) -> None:
    with pytest.raises(UnitNotConvertible):
        in_judged_unit(code, Decimal(5), unit)


@pytest.mark.parametrize(
    ("spellings", "unit"),
    [
        ("10^9/L 10*9/L 10e9/L 10E9/L ×10^9/L x10*9/L X10^9/l *10^9/L 10⁹/L ×10⁹/L G/L", "10*9/L"),
        ("10^12/L ×10¹²/L x10*12/L T/L", "10*12/L"),
        ("umol/L µmol/L μmol/L umol/l UMOLL μmol／L", "umol/L"),
        ("IU/L iu/l", "[IU]/L"),
        ("U/L u/l", "U/L"),
        ("mmol/l MMOLL", "mmol/L"),
        ("mL/min/1.73m2 ml/(min·1.73m2) ml/min/1.73m²", "mL/min/{1.73_m2}"),
        ("mg/LFEU mg/L(FEU) mg/L（FEU）", "mg{FEU}/L"),
    ],
)
def test_what_laboratories_print_means_one_unit(spellings: str, unit: str) -> None:
    assert {read_unit(text) for text in spellings.split()} == {unit}
    assert read_unit("  mg/L  FEU ") == "mg{FEU}/L"


@pytest.mark.parametrize("text", ["", "  ", None, "109/L", "Mmol/L", "升", "mg", "10^9", "x" * 300])
def test_what_the_table_has_not_is_no_unit(text: str | None) -> None:
    assert read_unit(text) is None


def test_every_row_of_the_tables_leads_somewhere() -> None:
    assert {unit for _, unit in CONVERSIONS} <= UCUM_UNITS
    assert {judged_code(code) for code, _ in CONVERSIONS} <= set(OBSERVATION_KINDS)
    assert {kind.unit for kind in OBSERVATION_KINDS.values()} <= UCUM_UNITS
    # What a code already means in its own unit is no conversion.
    assert not [row for row in ROWS if OBSERVATION_KINDS[judged_code(row[0])].unit == row[1]]
    assert all(read_unit(text) == unit for text, unit in SPELLINGS.items())


def back(conversion: Conversion, judged: Decimal) -> Decimal:
    return (judged - conversion.offset) / conversion.factor * conversion.divisor


@given(st.sampled_from(ROWS), st.decimals(0, 100_000, places=4))
def test_a_converted_value_leads_back_within_the_rounding(
    row: tuple[str, str], value: Decimal
) -> None:
    conversion = CONVERSIONS[row]
    judged = in_judged_unit(row[0], value, row[1])

    step = max(conversion.step or Decimal(0), Decimal("0.000001"))
    slack = step / 2 / conversion.factor * conversion.divisor
    assert abs(back(conversion, judged) - value) <= slack * Decimal("1.000001")


@given(
    st.sampled_from(ROWS),
    st.decimals(0, 100_000, places=4),
    st.decimals(0, 100_000, places=4),
)
def test_the_larger_value_stays_the_larger(
    row: tuple[str, str], one: Decimal, other: Decimal
) -> None:
    smaller, larger = sorted((one, other))

    assert in_judged_unit(row[0], smaller, row[1]) <= in_judged_unit(row[0], larger, row[1])


@given(st.sampled_from(sorted(OBSERVATION_KINDS)), st.decimals(0, 1000, places=6))
def test_a_value_in_its_own_unit_is_left_as_it_is(code: str, value: Decimal) -> None:
    unit = OBSERVATION_KINDS[code].unit

    assert standardise(code, value, unit) == (value, unit)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e12"])
def test_what_no_column_holds_is_refused(value: str) -> None:
    with pytest.raises(UnitNotConvertible):
        standardise("2823-3", Decimal(value), "mmol/L")
    with pytest.raises(UnitNotConvertible):
        standardise("14682-9", Decimal("999999999999"), "mmol/L")


@pytest.mark.shared
def test_conversion_facts_line_by_line(shared_data: Path) -> None:
    with (shared_data / "clinical" / "reference" / "labs_adult.csv").open(encoding="utf-8") as f:
        rows = [row for row in csv.DictReader(f) if row["factor_conv_to_si"]]
    checked = 0
    for row in rows:
        code, unit, stated = row["loinc"], row["conventional_unit"], row["factor_conv_to_si"]
        if not unit:
            # The SI unit under another name: nothing to convert.
            assert stated == "1", row["key"]
            continue
        value = Decimal(100)
        factor, offset = (
            (Decimal("0.09148"), Decimal("2.152"))
            if stated.startswith("NGSP")
            else (Decimal(stated), Decimal(0))
        )
        expected = value * factor + offset
        # The facts round glucose's factor to three digits, the table divides by the molar mass.
        slack = Decimal("0.06") if code in ("14749-6", "4548-4", "22664-7") else Decimal("0.005")
        assert abs(in_judged_unit(code, value, unit) - expected) <= slack, row["key"]
        checked += 1
    assert checked == 31
