"""Results in their versions: the greatest is current, the others are history."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import Coded, ObservationKey, ObservationRecord
from app.domain.intake.senders import sender_text
from app.domain.intake.versions import result_version
from app.models import DiagnosticReport, Encounter, ObservationStatus, Origin, Patient
from app.services.intake.columns import clipped, code, digest, exact
from app.services.intake.known import Known
from app.services.intake.numbered_kinds import issuer_of, report_identity
from app.services.intake.result_versions import ResultVersion, is_same_news
from app.services.intake.visits import known_visit
from app.services.intake.word import Word, fingerprint

LOINC = "http://loinc.org"
# What our own tables make of the laboratory's words; they may change, the result does not.
MAPPED = ("code", "code_system", "standard_value", "standard_unit")
_CORRECTIONS = (
    ObservationStatus.CORRECTED,
    ObservationStatus.AMENDED,
    ObservationStatus.CANCELLED,
    ObservationStatus.ENTERED_IN_ERROR,
)


def result_identity(message: HospitalMessage, key: ObservationKey) -> bytes:
    """Name the result by its laboratory, not by the way it came: a file and a feed tell of one."""
    sender = (message.sending_application, message.sending_facility)
    return digest(*sender, key.order, key.code, key.sub_id)


def tell_of_results(
    known: Known,
    owner: Patient,
    encounter: Encounter | None,
    message: HospitalMessage,
    word: Word,
    received_at: datetime,
) -> None:
    """Keep every version of every result once; a correction outranks a final, and so on.

    A version sent again, under whatever control id, leaves nothing but a later time of sending.
    """
    issuer = issuer_of(message)
    # With the order, code and sub id this is all of the identity: an export gives it back.
    sender = exact(sender_text(message.sending_application, message.sending_facility))
    for record in message.observations:
        identity = result_identity(message, record.key)
        versions = known.results(owner, identity)
        issued_at = record.issued_at or word.at
        version = result_version(record.status, issued_at, word.at, fingerprint(_said(record)))
        mapped = _mapped(record)
        before = next((one for one in versions if one.is_current), None)
        mine = next((one for one in versions if is_same_news(one.version, version)), None)
        if mine is None:
            mine = ResultVersion(version, record.status)
            mine.values = {
                **_values(record, issued_at),
                **mapped,
                "identity": identity,
                "version": version,
                "issuer": sender,
                "received_at": received_at,
            }
            order = report_identity(issuer, record.key.order)
            known.add_result(
                mine, owner, known_visit(known, owner, record.visit) or encounter,
                known.thing(DiagnosticReport, owner, order),
            )  # fmt: skip
            versions.append(mine)
        elif version > mine.version:
            known.change_result(mine, version=version)
            mine.version = version
        is_renamed = known.is_rereading and known.rename_result(mine, mapped)
        _settle(known, owner, versions, before, mine, is_renamed=is_renamed)
    for report in message.reports:
        _link(known, owner, message, report.number, report.results)


def _settle(
    known: Known,
    owner: Patient,
    versions: list[ResultVersion],
    before: ResultVersion | None,
    mine: ResultVersion,
    *,
    is_renamed: bool,
) -> None:
    """Make the greatest version current; a specimen still in the laboratory is no news."""
    newest = max(versions, key=lambda one: one.version)
    if newest is not before:
        if before is not None:
            known.change_result(before, is_current=None)
            before.is_current = False
        known.change_result(newest, is_current=True)
        newest.is_current = True
    elif not (is_renamed and newest is mine):
        return
    if newest.status is ObservationStatus.REGISTERED:
        return
    corrects = before is not None and before is not newest and newest.status in _CORRECTIONS
    known.event(
        "observation.corrected" if corrects else "observation.recorded",
        owner,
        observation_id=newest,
        supersedes_id=before if before is not newest else None,
    )


def _link(
    known: Known,
    owner: Patient,
    message: HospitalMessage,
    number: str,
    keys: tuple[ObservationKey, ...],
) -> None:
    """Hang on a report the results that it names; those of its own order find it themselves."""
    report = known.thing(DiagnosticReport, owner, report_identity(issuer_of(message), number))
    for key in keys:
        for version in known.results(owner, result_identity(message, key)):
            known.hang_on_report(version, report)


def _said(record: ObservationRecord) -> str:
    """Return what is kept of a result's words: 4.10 and 4.1 are one value, in every column."""
    value = record.value
    number = format(value.normalize(), "f") if isinstance(value, Decimal) else ""
    words = "" if isinstance(value, Decimal) else _words(value, record.value_text)
    interval = record.reference_range.text if record.reference_range else ""
    said = (number, words, record.comparator, record.unit, record.note, interval)
    return "\x1f".join((*(part or "" for part in said), record.interpretation or ""))


def _mapped(record: ObservationRecord) -> dict[str, Any]:
    """Return what our tables make of the laboratory's words."""
    if record.standard_code is not None:
        meant, system = record.standard_code.code, LOINC
    elif record.loinc:
        meant, system = record.loinc, LOINC
    else:
        meant, system = record.code.code, clipped(record.code.system) or ""
    return {
        "code": code(meant),
        "code_system": system,
        "standard_value": record.standard_value,
        "standard_unit": clipped(record.standard_unit),
    }


def _values(record: ObservationRecord, issued_at: datetime) -> dict[str, Any]:
    value = record.value
    return {
        "origin": Origin.HOSPITAL,
        "order_number": exact(record.key.order),
        "sub_id": clipped(record.key.sub_id),
        "status": record.status,
        "local_code": clipped(record.code.code),
        "display": clipped(record.code.display),
        "value": value if isinstance(value, Decimal) else None,
        "comparator": record.comparator or None,
        "text": None if isinstance(value, Decimal) else _words(value, record.value_text),
        "unit": clipped(record.unit),
        "reference_range": clipped(record.reference_range.text if record.reference_range else None),
        "interpretation": record.interpretation.value if record.interpretation else None,
        "specimen": clipped(record.specimen),
        "note": record.note or None,
        "effective_at": record.effective_at or issued_at,
        "issued_at": issued_at,
    }


def _words(value: Coded | str | None, text: str) -> str | None:
    return (value if isinstance(value, str) else text) or None
