"""A table to learn from: which column is the outcome, which are features, and how it is split.

Three parts: half to train on, a fifth to calibrate on, the rest to be judged by. With a time known
the parts follow each other in time, because a model is used on what comes later; else rows (or
people, where a column names them) are dealt out by a seeded hash, and the report says so.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from app.domain.profile.risk.prediction import Cell, Row

SHARES: Final = (0.5, 0.2)  # to train on, to calibrate on; the rest is to be judged by
SEED: Final = 20260101
_YES: Final = frozenset({"1", "1.0", "yes", "y", "true", "t", "是", "lost", "noshow", "no-show"})
_NO: Final = frozenset({"0", "0.0", "no", "n", "false", "f", "否", "kept", "show"})
_IDS: Final = frozenset({"id", "row", "index", "patient_id", "encounter_id", "appointment_id"})
_UNIQUE: Final = 50  # fewer rows than this may all differ by chance
_MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


class InvalidTrainingSet(ValueError):
    """The table cannot be learnt from; the text is a Chinese sentence for whoever made it."""


class Part(IntEnum):
    TRAIN = 0
    CALIBRATE = 1
    TEST = 2


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows as typed cells with their outcome; `dropped` says why a column is no feature.

    `baseline` has what the plain list says of each row (points, a count), `parts` where it goes.
    """

    rows: Sequence[Row]
    outcomes: Sequence[bool]
    parts: Sequence[Part]
    features: tuple[str, ...]
    subgroups: tuple[str, ...]
    baseline: Sequence[float] | None
    baseline_name: str | None
    split: str  # "time" or "hash"
    dropped: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of a file are for; None: by their usual names."""

    outcome: str | None = None
    time: str | None = None
    baseline: str | None = None
    person: str | None = None
    department: str | None = None
    subgroups: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


# By outcome: the usual names of its column, and of the count that is the plain list.
_OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "readmission": ("readmitted", "readmission", "readmitted_30d"),
    "loss-to-follow-up": (
        "is_lost", "lost", "loss_to_follow_up", "lost_to_follow_up", "no_show", "noshow",
    ),
}  # fmt: skip
_BASELINES: Final[Mapping[str, tuple[str, ...]]] = {
    "readmission": (
        "n_inpatient", "number_inpatient", "prior_inpatient", "prior_admissions",
    ),
    "loss-to-follow-up": (
        "priority", "points", "prior_no_shows", "previous_no_shows", "missed_of_last_3",
    ),
}  # fmt: skip
_TIMES: Final = ("time", "date", "at", "index_at", "discharged_at", "appointment_at")
# Of these the report shows whether it works for everybody.
_SUBGROUPS: Final = (
    "age", "sex", "gender", "insurance", "payer", "payer_code", "ethnicity", "race", "department",
)  # fmt: skip


def read_table(
    table: Sequence[Mapping[str, str]],
    outcome: str,
    columns: Columns,
    *,
    department: str | None = None,
    seed: int = SEED,
) -> TrainingSet:
    """Return the training set of a file's rows (all cells text, the same columns in each).

    :raises InvalidTrainingSet: no rows, no such column, or an outcome that is neither yes nor no
    """
    if not table:
        raise InvalidTrainingSet("文件里没有数据行")
    names = list(table[0])
    said = _find(names, columns.outcome, _OUTCOMES[outcome], "结局列", "--outcome-column")
    if said is None:
        raise InvalidTrainingSet(
            f"找不到结局列，请用 --outcome-column 指明；现有列：{'、'.join(names)}"
        )
    time = _find(names, columns.time, _TIMES, "时间列", "--time-column")
    person = _find(names, columns.person, (), "患者列", "--patient-column")
    baseline = _find(names, columns.baseline, _BASELINES[outcome], "对照列", "--baseline-column")
    table = _of_department(table, names, columns, department)
    outcomes = [_truth(row[said], said, number) for number, row in enumerate(table, 2)]
    cells, dropped = _cells(table, [name for name in names if name not in {said, time, person}])
    dropped.update({name: "按要求不用" for name in columns.ignored if name in cells})
    # The plain list is what the model is held against: points are no feature, a count is one.
    if baseline in ("priority", "points"):
        dropped[baseline] = "作为对照，不进模型"
    rows = [dict(zip(cells, values, strict=True)) for values in zip(*cells.values(), strict=True)]
    features = tuple(name for name in cells if name not in dropped)
    if not features:
        raise InvalidTrainingSet("除结局外没有可用的列")
    return TrainingSet(
        rows=rows,
        outcomes=outcomes,
        parts=_parts(table, time, person, seed),
        features=features,
        subgroups=_subgroups(names, columns.subgroups),
        baseline=_baseline(rows, baseline),
        baseline_name=baseline,
        split="time" if time else "hash",
        dropped=dropped,
        source="file",
    )


def split_by_time(times: Sequence[float]) -> list[Part]:
    """Return the part of each row; rows of one instant stay together."""
    ordered = sorted(times)
    first = ordered[min(len(ordered) - 1, int(SHARES[0] * len(ordered)))]
    second = ordered[min(len(ordered) - 1, int(sum(SHARES) * len(ordered)))]
    return [Part(bisect_right((first, second), at)) for at in times]


def split_by_hash(names: Sequence[str], seed: int) -> list[Part]:
    """Return the part of each row by what names it: the same names always fall the same way."""
    found = []
    for name in names:
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        drawn = int.from_bytes(digest[:8]) / 2**64
        found.append(
            Part.TRAIN
            if drawn < SHARES[0]
            else Part.CALIBRATE
            if drawn < sum(SHARES)
            else Part.TEST
        )
    return found


def cell(text: str) -> Cell:
    """Return a number, a word, or None for what is not given."""
    stripped = text.strip()
    if stripped.lower() in _MISSING:
        return None
    try:
        number = float(stripped)
    except ValueError:
        return stripped
    return number if math.isfinite(number) else None


def _find(
    names: Sequence[str], given: str | None, usual: Sequence[str], what: str, option: str
) -> str | None:
    if given is not None:
        if given not in names:
            raise InvalidTrainingSet(f"没有名为 {given} 的{what}（{option}）")
        return given
    plain = {name.strip().lower().replace("-", "_").replace(" ", "_"): name for name in names}
    return next((plain[name] for name in usual if name in plain), None)


def _of_department(
    table: Sequence[Mapping[str, str]],
    names: Sequence[str],
    columns: Columns,
    department: str | None,
) -> Sequence[Mapping[str, str]]:
    if department is None:
        return table
    column = columns.department or "department"
    if column not in names:
        raise InvalidTrainingSet(f"没有科室列 {column}，请用 --department-column 指明")
    chosen = [row for row in table if row[column].strip() == department]
    if not chosen:
        raise InvalidTrainingSet(f"科室 {department} 没有数据行")
    return chosen


def _truth(text: str, column: str, line: int) -> bool:
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InvalidTrainingSet(f"第 {line} 行的 {column} 不是“是”或“否”（yes/no、1/0、true/false）")


def _cells(
    table: Sequence[Mapping[str, str]], names: Sequence[str]
) -> tuple[dict[str, list[Cell]], dict[str, str]]:
    """Return typed columns; one word among numbers makes its column one of words."""
    found: dict[str, list[Cell]] = {}
    dropped: dict[str, str] = {}
    for name in names:
        column = [cell(row[name] or "") for row in table]
        if any(isinstance(one, str) for one in column):
            column = [None if one is None else str(row[name]).strip()
                      for one, row in zip(column, table, strict=True)]  # fmt: skip
        found[name] = column
        why = _why_not(name, column)
        if why:
            dropped[name] = why
    return found, dropped


def _why_not(name: str, column: Sequence[Cell]) -> str | None:
    distinct = {one for one in column if one is not None}
    if name.strip().lower() in _IDS:
        return "编号"
    if len(distinct) < 2:
        return "只有一个值"
    if len(column) > _UNIQUE:
        if any(isinstance(one, str) for one in distinct):
            return "几乎每行不同，像编号或自由文字" if 2 * len(distinct) > len(column) else None
        if len(distinct) == len(column) and all(float(one or 0).is_integer() for one in distinct):
            return "每行不同的整数，像编号"
    return None


def _parts(
    table: Sequence[Mapping[str, str]], time: str | None, person: str | None, seed: int
) -> list[Part]:
    if time is not None:
        return split_by_time([_instant(row[time], time, line) for line, row in enumerate(table, 2)])
    if person is not None:
        return split_by_hash([row[person] for row in table], seed)
    return split_by_hash([str(number) for number in range(len(table))], seed)


def _instant(text: str, column: str, line: int) -> float:
    """Return a number that sorts: a number itself (a year), or an ISO 8601 date or time."""
    stripped = text.strip()
    try:
        return float(stripped)
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(stripped)
    except ValueError:
        raise InvalidTrainingSet(f"第 {line} 行的 {column} 不是日期（如 2026-05-04）") from None
    return read.timestamp() if read.tzinfo else (read - datetime.min).total_seconds()  # noqa: DTZ901


def _subgroups(names: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in given if name not in names]
    if unknown:
        raise InvalidTrainingSet(f"没有名为 {unknown[0]} 的分组列（--subgroup-column）")
    usual = [name for name in names if name.strip().lower() in _SUBGROUPS]
    return tuple(dict.fromkeys((*usual, *given)))


def _baseline(rows: Sequence[Row], name: str | None) -> list[float] | None:
    if name is None:
        return None
    found = [row[name] for row in rows]
    if any(isinstance(one, str) for one in found):
        raise InvalidTrainingSet(f"对照列 {name} 应是数字")
    return [one if isinstance(one, float) else 0.0 for one in found]
