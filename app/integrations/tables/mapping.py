"""What the columns of a hospital's tables mean: a mapping, written by people, read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.definitions import (
    KEY,
    Fields,
    InvalidDefinition,
    refuse_repeats,
)
from app.integrations.tables.cell_parsing import CellParser, column_name
from app.integrations.tables.cells import Cell
from app.integrations.tables.fields import FIELDS, PATIENT_FIELDS, RowKind

_RELATION: Final = re.compile(r"[^\W\d][\w$#]{0,127}(?:\.[^\W\d][\w$#]{0,127}){0,2}")
_HOUR: Final = r"((?:[01]\d|2[0-3]):[0-5]\d)"
_CLOSED: Final = re.compile(f"{_HOUR}-{_HOUR}")
# A clinic's busiest hours belong to the clinic (convention of the interface facts, §10).
_BUSY: Final = ((time(8), time(11)),)
# Admissions become visible within the hour, laboratory views are written late and in batches.
_OVERLAPS: Final = {
    RowKind.OBSERVATION: timedelta(days=3),
    RowKind.REPORT: timedelta(days=3),
}
_OVERLAP: Final = timedelta(hours=2)
_MOST_VANISHED: Final = 1000
_MOST_VANISHED_PERCENT: Final = 5


@dataclass(frozen=True, slots=True)
class Watermark:
    """The column that says when a row was last written; `format` where it is text that sorts."""

    column: str
    format: str | None


@dataclass(frozen=True, slots=True)
class Vanishing:
    """How the nightly look for vanished rows goes.

    `horizon`: the view keeps rows at least this long after they were written; what left it for its
    age is not gone. More vanished rows than the limits are taken for a fault of the view.
    """

    horizon: timedelta | None = None
    most: int = _MOST_VANISHED
    most_percent: int = _MOST_VANISHED_PERCENT


@dataclass(frozen=True, slots=True)
class TableMapping:
    """One table or view: its key, its watermark, and where each field comes from."""

    name: str
    kind: RowKind
    relation: str
    key: tuple[str, ...]
    watermark: Watermark | None
    overlap: timedelta
    vanishing: Vanishing
    identifiers: tuple[Cell, ...]
    patient: Mapping[str, Cell]
    visit: Cell | None
    fields: Mapping[str, Cell]
    withdrawn: Cell | None

    @property
    def content_columns(self) -> tuple[str, ...]:
        """The columns that say something, each once, key first."""
        cells = [
            *self.identifiers,
            *self.patient.values(),
            *self.fields.values(),
            *([self.visit] if self.visit else []),
            *([self.withdrawn] if self.withdrawn else []),
        ]
        named = [column for cell in cells for column in cell.columns]
        return tuple(dict.fromkeys((*self.key, *named)))

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of a row, and nothing else."""
        watermark = (self.watermark.column,) if self.watermark else ()
        return tuple(dict.fromkeys((*self.content_columns, *watermark)))


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """The tables of one source; results carry the numbers of `application` and `facility`."""

    source: str
    application: str
    facility: str
    zone: ZoneInfo
    closed: tuple[tuple[time, time], ...]
    tables: tuple[TableMapping, ...]

    def table(self, name: str) -> TableMapping | None:
        return next((one for one in self.tables if one.name == name), None)

    def is_open(self, now: datetime) -> bool:
        """Return whether the source may be read at this hour of its day."""
        local = now.astimezone(self.zone).time()
        return not any(_within(local, start, end) for start, end in self.closed)


def parse_mapping(data: Mapping[str, object]) -> SourceMapping:
    """Read the mapping of one source from plain data.

    :raises InvalidDefinition: with the path of the first thing that is wrong
    """
    with Fields(data) as fields:
        source = fields.key("source")
        if len(source) > 32:
            raise InvalidDefinition("source", "is longer than 32 characters")
        zone = _zone(fields)
        application = fields.optional("application", lambda key: fields.text(key, 64)) or source
        facility = fields.optional("facility", lambda key: fields.text(key, 64)) or ""
        issuer = fields.optional("issuer", lambda key: fields.text(key, 64))
        parser = CellParser(
            issuer=issuer or facility or application,
            deletes=_deletes(fields, default=False),
        )
        mapping = SourceMapping(
            source=source,
            application=application,
            facility=facility,
            zone=zone,
            closed=_closed(fields),
            tables=fields.each("tables", lambda item, path: _table(item, path, parser)),
        )
    if not mapping.tables:
        raise InvalidDefinition("tables", "is missing")
    refuse_repeats((one.name for one in mapping.tables), "tables")
    return mapping


