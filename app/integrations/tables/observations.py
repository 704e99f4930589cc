"""A row of a laboratory: one result."""

from dataclasses import replace
from decimal import Decimal

from app.domain.intake.hospital_records import (
    Coded,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    ReferenceRange,
)
from app.integrations.hl7.results import (
    is_no_result,
    read_flag,
    read_number,
    read_reference_range,
    read_unit,
)
from app.integrations.tables.row_reading import RowReading


def read_observation(reading: RowReading, *, is_withdrawn: bool, life: int) -> ObservationRecord:
    """Return the result of a row; one whose row was gone and came back is a new one.

    A withdrawal outranks whatever is said of a result later, so that a late repeat does not bring
    it back. A row that a source shows again means it: its sub id tells the lives apart.

    :raises BadCell: order, code or status is missing or cannot be used
    """
    code: Coded = reading.get("code")
    loinc = reading.text("loinc")
    comparator, value, arrow = _value(reading.text("value"))
    sub_id = reading.text("sub_id")
    status: ObservationStatus = reading.get("status")
    return ObservationRecord(
        key=ObservationKey(reading.get("order"), code.code, numbered(sub_id, life)),
        codings=(code, Coded(loinc, "", "LN")) if loinc else (code,),
        panel=reading.get("panel"),
        value=value,
        value_text=reading.text("value"),
        comparator=comparator,
        unit=read_unit(reading.text("unit")),
        reference_range=_range(reading),
        interpretation=read_flag(reading.text("flag")) or read_flag(arrow),
        flag_text=reading.text("flag"),
        status=ObservationStatus.ENTERED_IN_ERROR if is_withdrawn else status,
        effective_at=reading.get("effective_at"),
        issued_at=reading.get("issued_at"),
        specimen=reading.text("specimen"),
        note=reading.text("note"),
        visit=reading.visit(),
    )


def numbered(number: str, life: int) -> str:
    """Return a number as it is, or told apart from the lives of a thing that ended before."""
    return f"{number}~{life}" if life else number


def _value(text: str) -> tuple[str, Decimal | str | None, str]:
    """Return comparator, value and an arrow that stood behind the number."""
    number = read_number(text)
    if number is not None:
        return number
    return "", (None if is_no_result(text) else text), ""


def _range(reading: RowReading) -> ReferenceRange | None:
    """Return the interval; bounds in columns of their own go before a printed one."""
    low, high = reading.get("low"), reading.get("high")
    printed = read_reference_range(reading.text("range"))
    if low is None and high is None:
        return printed
    bounds = f"{'' if low is None else low}-{'' if high is None else high}"
    return replace(printed or ReferenceRange(bounds), low=low, high=high)
