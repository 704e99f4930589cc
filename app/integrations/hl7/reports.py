"""ORU and MDM: the report as a whole, beside the results it is made of."""

from datetime import datetime

from app.domain.intake.clinical_records import DiagnosticReportRecord, ReportStatus
from app.domain.intake.hospital_records import (
    Coded,
    Identifier,
    ObservationKey,
    ObservationStatus,
)
from app.integrations.hl7.observations import read_order_times, read_status
from app.integrations.hl7.orders import LINES, Entry, Order, keyed_results
from app.integrations.hl7.people import Reading, read_coded

# HL7 table 0123, OBR-25.
_STATUS = {
    "O": ReportStatus.REGISTERED, "I": ReportStatus.REGISTERED, "S": ReportStatus.REGISTERED,
    "A": ReportStatus.PARTIAL, "P": ReportStatus.PRELIMINARY, "R": ReportStatus.PRELIMINARY,
    "C": ReportStatus.CORRECTED, "F": ReportStatus.FINAL, "X": ReportStatus.CANCELLED,
}  # fmt: skip
# HL7 table 0271, TXA-17: what nobody has signed is not final.
_UNSIGNED = ("DI", "IP", "IN", "PA", "DO")
# Triggers that say what became of a document, whatever its TXA says.
_DOCUMENT = {
    "T05": ReportStatus.APPENDED, "T06": ReportStatus.APPENDED, "T07": ReportStatus.CORRECTED,
    "T08": ReportStatus.CORRECTED, "T09": ReportStatus.CORRECTED, "T10": ReportStatus.CORRECTED,
    "T11": ReportStatus.ENTERED_IN_ERROR,
}  # fmt: skip
_TEXTS = (*LINES, "")
# What marks the text that concludes: HL7's suffix of OBX-3, LOINC's impression, our words for it.
_IMPRESSION = "IMP"
_IMPRESSIONS = ("19005-8", "59776-5", "22637-3")
_CONCLUDING = ("结论", "印象", "诊断意见", "检查意见", "病理诊断", "检查提示")


def read_reports(
    orders: list[Order], visit: Identifier | None, reading: Reading, sent_at: datetime | None
) -> tuple[DiagnosticReportRecord, ...]:
    """Return a report for each OBR of results; `sent_at` is MSH-7."""
    results: dict[int, list[tuple[Entry, ObservationKey]]] = {}
    for order, entry, key in keyed_results(orders):
        results.setdefault(id(order), []).append((entry, key))
    found = [
        _report(order, results.get(id(order), []), visit, reading, sent_at)
        for order in orders
        if order.part("OBR")
    ]
    return tuple(report for report in found if report)


def read_documents(
    orders: list[Order],
    trigger: str,
    visit: Identifier | None,
    reading: Reading,
    sent_at: datetime | None,
) -> tuple[DiagnosticReportRecord, ...]:
    """Return the documents of the message's TXA, each with its text as conclusion.

    One that replaces another (T09, T10) brings that one along as entered in error.
    """
    found: list[DiagnosticReportRecord] = []
    for order in orders:
        txa = order.part("TXA")
        if txa is None:
            continue
        kind = read_coded(txa.first(2)) or Coded("")
        if not txa.text(12):
            reading.doubt("document-without-number")
            continue
        written_at, _ = read_order_times(order, reading)
        document = DiagnosticReportRecord(
            number=txa.text(12),
            code=next((c for e in order.entries for c in e.codings), kind),
            status=_DOCUMENT.get(trigger) or _document_status(txa.text(17)),
            category=kind.code,
            conclusion=_joined(order.entries),
            effective_at=written_at,
            issued_at=reading.instant(txa.text(7), "report-time-unreadable") or sent_at,
            visit=visit,
        )
        found.append(document)
        if trigger in ("T09", "T10") and txa.text(13) not in ("", document.number):
            found.append(
                DiagnosticReportRecord(
                    number=txa.text(13),
                    code=document.code,
                    status=ReportStatus.ENTERED_IN_ERROR,
                    category=kind.code,
                    issued_at=document.issued_at,
                    visit=visit,
                )
            )
    return tuple(found)


def _report(
    order: Order,
    results: list[tuple[Entry, ObservationKey]],
    visit: Identifier | None,
    reading: Reading,
    sent_at: datetime | None,
) -> DiagnosticReportRecord | None:
    obr = order.parts["OBR"]
    number, code = order.filler or order.placer, read_coded(obr.first(4))
    if not number or code is None:
        reading.doubt("report-without-number" if code else "report-without-code")
        return None
    collected_at, reported_at = read_order_times(order, reading)
    return DiagnosticReportRecord(
        number=number,
        code=code,
        status=_STATUS.get(obr.text(25)) or _as_its_results(order, reading),
        category=obr.text(24),
        conclusion=_conclusion(order),
        effective_at=collected_at,
        issued_at=reported_at or sent_at,
        visit=visit,
        results=tuple(key for _, key in results),
    )


def _as_its_results(order: Order, reading: Reading) -> ReportStatus:
    """Return the status of a report that states none: no further than its least result."""
    statuses = {read_status(entry.segments[0], order, reading) for entry in order.entries}
    if not statuses:
        return ReportStatus.UNKNOWN
    if statuses & {ObservationStatus.PRELIMINARY, ObservationStatus.REGISTERED}:
        return ReportStatus.PRELIMINARY
    if ObservationStatus.CORRECTED in statuses:
        return ReportStatus.CORRECTED
    return ReportStatus.FINAL if ObservationStatus.FINAL in statuses else ReportStatus.CANCELLED


def _document_status(completion: str) -> ReportStatus:
    return ReportStatus.PRELIMINARY if completion.upper() in _UNSIGNED else ReportStatus.FINAL


def _conclusion(order: Order) -> str:
    """Return the texts that conclude; of a report of nothing but text all of it; and the notes."""
    concluding = [entry for entry in order.entries if _is_concluding(entry)]
    is_narrative = all(entry.segments[0].text(2).upper() in _TEXTS for entry in order.entries)
    if not concluding and is_narrative:
        concluding = [e for e in order.entries if e.segments[0].text(2).upper() in ("TX", "FT")]
    return "\n".join(part for part in (_joined(concluding), order.note) if part)


def _is_concluding(entry: Entry) -> bool:
    obx = entry.segments[0]
    return obx.text(2).upper() in _TEXTS and (
        obx.text(3, 1, 2) == _IMPRESSION
        or any(
            coding.code in _IMPRESSIONS or any(word in coding.display for word in _CONCLUDING)
            for coding in entry.codings
        )
    )


def _joined(entries: list[Entry]) -> str:
    texts = (e.text for e in entries if e.segments[0].text(2).upper() in _TEXTS)
    return "\n".join(text for text in texts if text)
