"""How a mapping says where a field comes from: a column's name, or a little more."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from app.domain.definitions import Fields, InvalidDefinition
from app.integrations.tables.cells import Cell, FieldKind
from app.integrations.tables.fields import FieldType

_COLUMN: Final = re.compile(r"[^\x00-\x1f\x7f\"`\[\];]{1,128}")
# HL7 table 0203, the types of numbers that persons, visits and bookings have.
_TYPES: Final = frozenset({"MR", "PI", "NI", "SS", "PPN", "VN", "AN", "PLAC", "FILL", "U"})


def column_name(text: str, path: str) -> str:
    """Return the name of a column; it is quoted later, but no name has quotes or semicolons.

    :raises InvalidDefinition: it has
    """
    if not _COLUMN.fullmatch(text):
        raise InvalidDefinition(path, "is no name of a column")
    return text


@dataclass(frozen=True, slots=True)
class CellParser:
    """Reads cells; `issuer` is of numbers that say none, `deletes` what an empty cell means."""

    issuer: str
    deletes: bool

    def deleting(self, deletes: bool) -> "CellParser":
        return replace(self, deletes=deletes)

    def cell(self, data: object, path: str, field: FieldType) -> Cell:
        """Return the cell of a field.

        :raises InvalidDefinition: it says too little, too much, or something a field cannot hold
        """
        if field.kind is FieldKind.IDENTIFIER:
            return self.identifier(data, path, "U")
        if field.kind is FieldKind.FLAG:
            return self.flag(data, path)
        with _spelt(data, path) as fields:
            cell = self._plain(fields)
            if field.kind is FieldKind.CODE:
                cell = replace(
                    cell,
                    display=_optional_column(fields, "display"),
                    system=fields.optional("system", fields.text) or "",
                )
                if cell.column is None and cell.constant is None and cell.display is None:
                    raise InvalidDefinition(path, "must name a column, a display or a constant")
            elif cell.column is None and cell.constant is None:
                raise InvalidDefinition(path, "must name a column or a constant")
            if field.kind in (FieldKind.INSTANT, FieldKind.DATE):
                cell = replace(cell, format=_format(fields))
        _check_choices(cell, path, field)
        return cell

    def identifier(self, data: object, path: str, type_code: str) -> Cell:
        with _spelt(data, path) as fields:
            cell = self._plain(fields)
            named = fields.optional("type", fields.text) or type_code
            issuer = fields.optional("issuer", lambda key: fields.text(key, 64)) or self.issuer
        if cell.column is None:
            raise InvalidDefinition(path, "must name a column")
        if named not in _TYPES:
            raise InvalidDefinition(f"{path}.type", f"must be one of {', '.join(sorted(_TYPES))}")
        return replace(cell, issuer=issuer, type_code=named)

    def flag(self, data: object, path: str) -> Cell:
        with Fields(data, path) as fields:
            cell = Cell(
                column=column_name(fields.text("column", 128), fields.at("column")),
                truths=frozenset(_words(fields, "yes")),
            )
        if not cell.truths:
            raise InvalidDefinition(f"{path}.yes", "must list the values that mean yes")
        return cell

    def _plain(self, fields: Fields) -> Cell:
        column = _optional_column(fields, "column")
        constant = fields.optional("constant", fields.text)
        if column and constant:
            raise InvalidDefinition(fields.at("constant"), "a column is named already")
        translations = None
        if fields.has("map"):
            translations = {}
            for word, meaning, path in fields.mapping("map"):
                if not isinstance(meaning, str):
                    raise InvalidDefinition(path, "must be text; write numbers in quotes")
                translations[word.strip()] = meaning.strip()
        deletes = self.deletes
        if fields.has("empty"):
            word = fields.text("empty")
            if word not in ("unchanged", "deleted"):
                raise InvalidDefinition(fields.at("empty"), "must be one of unchanged, deleted")
            deletes = word == "deleted"
        otherwise = fields.optional("otherwise", fields.text)
        if otherwise and translations is None:
            raise InvalidDefinition(fields.at("otherwise"), "is of no use without a map")
        return Cell(
            column=column,
            constant=constant,
            translations=translations,
            otherwise=otherwise,
            is_deleted_when_empty=deletes,
        )


@contextmanager
def _spelt(data: object, path: str) -> Iterator[Fields]:
    """Give the fields of a cell; a bare text is the name of its column."""
    with Fields({"column": data} if isinstance(data, str) else data, path) as fields:
        yield fields


def _optional_column(fields: Fields, key: str) -> str | None:
    return fields.optional(key, lambda at: column_name(fields.text(at, 128), fields.at(at)))


def _words(fields: Fields, key: str) -> tuple[str, ...]:
    words: list[Any] = [item for item, _ in fields.items(key)]
    return tuple(str(word).strip() for word in words if isinstance(word, str | int))


def _format(fields: Fields) -> str | None:
    """Return a format of strptime that reads back what it writes.

    :raises InvalidDefinition: it does not
    """
    given = fields.optional("format", lambda key: fields.text(key, 64))
    if given is None:
        return None
    try:
        day = datetime(2026, 11, 23, tzinfo=UTC)
        datetime.strptime(day.strftime(given), given).astimezone(UTC)
    except ValueError:
        raise InvalidDefinition(fields.at("format"), "is no format such as %Y%m%d") from None
    if "%Y" not in given and "%y" not in given:
        raise InvalidDefinition(fields.at("format"), "has no year (%Y)")
    return given


def _check_choices(cell: Cell, path: str, field: FieldType) -> None:
    if field.choices is None:
        return
    allowed = set(field.choices)
    meanings = dict(cell.translations or {})
    if cell.otherwise:
        meanings["otherwise"] = cell.otherwise
    if cell.constant:
        meanings["constant"] = cell.constant
    for word, meaning in meanings.items():
        if meaning not in allowed:
            raise InvalidDefinition(
                f"{path}.{word}", f"{meaning} is none of {', '.join(sorted(allowed))}"
            )
