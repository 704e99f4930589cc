"""A row of a hospital's table as we keep it: canonical text that gives every value back.

What is stored must be enough to be understood again later, so it carries the instant by which the
row is ordered and, where one came back after it was gone, in which life it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeAlias

Value: TypeAlias = str | int | Decimal | datetime | date | time | None
Values: TypeAlias = Mapping[str, Value]

# How a type that JSON lacks is written: {"decimal": "5.10"}.
_TAGS: Final[dict[type, str]] = {
    Decimal: "decimal",
    datetime: "datetime",
    date: "date",
    time: "time",
}
_READ: Final[dict[str, Any]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


class Deed(StrEnum):
    """What happened to the row."""

    SEEN = "seen"
    # It is gone, or turned into another thing: what it said is taken back.
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What is stored of one row; `recorded_at` orders it among the versions of that row."""

    table: str
    deed: Deed
    recorded_at: datetime
    life: int
    values: Values
    # The row of a visit that now belongs to somebody else, as it was before.
    before: Values | None = None

    def body(self) -> bytes:
        """Return the row as canonical JSON."""
        content = {
            "table": self.table,
            "deed": self.deed.value,
            "recorded_at": self.recorded_at.isoformat(),
            "life": self.life,
            "row": _written(self.values),
        }
        if self.before is not None:
            content["before"] = _written(self.before)
        return _canonical(content).encode()


def read_kept_row(body: bytes) -> KeptRow:
    """Return what `KeptRow.body` wrote.

    :raises ValueError: it is no such row
    """
    try:
        content = json.loads(body)
        recorded_at = datetime.fromisoformat(content["recorded_at"])
        if recorded_at.tzinfo is None:
            raise ValueError("a naive time")
        before = content.get("before")
        return KeptRow(
            table=str(content["table"]),
            deed=Deed(content["deed"]),
            recorded_at=recorded_at,
            life=int(content["life"]),
            values=_read(content["row"]),
            before=_read(before) if before is not None else None,
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation, UnicodeDecodeError) as error:
        raise ValueError(f"not a kept row: {type(error).__name__}") from None


def content_of(values: Values) -> str:
    """Return the text that is equal for rows that say the same: padding and '' do not count."""
    return _canonical(_written({name: tidy(value) for name, value in values.items()}))


def tidy(value: Value) -> Value:
    """Return a value without the padding of CHAR columns; nothing at all is None.

    Oracle keeps no empty text: there '' and NULL are one, so they are one for every source.
    """
    if not isinstance(value, str):
        return value
    return value.strip(" \t\r\n\v\f\0\u3000\ufeff") or None


def read_tagged(tag: str, text: str) -> Value:
    """Return the value of a type that JSON lacks: decimal, datetime, date or time.

    :raises ValueError: the text is none of it
    """
    read: Value = _READ[tag](text)
    return read


def text_of(value: Value) -> str:
    """Return a value as text, tidy: 1, 1.0 and `1 ` are all `1`; nothing is ''."""
    value = tidy(value)
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def key_text(key: Sequence[Value]) -> str:
    """Return the text that names a row, the same from a number column and from a CSV file."""
    return "\x1f".join(text_of(value) for value in key)


def pack_values(values: Sequence[Value]) -> str:
    """Return values in their order as text, to be kept and taken back by `unpack_values`."""
    return _canonical([_tagged(value) for value in values])


def unpack_values(text: str) -> tuple[Value, ...]:
    """Return what `pack_values` wrote."""
    return tuple(_untagged(value) for value in json.loads(text))


def _canonical(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _written(values: Values) -> dict[str, Any]:
    return {name: _tagged(value) for name, value in values.items()}


def _read(content: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _untagged(value) for name, value in content.items()}


def _tagged(value: Value) -> Any:
    tag = _TAGS.get(type(value))
    if tag is None:
        return value
    return {tag: str(value) if isinstance(value, Decimal) else value.isoformat()}  # type: ignore[union-attr]


def _untagged(value: Any) -> Value:
    if isinstance(value, dict):
        ((tag, text),) = value.items()
        return read_tagged(tag, text)
    if value is not None and not isinstance(value, str | int):
        raise ValueError("a value of no known type")
    return value


class Succession(StrEnum):
    """How a row relates to what it said before."""

    SAME = "same"  # the same thing, told anew
    MOVED = "moved"  # the same visit, now of somebody else
    OTHER = "other"  # another thing, or one that went back behind what it had reached


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as a source shows it now; `content` is equal for rows that say the same."""

    key: tuple[Value, ...]
    values: Values
    content: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows in the order of the watermark; `position` is None after the last of them."""

    rows: tuple[SourceRow, ...]
    position: str | None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys in their order; `position` is None after the last of them."""

    keys: tuple[tuple[Value, ...], ...]
    position: str | None
