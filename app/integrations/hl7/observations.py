"""OBX: the results of an ORU, the text of an MDM, and what other messages carry."""

from datetime import datetime
from decimal import Decimal

from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    ReferenceRange,
    ResultFlag,
)
from app.integrations.hl7.orders import LINES, Entry, Order, keyed_results
from app.integrations.hl7.people import Reading, read_coded
from app.integrations.hl7.results import (
    is_no_result,
    read_flag,
    read_number,
    read_reference_range,
    read_unit,
)
from app.integrations.hl7.segments import Segment

# HL7 tables 0085 (OBX-11) and 0123 (OBR-25) to FHIR.
_STATUS = {
    "P": ObservationStatus.PRELIMINARY,
    "R": ObservationStatus.PRELIMINARY,
    "A": ObservationStatus.PRELIMINARY,
    "F": ObservationStatus.FINAL,
    "U": ObservationStatus.FINAL,
    "V": ObservationStatus.FINAL,
    "C": ObservationStatus.CORRECTED,
    "D": ObservationStatus.ENTERED_IN_ERROR,
    "W": ObservationStatus.ENTERED_IN_ERROR,
    "X": ObservationStatus.CANCELLED,
    "I": ObservationStatus.REGISTERED,
    "O": ObservationStatus.REGISTERED,
    "S": ObservationStatus.REGISTERED,
}
_SHIFTED = ("P", "F", "C", "D", "W", "X")
_NUMBERS = ("NM", "SN", "")
_CODES = ("CE", "CWE", "CNE", "CF")
_DOCUMENTS = ("ED", "RP")


def read_observations(
    orders: list[Order], visit: Identifier | None, reading: Reading, sent_at: datetime | None
) -> tuple[ObservationRecord, ...]:
    """Return the message's results, each with a key of its own; `sent_at` is its MSH-7."""
    if any(not entry.codings for order in orders for entry in order.entries):
        reading.doubt("observation-without-code")
    return tuple(
        _observation(order, entry, key, visit, reading, sent_at)
        for order, entry, key in keyed_results(orders)
    )


def _observation(
    order: Order,
    entry: Entry,
    key: ObservationKey,
    visit: Identifier | None,
    reading: Reading,
    sent_at: datetime | None,
) -> ObservationRecord:
    obx, obr = entry.segments[0], order.part("OBR")
    interval = read_reference_range(obx.whole(7))
    comparator, value, text, arrow = _value(entry, interval, reading)
    collected, reported = read_order_times(order, reading)
    return ObservationRecord(
        key=key,
        codings=entry.codings,
        panel=read_coded(obr.first(4)) if obr else None,
        value=value,
        value_text=text,
        comparator=comparator,
        unit=_unit(obx),
        reference_range=interval,
        interpretation=_flag(obx) or read_flag(arrow),
        flag_text=obx.whole(8),
        status=read_status(obx, order, reading),
        effective_at=reading.instant(obx.text(14), "observation-time-unreadable") or collected,
        issued_at=reported or sent_at,
        specimen=order.specimen,
        note="\n".join(line for line in (*entry.notes, *order.notes) if line),
        visit=visit,
    )


def read_order_times(order: Order, reading: Reading) -> tuple[datetime | None, datetime | None]:
    """Return when the specimen was taken or the examination done, and when it was reported."""
    collected = order.said("OBR", 7) or order.said("TXA", 4)
    return (
        reading.instant(collected, "collection-time-unreadable"),
        reading.instant(order.said("OBR", 22), "report-time-unreadable"),
    )


def _value(
    entry: Entry, interval: ReferenceRange | None, reading: Reading
) -> tuple[str, Decimal | Coded | str | None, str, str]:
    """Return comparator, value, verbatim text and an arrow that stood behind the number."""
    obx = entry.segments[0]
    kind = obx.text(2).upper()
    if kind in _DOCUMENTS:
        reading.doubt("document-not-read")
        return "", None, "", ""
    if kind in _CODES:
        codes = [code for value in obx.repetitions(5) if (code := read_coded(value))]
        text = "\n".join(code.display or code.code for code in codes)
        return "", (codes[0] if len(codes) == 1 else text or None), text, ""
    if kind in LINES:
        text = entry.text
    elif kind == "SN":
        # Comparator, first number, separator, second number: <0.5 or 1:320.
        text = "".join(obx.first(5).components())
    else:
        text = obx.whole(5).strip()
    number = read_number(text)
    if number and (number[0] or kind in _NUMBERS or _is_measured(obx, interval)):
        return number[0], number[1], text, number[2]
    return "", (None if is_no_result(text) else text), text, ""


def _is_measured(obx: Segment, interval: ReferenceRange | None) -> bool:
    """Return whether a text that looks like a number is one: a unit or an interval says so."""
    return bool(_unit(obx)) or (
        interval is not None and (interval.low is not None or interval.high is not None)
    )


def _unit(obx: Segment) -> str:
    """Return OBX-6; an unescaped `10^9/L` was split as a code and its text, so it is rejoined."""
    unit = obx.first(6)
    code, text = unit.text(1), unit.text(2)
    if code.endswith("10") and text[:1].isdigit():
        return read_unit(f"{code}^{text}")
    return read_unit(code or text)


def _flag(obx: Segment) -> ResultFlag | None:
    flags = (read_flag(value.text(1)) for value in obx.repetitions(8))
    return next((flag for flag in flags if flag), None)


def read_status(obx: Segment, order: Order, reading: Reading) -> ObservationStatus:
    """Return OBX-11, else the report's own; what nobody vouched for is not final."""
    sent = obx.text(11)
    if not sent and obx.text(10) in _SHIFTED:
        # No nature of abnormal test (table 0080) is called so: the sender is one field short.
        reading.doubt("result-status-shifted")
        sent = obx.text(10)
    sent = sent or order.said("OBR", 25)
    status = _STATUS.get(sent)
    if status is None:
        # Nobody vouched for it, so it is not final; rules still see it, marked as unverified.
        reading.doubt("result-status-unknown" if sent else "result-status-missing")
        return ObservationStatus.PRELIMINARY
    return status
