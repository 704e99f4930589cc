"""Values, units, intervals and flags as Chinese laboratories write them."""

from decimal import Decimal

import pytest

from app.domain.intake.hospital_records import ResultFlag
from app.integrations.hl7.results import (
    is_no_result,
    read_flag,
    read_number,
    read_reference_range,
    read_unit,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6.9", ("", Decimal("6.9"), "")),
        ("<0.50", ("<", Decimal("0.50"), "")),
        ("＞10000", (">", Decimal("10000"), "")),
        ("≤ 0.01", ("<=", Decimal("0.01"), "")),
        (">=5", (">=", Decimal("5"), "")),
        ("-2.5", ("", Decimal("-2.5"), "")),
        (".5", ("", Decimal("0.5"), "")),
        ("85 ↓", ("", Decimal("85"), "↓")),
        ("1:320", None),
        ("---", None),
        ("阳性(+)", None),
        ("1e9", None),
        ("９", None),
        ("9999999999999", None),
        ("60~120", None),
        ("", None),
    ],
)
def test_numbers(text: str, expected: tuple[str, Decimal, str] | None) -> None:
    assert read_number(text) == expected


@pytest.mark.parametrize("text", ["---", "-", "——", "", " / ", "..."])
def test_dashes_are_no_result(text: str) -> None:
    assert is_no_result(text)
    assert not is_no_result("未检出")


@pytest.mark.parametrize(
    "text", ["10^9/L", "×10^9/L", "x10*9/L", "X10E9/L", "10⁹/L", "*10^9/l", "10 ^ 9 / L"]
)
def test_cell_counts_have_one_unit(text: str) -> None:
    assert read_unit(text) == "10*9/L"


def test_other_units_stay_as_printed() -> None:
    assert read_unit("mmol/L") == "mmol/L"
    assert read_unit("109/L") == "109/L"
    assert read_unit("10^3/μL") == "10^3/μL"
    assert read_unit("×10^6/μL") == "10*6/uL"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("3.5-5.3", "3.5", "5.3"),
        ("3.5--5.3", "3.5", "5.3"),
        ("3.5～5.3", "3.5", "5.3"),
        ("49 - 92", "49", "92"),
        ("[ 4.2 - 6.0 ]", "4.2", "6.0"),
        ("-2.0-3.0", "-2.0", "3.0"),
        ("<5.2", None, "5.2"),
        ("[ > 1.5]", "1.5", None),
        ("阴性", None, None),
        ("<1:100", None, None),
    ],
)
def test_intervals(text: str, low: str | None, high: str | None) -> None:
    interval = read_reference_range(text)

    assert interval is not None
    assert interval.text == text
    assert interval.low == (Decimal(low) if low else None)
    assert interval.high == (Decimal(high) if high else None)


def test_nothing_printed_is_no_interval() -> None:
    assert read_reference_range("") is None
    assert read_reference_range("[ ]") is None


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("H", ResultFlag.HIGH),
        ("↑", ResultFlag.HIGH),
        ("h↑", ResultFlag.HIGH),
        ("L↓", ResultFlag.LOW),
        ("HH", ResultFlag.CRITICALLY_HIGH),
        ("↓↓", ResultFlag.CRITICALLY_LOW),
        ("正常", ResultFlag.NORMAL),
        ("弱阳性", ResultFlag.ABNORMAL),
        ("", None),
        ("见报告", None),
    ],
)
def test_flags(text: str, flag: ResultFlag | None) -> None:
    assert read_flag(text) is flag
