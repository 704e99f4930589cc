"""Takes a CSV or XLSX file apart, in a process of its own that may be ended at any moment.

    python parse_file.py FILE JSON

It imports nothing of the product and gets no environment: what a hostile file could make of it
knows no secret. It writes one JSON value a line: the header, then [row number, cells] for each row
with anything in it, then {"end": rows} or {"error": code}. A cell is text, null, {"datetime": …},
{"date": …}, {"time": …}, {"formula": true} or {"inexact": true}.
"""

import codecs
import csv
import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

_CPU_SECONDS = 30
_MEMORY = 512 * 1024 * 1024
_MOST_TEXT = 64 * 1024 * 1024  # characters of all cells together
_MOST_COLUMNS = 300
_WIDEST_ROW = 2000  # with empty cells behind the last column
_LONGEST_CELL = 20_000
# Of what a workbook holds unpacked; real ones pack ten to one.
_MOST_UNPACKED = 200 * 1024 * 1024
_MOST_PARTS = 1000
# Spreadsheets keep numbers as binary fractions of 15 certain digits.
_EXACT = 10**15
_DELIMITERS = ",\t;|"


class _Refused(Exception):
    """The file as a whole cannot be taken; the argument is the code."""


def main(file: str, options: str) -> None:
    given: dict[str, Any] = json.loads(options)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        with Path(file).open("rb") as opened:
            is_workbook = opened.read(4) == b"PK\x03\x04"
        rows = _workbook_rows(file) if is_workbook else _csv_rows(Path(file), given)
        _write(rows, int(given["most_rows"]))
    except _Refused as refused:
        _say({"error": refused.args[0]})
    except MemoryError:
        _say({"error": "too-large"})
    except Exception as error:
        _say({"error": "unreadable", "kind": type(error).__name__})


def _write(rows: Iterator[tuple[int, list[Any]]], most_rows: int) -> None:
    header = next(rows, None)
    if header is None:
        raise _Refused("empty")
    names = [_name(cell) for cell in header[1]]
    while names and not names[-1]:
        names.pop()
    if not names or len(names) > _MOST_COLUMNS:
        raise _Refused("bad-header")
    _say(names)
    count = text = 0
    for number, cells in rows:
        if all(cell is None for cell in cells):
            continue
        if any(cell is not None for cell in cells[len(names) :]):
            raise _Refused("ragged-row")
        count += 1
        text += sum(len(cell) for cell in cells if isinstance(cell, str))
        if count > most_rows:
            raise _Refused("too-many-rows")
        if text > _MOST_TEXT:
            raise _Refused("too-large")
        _say([number, cells[: len(names)]])
    _say({"end": count})


def _name(cell: Any) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _say(line: Any) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=True) + "\n")


# ------------------------------------------------------------------------------------- CSV


def _csv_rows(file: Path, given: dict[str, Any]) -> Iterator[tuple[int, list[Any]]]:
    text = _decoded(file.read_bytes(), given.get("encoding"))
    if "\0" in text:
        raise _Refused("undecodable")
    delimiter = given.get("delimiter") or _delimiter(text)
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, row in enumerate(reader, start=1):
            if len(row) > _MOST_COLUMNS:
                raise _Refused("bad-header")
            yield number, [cell if cell.strip() else None for cell in row]
    except csv.Error:
        raise _Refused("bad-quotes") from None


def _decoded(content: bytes, encoding: str | None) -> str:
    """Return the text: as told, else by its mark, else UTF-8, else GB18030, never by force."""
    tried = [encoding] if encoding else _guesses(content)
    for codec in tried:
        try:
            return content.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    raise _Refused("undecodable")


def _guesses(content: bytes) -> list[str]:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    return ["utf-8-sig", "gb18030"]


def _delimiter(text: str) -> str:
    """Return what parts the header into the most columns."""
    header = text.lstrip("\r\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=header.count)


# ------------------------------------------------------------------------------------ XLSX


def _workbook_rows(file: str) -> Iterator[tuple[int, list[Any]]]:
    _check_archive(file)
    # Late: the limits must stand before a library of this size looks at the file.
    from openpyxl import load_workbook

    # Formulas are wanted as such: their kept results may be of another day.
    book = load_workbook(file, read_only=True, data_only=False, keep_links=False)
    sheet = book.worksheets[0]
    # A sheet may claim sixteen thousand columns and have three: only what is there is read.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if len(row) > _WIDEST_ROW:
            raise _Refused("bad-header")
        yield number, [_cell(cell) for cell in row]


def _check_archive(file: str) -> None:
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _MOST_UNPACKED:
            raise _Refused("too-large")
        if any(part.flag_bits & 1 for part in parts):
            raise _Refused("protected")


def _cell(cell: Any) -> Any:
    value = cell.value
    if value is None or isinstance(value, bool):
        return None if value is None else str(int(value))
    if cell.data_type == "f":
        return {"formula": True}
    if isinstance(value, str):
        if len(value) > _LONGEST_CELL:
            raise _Refused("too-large")
        return value if value.strip() else None
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return {"inexact": True}
        return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")
    for kind, tag in ((datetime, "datetime"), (date, "date"), (time, "time")):
        if isinstance(value, kind):
            return {tag: value.isoformat()}
    return str(value)


if __name__ == "__main__":
    main(*sys.argv[1:3])
