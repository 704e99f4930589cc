"""One table as its mapping tells: its rows, their keys, and what a changed row means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from app.domain.intake.clinical_records import DiagnosticReportRecord
from app.domain.intake.hospital_message import HospitalMessage
from app.domain.intake.hospital_records import AppointmentRecord, ObservationRecord
from app.domain.intake.rejections import Rejected
from app.domain.intake.table_rows import (
    Deed,
    KeptRow,
    SourceRow,
    Succession,
    Value,
    Values,
    content_of,
)
from app.integrations.tables.cells import BadCell, Cell
from app.integrations.tables.fields import RowKind
from app.integrations.tables.mapping import SourceMapping, TableMapping, Vanishing
from app.integrations.tables.records import read_row

_Result: TypeAlias = ObservationRecord | DiagnosticReportRecord

# FHIR's words for how far a result or a report has come, in the order in which they outrank.
_STAGES: Final = {
    "unknown": 1,
    "registered": 0,
    "partial": 1,
    "preliminary": 1,
    "final": 2,
    "amended": 3,
    "corrected": 3,
    "appended": 3,
    "cancelled": 4,
    "entered-in-error": 4,
}


@dataclass(frozen=True)
class MappedTable:
    """A table of a source; `feed` and `name` together name it among all that is fed to us."""

    mapping: SourceMapping
    table: TableMapping

    @property
    def feed(self) -> str:
        return f"table:{self.mapping.source}"

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def overlap(self) -> timedelta:
        return self.table.overlap

    @property
    def vanishing(self) -> Vanishing:
        return self.table.vanishing

    @property
    def is_withdrawable(self) -> bool:
        """Whether a vanished row takes back what it said; a person is never deleted."""
        return self.table.kind is not RowKind.PATIENT

    def is_open(self, now: datetime) -> bool:
        return self.mapping.is_open(now)

    def row(self, values: Values) -> SourceRow:
        """Return the row of these columns; what only says when it was written is not content."""
        said = {name: values[name] for name in self.table.content_columns if name in values}
        return SourceRow(self.key_of(values), dict(values), content_of(said), self._when(values))

    def key_of(self, values: Values) -> tuple[Value, ...]:
        return tuple(values.get(column) for column in self.table.key)

    def _when(self, values: Values) -> datetime | None:
        watermark = self.table.watermark
        if watermark is None:
            return None
        cell = Cell(column=watermark.column, format=watermark.format)
        try:
            return cell.instant(values, self.mapping.zone)
        except BadCell:
            return None

    def read(self, kept: KeptRow) -> tuple[HospitalMessage, tuple[BadCell, ...]]:
        """Return what a row says; see `read_row`."""
        return read_row(self.mapping, self.table, kept)

    def succession(self, before: Values, after: Values, now: datetime) -> Succession:
        """Return whether a row still is the thing that it was.

        A result that went back (approved, then not; reported earlier) is another one: of one
        result the later stage stands, whatever is said afterwards.
        """
        if self.table.kind is RowKind.PATIENT:
            return Succession.SAME
        try:
            old, _ = self.read(KeptRow(self.name, Deed.SEEN, now, 0, before))
            new, _ = self.read(KeptRow(self.name, Deed.SEEN, now, 0, after))
        except (BadCell, Rejected):
            return Succession.SAME
        is_same_person = bool(set(old.patient.identifiers) & set(new.patient.identifiers))
        if _name_of(old) != _name_of(new):
            return Succession.OTHER
        if not is_same_person:
            is_visit = self.table.kind is RowKind.ENCOUNTER
            return Succession.MOVED if is_visit else Succession.OTHER
        return Succession.OTHER if _went_back(old, new) else Succession.SAME


def _name_of(message: HospitalMessage) -> object:
    """Return what names the one thing of a row's message, beside its patient."""
    numbered: Mapping[str, tuple[object, ...]] = {
        "report": message.reports,
        "medication": message.medications,
        "request": message.service_requests,
        "immunization": message.immunizations,
        "allergy": message.allergies,
    }
    for result in message.observations:
        return result.key
    for condition in message.conditions:
        return condition.visit, condition.code.system, condition.code.code
    for appointment in message.appointments:
        return _number_of(appointment)
    for kind, things in numbered.items():
        for thing in things:
            return kind, getattr(thing, "number", "")
    return message.encounter.visit if message.encounter else None


def _number_of(appointment: AppointmentRecord) -> object:
    return appointment.identifier


def _went_back(old: HospitalMessage, new: HospitalMessage) -> bool:
    before: tuple[_Result, ...] = (*old.observations, *old.reports)
    after: tuple[_Result, ...] = (*new.observations, *new.reports)
    return any(_is_before(b, a) for a, b in zip(before, after, strict=True))


def _is_before(new: _Result, old: _Result) -> bool:
    new_stage, old_stage = _STAGES[new.status], _STAGES[old.status]
    if new_stage != old_stage:
        return new_stage < old_stage
    return new.issued_at is not None and old.issued_at is not None and new.issued_at < old.issued_at
