"""Rows of CSV and XLSX files, taken apart by a process that can only lose itself."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from app.domain.intake.table_rows import Value, read_tagged
from app.integrations.tables import parse_file
from app.integrations.tables.cells import CellProblem

# The child has 30 s of processor time; this ends one that only waits.
_PATIENCE: Final = 90
_PROBLEMS: Final = {"formula": CellProblem.FORMULA, "inexact": CellProblem.INEXACT}


class FileProblem(StrEnum):
    """Why a file as a whole cannot be taken."""

    TOO_LARGE = "too-large"
    TOO_MANY_ROWS = "too-many-rows"
    TOO_SLOW = "too-slow"
    UNDECODABLE = "undecodable"
    EMPTY = "empty"
    BAD_HEADER = "bad-header"
    BAD_QUOTES = "bad-quotes"
    RAGGED_ROW = "ragged-row"
    PROTECTED = "protected"
    UNREADABLE = "unreadable"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Final = {
    FileProblem.TOO_LARGE: "文件超过允许的大小，或解开后过大。",
    FileProblem.TOO_MANY_ROWS: "行数超过上限。",
    FileProblem.TOO_SLOW: "文件在规定的时间内没有读完。",
    FileProblem.UNDECODABLE: "字符编码无法识别，请用 --encoding 指明，或另存为 UTF-8。",
    FileProblem.EMPTY: "文件里没有内容。",
    FileProblem.BAD_HEADER: "第一行必须是列名，且不超过 300 列。",
    FileProblem.BAD_QUOTES: "引号不成对，或单个格子过长，请检查 CSV 的引号。",
    FileProblem.RAGGED_ROW: "有一行的格子比列名多，请检查分隔符。",
    FileProblem.PROTECTED: "文件有密码保护，请去掉密码后再导入。",
    FileProblem.UNREADABLE: "不是能读的 CSV 或 XLSX 文件。",
}


class FileRefused(Exception):
    """A file as a whole cannot be taken."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a file may ask of us (defaults of the platform's security requirements, I7)."""

    most_bytes: int = 5 * 1024 * 1024
    most_rows: int = 20_000


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: its number in the file as people count, and cells that could not be taken."""

    number: int
    values: dict[str, Value]
    problems: dict[str, CellProblem] = field(default_factory=dict)


def read_rows(
    file: Path,
    limits: FileLimits,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Iterator[FileRow]:
    """Yield the rows of a file under the names of its header.

    :raises FileRefused: it cannot be taken as a whole; rows may have been yielded before
    """
    if file.stat().st_size > limits.most_bytes:
        raise FileRefused(FileProblem.TOO_LARGE)
    options = {"most_rows": limits.most_rows, "encoding": encoding, "delimiter": delimiter}
    child = subprocess.Popen(
        # Isolated and without an environment: what a file could make of it knows no secret.
        [sys.executable, "-I", parse_file.__file__, str(file.resolve()), json.dumps(options)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LANG": "C.UTF-8"},
    )
    end = threading.Timer(_PATIENCE, child.kill)
    end.start()
    try:
        if child.stdout is not None:
            yield from _rows(child.stdout)
    finally:
        end.cancel()
        child.kill()
        child.communicate()


def _rows(said: IO[bytes]) -> Iterator[FileRow]:
    names: list[str] = []
    for line in said:
        content = _loaded(line)
        if isinstance(content, dict):
            if "error" in content:
                raise FileRefused(FileProblem(content["error"]))
            return
        if not names:
            names = content
            if len(set(names) - {""}) != len([name for name in names if name]):
                raise FileRefused(FileProblem.BAD_HEADER)
            continue
        number, cells = content
        yield _row(number, names, cells)
    # Ended by a limit of the system: it had no time, or no memory, left to say so.
    raise FileRefused(FileProblem.TOO_SLOW if names else FileProblem.TOO_LARGE)


def _loaded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise FileRefused(FileProblem.TOO_SLOW) from None


def _row(number: int, names: list[str], cells: list[Any]) -> FileRow:
    row = FileRow(number, dict.fromkeys(name for name in names if name))
    for name, cell in zip(names, cells, strict=False):
        if not name:
            continue
        if not isinstance(cell, dict):
            row.values[name] = cell
            continue
        ((tag, value),) = cell.items()
        if tag in _PROBLEMS:
            row.problems[name] = _PROBLEMS[tag]
        else:
            row.values[name] = read_tagged(tag, value)
    return row
