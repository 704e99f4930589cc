"""Files with rows: every encoding hospitals use, and nothing a hostile file could do."""

import csv
import os
import subprocess
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from app.domain.intake.table_rows import text_of
from app.integrations.tables import parse_file
from app.integrations.tables.cells import CellProblem
from app.integrations.tables.checking import shape_of
from app.integrations.tables.exports import neutral, write_table
from app.integrations.tables.files import (
    FileLimits,
    FileProblem,
    FileRefused,
    FileRow,
    read_rows,
)

LIMITS = FileLimits()
SHEET = "xl/worksheets/sheet1.xml"
SPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HEAD = f"<worksheet {SPACE}><dimension ref='A1:XFD1048576'/><sheetData>"


def rows_of(file: Path, limits: FileLimits = LIMITS, encoding: str | None = None) -> list[FileRow]:
    return list(read_rows(file, limits, encoding=encoding))


def problem_of(file: Path, limits: FileLimits = LIMITS) -> FileProblem:
    with pytest.raises(FileRefused) as refused:
        rows_of(file, limits)
    assert refused.value.problem.sentence
    return refused.value.problem


def workbook(file: Path, *rows: list[object]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file


def with_sheet(file: Path, xml: str) -> Path:
    """Put another sheet into a workbook: what no honest program would write."""
    made = workbook(file.with_name("honest.xlsx"), ["a"])
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, xml if part.filename == SHEET else old.read(part))
    return file


# ------------------------------------------------------------------------------------- CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_the_encodings_hospitals_use(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    # 珅 and 俓 have a vertical bar and a backslash for second byte in GB18030; 𬭎 has four bytes.
    file.write_bytes("病案号,姓名\r\n1,李珅俓𬭎\r\n".encode(encoding))

    assert [row.values for row in rows_of(file)] == [{"病案号": "1", "姓名": "李珅俓𬭎"}]


def test_an_encoding_that_is_told_goes_before_a_guess(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    # These bytes are valid UTF-8 too, as two letters of another script.
    file.write_bytes("a\r\n郑\r\n".encode("gb18030"))

    assert rows_of(file, encoding="gb18030")[0].values == {"a": "郑"}


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"a,b\r\n\xff\xfe\x80\x81\xff\r\n")

    assert problem_of(file) is FileProblem.UNDECODABLE


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_are_found_by_the_header(delimiter: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"a{delimiter}b\n1{delimiter}2\n")

    assert rows_of(file)[0].values == {"a": "1", "b": "2"}


def test_quoted_line_ends_belong_to_the_text_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'a,b\r\n1,"first\r\nsecond, ""third"""\r\n\r\n2,\r\n')

    found = rows_of(file)

    assert [(row.number, row.values) for row in found] == [
        (2, {"a": "1", "b": 'first\r\nsecond, "third"'}),
        (4, {"a": "2", "b": None}),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", FileProblem.EMPTY),
        (",,\n1,2,3\n", FileProblem.BAD_HEADER),
        ("a,a\n1,2\n", FileProblem.BAD_HEADER),
        ("a,b\n1,2,3\n", FileProblem.RAGGED_ROW),
        ('a,b\n"1,2\n', FileProblem.BAD_QUOTES),
        ("a\n" + "x" * 30_000 + "\n", FileProblem.BAD_QUOTES),
        ("a\n\0\n", FileProblem.UNDECODABLE),
        (",".join(f"c{n}" for n in range(400)) + "\n", FileProblem.BAD_HEADER),
    ],
)
def test_a_csv_that_is_no_table_is_refused_as_a_whole(
    content: str, problem: FileProblem, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content)

    assert problem_of(file) is problem


