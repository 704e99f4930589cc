"""Files that people open in a spreadsheet: no cell of ours ever becomes a formula there."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

# What spreadsheets take for the beginning of a formula, also behind blanks, also in full width.
_FORMULA: Final = re.compile(r"[\s\u3000\ufeff]*[=+\-@＝＋－＠]|[\t\r]")


def neutral(text: str) -> str:
    """Return text that a spreadsheet shows as it stands: an apostrophe before a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def write_table(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as XLSX or, whatever else the file is called, as CSV with a UTF-8 mark."""
    if file.suffix.lower() == ".xlsx":
        _write_workbook(file, header, rows)
        return
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([neutral(name) for name in header])
        writer.writerows([[neutral(cell) for cell in row] for row in rows])


def _write_workbook(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("report")
    for row in (header, *rows):
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=neutral(text))
            # openpyxl makes a formula of text that begins with an equals sign, unless told.
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    book.save(file)