def _table(data: object, path: str, parser: CellParser) -> TableMapping:
    with Fields(data, path) as fields:
        name = fields.text("name", 64)
        if not KEY.fullmatch(name.replace("_", "-")):
            raise InvalidDefinition(fields.at("name"), "must be lower-case words, digits, - or _")
        kind = fields.choice("is", RowKind)
        parser = parser.deleting(_deletes(fields, default=parser.deletes))
        relation = fields.text("from", 255) if fields.has("from") else name
        if not _RELATION.fullmatch(relation):
            raise InvalidDefinition(fields.at("from"), "must be a table or view, schema.name")
        key = fields.texts("key")
        if not key:
            raise InvalidDefinition(fields.at("key"), "must name the columns of the key")
        identifiers, patient = _patient(fields, parser)
        found = _fields(fields, kind, parser)
        table = TableMapping(
            name=name,
            kind=kind,
            relation=relation,
            key=tuple(column_name(one, fields.at("key")) for one in key),
            watermark=fields.optional("updated_at", lambda at: _watermark(fields, at)),
            overlap=fields.optional("overlap", fields.duration) or _OVERLAPS.get(kind, _OVERLAP),
            vanishing=fields.optional("vanishing", lambda at: _vanishing(fields, at))
            or Vanishing(),
            identifiers=identifiers,
            patient=patient,
            visit=fields.optional(
                "visit", lambda at: parser.identifier(fields.take(at), fields.at(at), "VN")
            ),
            fields=found,
            withdrawn=fields.optional(
                "withdrawn", lambda at: parser.flag(fields.take(at), fields.at(at))
            ),
        )
    if kind is RowKind.ENCOUNTER and table.visit is None:
        raise InvalidDefinition(f"{path}.visit", "is missing: an encounter is known by its number")
    return table


def _patient(fields: Fields, parser: CellParser) -> tuple[tuple[Cell, ...], dict[str, Cell]]:
    with Fields(fields.take("patient"), fields.at("patient")) as patient:
        identifiers = patient.each(
            "identifiers", lambda item, path: parser.identifier(item, path, "MR")
        )
        if not identifiers:
            raise InvalidDefinition(patient.at("identifiers"), "is missing")
        cells = {
            name: parser.cell(patient.take(name), patient.at(name), kind)
            for name, kind in PATIENT_FIELDS.items()
            if patient.has(name)
        }
    return identifiers, cells


def _fields(fields: Fields, kind: RowKind, parser: CellParser) -> dict[str, Cell]:
    known = FIELDS[kind]
    if not known:
        return {}
    with Fields(fields.take("fields"), fields.at("fields")) as inner:
        for name, field in known.items():
            if field.is_required:
                inner.take(name)
        return {
            name: parser.cell(inner.take(name), inner.at(name), field)
            for name, field in known.items()
            if inner.has(name)
        }


def _watermark(fields: Fields, key: str) -> Watermark:
    given = fields.take(key)
    if isinstance(given, str):
        return Watermark(column_name(given, fields.at(key)), None)
    with Fields(given, fields.at(key)) as inner:
        return Watermark(
            column_name(inner.text("column", 128), inner.at("column")),
            inner.optional("format", lambda at: inner.text(at, 64)),
        )


def _vanishing(fields: Fields, key: str) -> Vanishing:
    with Fields(fields.take(key), fields.at(key)) as inner:
        horizon = inner.optional("horizon", inner.duration)
        most = inner.optional("most", lambda at: inner.integer(at, 1, 1_000_000))
        percent = inner.optional("most_percent", lambda at: inner.integer(at, 1, 100))
    if horizon is not None and horizon < timedelta(days=2):
        raise InvalidDefinition(f"{fields.at(key)}.horizon", "must be two days or longer")
    return Vanishing(horizon, most or _MOST_VANISHED, percent or _MOST_VANISHED_PERCENT)


def _deletes(fields: Fields, *, default: bool) -> bool:
    if not fields.has("empty"):
        return default
    word = fields.text("empty")
    if word not in ("unchanged", "deleted"):
        raise InvalidDefinition(fields.at("empty"), "must be one of unchanged, deleted")
    return word == "deleted"


def _zone(fields: Fields) -> ZoneInfo:
    name = fields.optional("zone", fields.text) or "Asia/Shanghai"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidDefinition("zone", "is no time zone of the IANA list") from None


def _closed(fields: Fields) -> tuple[tuple[time, time], ...]:
    if not fields.has("closed"):
        return _BUSY
    closed = []
    for item, path in fields.items("closed"):
        match = _CLOSED.fullmatch(item) if isinstance(item, str) else None
        if match is None:
            raise InvalidDefinition(path, "must be hours like 08:00-11:00")
        closed.append((time.fromisoformat(match[1]), time.fromisoformat(match[2])))
    return tuple(closed)


def _within(local: time, start: time, end: time) -> bool:
    # 22:00-02:00 goes past midnight.
    return start <= local < end if start <= end else local >= start or local < end