def test_a_file_may_have_as_many_rows_and_bytes_as_the_limits_say(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a\n" + "1\n" * 10)

    assert len(rows_of(file, FileLimits(most_rows=10))) == 10
    assert problem_of(file, FileLimits(most_rows=9)) is FileProblem.TOO_MANY_ROWS
    assert problem_of(file, FileLimits(most_bytes=21)) is FileProblem.TOO_LARGE


# ------------------------------------------------------------------------------------ XLSX


def test_cells_of_a_workbook_come_as_text_numbers_and_times(tmp_path: Path) -> None:
    file = workbook(
        tmp_path / "rows.xlsx",
        ["病案号", "值", "日期", "时间", "是"],
        ["0012", 5.1, date(2026, 5, 4), datetime(2026, 5, 4, 8, 30), True],
        [None, None, None, None, None],
        [12, 7, None, None, False],
    )

    found = rows_of(file)

    assert [row.number for row in found] == [2, 4]
    assert {name: text_of(value) for name, value in found[0].values.items()} == {
        "病案号": "0012",
        "值": "5.1",
        "日期": "2026-05-04T00:00:00",
        "时间": "2026-05-04T08:30:00",
        "是": "1",
    }
    assert found[1].values["病案号"] == "12"


def test_formulas_and_rounded_numbers_are_named_by_column(tmp_path: Path) -> None:
    file = workbook(
        tmp_path / "rows.xlsx", ["a", "身份证号"], ["=1+1", 110101199003074477], ["x", "1"]
    )

    first, second = rows_of(file)

    assert first.problems == {"a": CellProblem.FORMULA, "身份证号": CellProblem.INEXACT}
    assert second.problems == {}


def test_a_workbook_that_unpacks_to_a_huge_sheet_is_refused(tmp_path: Path) -> None:
    cell = "<c t='inlineStr'><is><t>" + "x" * 10_000 + "</t></is></c>"
    body = HEAD + f"<row>{cell}</row>" * 25_000
    file = with_sheet(tmp_path / "bomb.xlsx", body + "</sheetData></worksheet>")

    assert file.stat().st_size < LIMITS.most_bytes
    assert problem_of(file) is FileProblem.TOO_LARGE


def test_a_workbook_of_many_small_cells_ends_at_the_row_limit(tmp_path: Path) -> None:
    row = "<row><c><v>1</v></c></row>"
    file = with_sheet(tmp_path / "long.xlsx", HEAD + row * 1_000_000 + "</sheetData></worksheet>")

    assert problem_of(file) is FileProblem.TOO_MANY_ROWS


def test_a_workbook_of_more_text_than_a_table_has_is_refused(tmp_path: Path) -> None:
    cell = "<c t='inlineStr'><is><t>" + "y" * 19_000 + "</t></is></c>"
    body = HEAD + f"<row>{cell}</row>" * 4_000
    file = with_sheet(tmp_path / "text.xlsx", body + "</sheetData></worksheet>")

    assert problem_of(file) is FileProblem.TOO_LARGE


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    body = f"<row><c t='inlineStr'><is><t>&b;</t></is></c></row>"  # noqa: F541
    xml = f"<?xml version='1.0'?>{entities}<worksheet {SPACE}><sheetData>{body}"
    file = with_sheet(tmp_path / "entities.xlsx", xml + "</sheetData></worksheet>")

    assert problem_of(file) is FileProblem.UNREADABLE


def test_what_only_looks_like_a_workbook_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.xlsx"
    file.write_bytes(b"PK\x03\x04 and then nothing")

    assert problem_of(file) is FileProblem.UNREADABLE


def test_the_child_is_ended_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text("import json, time\nprint(json.dumps(['a']), flush=True)\ntime.sleep(60)\n")
    monkeypatch.setattr(parse_file, "__file__", str(slow))
    monkeypatch.setattr("app.integrations.tables.files._PATIENCE", 0.5)
    file = tmp_path / "rows.csv"
    file.write_text("a\n1\n")

    assert problem_of(file) is FileProblem.TOO_SLOW


def test_the_child_has_bounds_of_time_and_memory_and_no_environment(tmp_path: Path) -> None:
    """The limits are the system's: asked of a child that prints its own."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import resource, sys\n"
        f"sys.path.insert(0, {str(Path(parse_file.__file__).parent)!r})\n"
        "import parse_file\n"
        f"parse_file.main({str(tmp_path / 'rows.csv')!r}, '{{\"most_rows\": 5}}')\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU)[1], "
        "resource.getrlimit(resource.RLIMIT_AS)[1])\n"
    )
    (tmp_path / "rows.csv").write_text("a\n1\n")

    said = subprocess.run(
        [sys.executable, str(probe)], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split("\n")

    assert said[-2] == f"30 {512 * 1024 * 1024}"


# --------------------------------------------------------------------------------- exports


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "　=1",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_in_a_report(text: str, tmp_path: Path) -> None:
    for name in ("report.csv", "report.xlsx"):
        write_table(tmp_path / name, ["列"], [[text]])

    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as opened:
        assert list(csv.reader(opened)) == [["列"], [f"'{text}"]]
    cell = load_workbook(tmp_path / "report.xlsx").active["A2"]
    assert cell.data_type == "s"
    assert cell.value.startswith("'")


@pytest.mark.parametrize("text", ["", "5.1", "李测试", "a=b", "阴性"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


def test_a_shape_tells_how_a_cell_is_written_and_nothing_of_it() -> None:
    assert shape_of("2026/13/1a 李四") == "9999/99/9x xx"
