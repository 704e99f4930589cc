"""Conversion by table alone: what is in it is exact, what is not is refused."""

from decimal import Decimal

import pytest

from app.domain.profile.units import UnitNotConvertible, in_judged_unit


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
        ("2823-3", "mmol/L"),
    ],
)
def test_a_unit_that_is_not_in_the_table_is_refused(code: str, unit: str | None) -> None:
    with pytest.raises(UnitNotConvertible):
        in_judged_unit(code, Decimal(5), unit)
