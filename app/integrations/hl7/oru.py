"""ORU^R01: results; MDM^T02: reports as text; and the OBX that other messages carry."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    ObservationKey,
    ObservationRecord,
    ObservationStatus,
    ResultFlag,
)
from app.integrations.hl7.people import Reading, read_coded, read_codings
from app.integrations.hl7.results import (
    is_no_result,
    read_flag,
    read_number,
    read_reference_range,
    read_unit,
)
from app.integrations.hl7.segments import Message, Segment

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
_LINES = ("TX", "FT", "ST")
_NUMBERS = ("NM", "SN", "")
_CODES = ("CE", "CWE", "CNE", "CF")
_DOCUMENTS = ("ED", "RP")


@dataclass(slots=True)
class _Entry:
    """An OBX with the OBX that continue its text, and its notes."""

    segments: list[Segment]
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Order:
    """An OBR, or the TXA of a document, with what follows it; neither for OBX that stand alone."""

    orc: Segment | None = None
    obr: Segment | None = None
    txa: Segment | None = None
    specimen: str = ""
    entries: list[_Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_observations(
    message: Message, visit: Identifier | None, reading: Reading, sent_at: datetime | None
) -> tuple[ObservationRecord, ...]:
    """Return the message's results, each with a key of its own; `sent_at` is its MSH-7."""
    seen: dict[ObservationKey, int] = {}
    found = []
    for order in _orders(message):
        for entry in order.entries:
            if not read_codings(entry.segments[0].first(3)):
                reading.doubt("observation-without-code")
                continue
            key = _numbered(_key(order, entry.segments[0]), seen)
            found.append(_observation(order, entry, key, visit, reading, sent_at))
    return tuple(found)


def _orders(message: Message) -> list[_Order]:
    """Group the segments; a note belongs to the OBX or OBR before it, to nothing after others."""
    orders = [_Order()]
    notes: list[str] | None = None
    for segment in message.segments:
        order = orders[-1]
        if segment.name == "NTE":
            if notes is not None:
                notes.append("\n".join(line.whole() for line in segment.repetitions(3)))
            continue
        notes = None
        if segment.name == "ORC":
            orders.append(_Order(orc=segment))
        elif segment.name == "TXA":
            orders.append(_Order(txa=segment))
        elif segment.name == "OBR":
            if order.obr is not None or order.entries:
                order = _Order()
                orders.append(order)
            order.obr = segment
            order.specimen = _specimen(segment, 15)
            notes = order.notes
        elif segment.name == "SPM":
            order.specimen = order.specimen or _specimen(segment, 4)
        elif segment.name == "OBX":
            notes = _enter(order, segment).notes
    return orders


def _enter(order: _Order, obx: Segment) -> _Entry:
    last = order.entries[-1] if order.entries else None
    if last and not last.notes and _continues(last.segments[-1], obx):
        last.segments.append(obx)
        return last
    order.entries.append(_Entry([obx]))
    return order.entries[-1]


def _continues(before: Segment, obx: Segment) -> bool:
    """Return whether the OBX is a further line of the same text."""
    return (
        obx.text(2) in _LINES
        and before.text(2) == obx.text(2)
        and before.raw(3) == obx.raw(3)
        and before.raw(4) == obx.raw(4)
        and not obx.text(6)
    )


def _specimen(segment: Segment, position: int) -> str:
    value = segment.first(position)
    return value.text(2) or value.text(1)


def _key(order: _Order, obx: Segment) -> ObservationKey:
    """Return filler order, code and sub id; without a filler the placer and the time stand in."""
    number = _said(order.obr, 3) or _said(order.orc, 3) or _said(order.txa, 12)
    if not number:
        placer = _said(order.obr, 2) or _said(order.orc, 2)
        number = f"{placer}@{_said(order.obr, 7) or obx.text(14)}"
    return ObservationKey(number, read_codings(obx.first(3))[0].code, obx.whole(4))


def _said(segment: Segment | None, position: int) -> str:
    return segment.text(position) if segment else ""


def _numbered(key: ObservationKey, seen: dict[ObservationKey, int]) -> ObservationKey:
    """Keep apart results that one message sends under one key, by the order they stand in."""
    seen[key] = seen.get(key, 0) + 1
    if seen[key] == 1:
        return key
    return ObservationKey(key.order, key.code, f"{key.sub_id}#{seen[key]}")


def _observation(
    order: _Order,
    entry: _Entry,
    key: ObservationKey,
    visit: Identifier | None,
    reading: Reading,
    sent_at: datetime | None,
) -> ObservationRecord:
    obx, obr = entry.segments[0], order.obr
    comparator, value, text, arrow = _value(entry, reading)
    collected = reading.instant(_said(obr, 7) or _said(order.txa, 4), "collection-time-unreadable")
    reported = reading.instant(_said(obr, 22), "report-time-unreadable")
    return ObservationRecord(
        key=key,
        codings=read_codings(obx.first(3)),
        panel=read_coded(obr.first(4)) if obr else None,
        value=value,
        value_text=text,
        comparator=comparator,
        unit=_unit(obx),
        reference_range=read_reference_range(obx.whole(7)),
        interpretation=_flag(obx) or read_flag(arrow),
        flag_text=obx.whole(8),
        status=_status(obx, obr, reading),
        effective_at=reading.instant(obx.text(14), "observation-time-unreadable") or collected,
        issued_at=reported or sent_at,
        specimen=order.specimen,
        note="\n".join(line for line in (*entry.notes, *order.notes) if line),
        visit=visit,
    )


def _value(entry: _Entry, reading: Reading) -> tuple[str, Decimal | Coded | str | None, str, str]:
    """Return comparator, value, verbatim text and an arrow that stood behind the number."""
    obx = entry.segments[0]
    kind = obx.text(2).upper()
    values = obx.repetitions(5)
    if kind in _DOCUMENTS:
        reading.doubt("document-not-read")
        return "", None, "", ""
    if kind in _CODES:
        codes = [code for value in values if (code := read_coded(value))]
        text = "\n".join(code.display or code.code for code in codes)
        return "", (codes[0] if len(codes) == 1 else text or None), text, ""
    if kind in _LINES:
        lines = [value.whole() for part in entry.segments for value in part.repetitions(5)]
        text = "\n".join(lines)
    elif kind == "SN":
        # Comparator, first number, separator, second number: <0.5 or 1:320.
        text = "".join(values[0].components()) if values else ""
    else:
        text = obx.whole(5).strip()
    number = read_number(text)
    if number and (number[0] or kind in _NUMBERS or _is_measured(obx)):
        return number[0], number[1], text, number[2]
    return "", (None if is_no_result(text) else text), text, ""


def _is_measured(obx: Segment) -> bool:
    """Return whether a text that looks like a number is one: a unit or an interval says so."""
    interval = read_reference_range(obx.whole(7))
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


def _status(obx: Segment, obr: Segment | None, reading: Reading) -> ObservationStatus:
    sent = obx.text(11)
    if not sent and obx.text(10) in _SHIFTED:
        # No nature of abnormal test (table 0080) is called so: the sender is one field short.
        reading.doubt("result-status-shifted")
        sent = obx.text(10)
    sent = sent or _said(obr, 25)
    status = _STATUS.get(sent)
    if status is None:
        # Nobody vouched for it, so it is not final; rules still see it, marked as unverified.
        reading.doubt("result-status-unknown" if sent else "result-status-missing")
        return ObservationStatus.PRELIMINARY
    return status
