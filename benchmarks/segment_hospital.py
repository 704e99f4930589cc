"""A hospital of any size for the benchmark of segments: patients, tags by Zipf, some diagnoses.

Written as text and read in by LOAD DATA, in the order of the keys: everything else takes hours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pymysql
from numpy.typing import NDArray
from sqlalchemy.engine import make_url

from benchmarks import measuring

TAGS: Final = 300
TAGS_EACH: Final = 12
MOST_SHARE: Final = 0.9  # of all patients, that bear the commonest tag
TODAY: Final = date(2026, 5, 4)
_BLOCK: Final = 100_000
_OLDEST_YEARS: Final = 95


@dataclass(frozen=True, slots=True)
class Hospital:
    """What was written: of each tag the bearers' ids; births as days before `TODAY`; who counts."""

    patients: int
    bearers: list[NDArray[np.uint32]]
    days_lived: NDArray[np.int32]
    counts: NDArray[np.bool_]


def shares() -> NDArray[np.float64]:
    """Return which share of the patients bears each tag: Zipf, `TAGS_EACH` together."""
    ranks = np.arange(1, TAGS + 1)
    low, high = 0.0, float(TAGS)
    for _ in range(60):
        scale = (low + high) / 2
        found = np.minimum(MOST_SHARE, scale / ranks)
        low, high = (scale, high) if found.sum() < TAGS_EACH else (low, scale)
    return found


def invent(patients: int) -> Hospital:
    random = np.random.default_rng(measuring.SEED)
    bearers = [
        (np.flatnonzero(random.random(patients) < share) + 1).astype(np.uint32)
        for share in shares()
    ]
    days = random.integers(0, _OLDEST_YEARS * 365, patients, dtype=np.int32)
    return Hospital(patients, bearers, days, random.random(patients) >= 0.01)


def write(url: str, hospital: Hospital, folder: Path) -> None:
    """Bring the hospital into an empty, migrated MariaDB."""
    parsed = make_url(url)
    connection = pymysql.connect(
        host=parsed.host or "127.0.0.1", port=parsed.port or 3306, user=parsed.username or "root",
        password=parsed.password or "", database=parsed.database, local_infile=True,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = 1")
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        cursor.execute(_TAGS)
        path = folder / "rows.txt"
        for table, columns, given, rows in (
            ("patient", "id, birth_date, gender, department_code, region, deceased_at", _PATIENT,
             _patients(hospital)),
            ("condition", "patient_id, code", _CONDITION, _conditions(hospital)),
            ("tag_assignment", "patient_id, tag_id", _ASSIGNMENT, _assignments(hospital)),
        ):  # fmt: skip
            with path.open("w") as file:
                file.writelines(rows)
            # One statement into an empty table: the server sorts for its indexes, and puts no row
            # into each of them by itself.
            cursor.execute(
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{table}` CHARACTER SET utf8mb4"
                f" ({columns}) SET {given}"
            )
            connection.commit()
            measuring.progress(f"{table} is there")
        path.unlink()
        for table in ("patient", "condition", "tag_assignment"):
            cursor.execute(f"ANALYZE TABLE `{table}`")
        connection.commit()


_TAGS: Final = (
    "INSERT INTO tag (`key`, name, tag_class, synonyms, scope, review_below, is_retired, rules)"
    " SELECT CONCAT('tag-', seq), CONCAT('标签', seq), 'management', '[]', 'hospital', 0.8, 0, '[]'"
    f" FROM seq_1_to_{TAGS}"
)
_NOW: Final = "'2026-05-04 04:00:00'"
_PATIENT: Final = (
    f"public_id = CONCAT('p', id), source = 'bench', stamps = '{{}}', borrowed = '[]',"
    f" created_at = {_NOW}, updated_at = {_NOW}"
)
_CONDITION: Final = (
    "public_id = CONCAT('c', patient_id, code), encounter_key = 0, code_system = 'icd-10',"
    f" is_active = 1, is_provisional = 0, version = '', recorded_at = {_NOW}, created_at = {_NOW}"
)
_ASSIGNMENT: Final = (
    "public_id = CONCAT(LPAD(patient_id, 9, '0'), '-', tag_id), is_live = 1, source = 'rule',"
    f" confidence = 1, is_locked = 0, evidence_of = '[]', starts_at = {_NOW}"
)


def _patients(hospital: Hospital) -> Iterator[str]:
    random = np.random.default_rng(measuring.SEED + 1)
    born = [str(TODAY - timedelta(days=days)) for days in range(_OLDEST_YEARS * 365)]
    genders = ("female", "male", "unknown")
    for first in range(0, hospital.patients, _BLOCK):
        count = min(_BLOCK, hospital.patients - first)
        drawn = random.integers(0, (3, 20, 50), (count, 3)).tolist()
        rows = zip(
            drawn,
            hospital.days_lived[first : first + count].tolist(),
            hospital.counts[first : first + count].tolist(),
            strict=True,
        )
        yield "".join(
            f"{first + place}\t{born[days]}\t{genders[gender]}\tD{department:02}\t省市{region:02}\t"
            f"{chr(92) + 'N' if lives else '2026-01-01 00:00:00'}\n"
            for place, ((gender, department, region), days, lives) in enumerate(rows, start=1)
        )


def _conditions(hospital: Hospital) -> Iterator[str]:
    random = np.random.default_rng(measuring.SEED + 2)
    for first in range(0, hospital.patients, _BLOCK):
        count = min(_BLOCK, hospital.patients - first)
        ranks = np.minimum(random.zipf(1.3, count), 2_000).tolist()
        yield "".join(
            f"{first + place}\tE{rank // 10:02}.{rank % 10}\n"
            for place, rank in enumerate(ranks, start=1)
        )


def _assignments(hospital: Hospital) -> Iterator[str]:
    """Yield who bears what, patient by patient: so every index but one only grows at its end."""
    for first in range(0, hospital.patients, _BLOCK):
        parts = [
            (ids[(ids > first) & (ids <= first + _BLOCK)], tag)
            for tag, ids in enumerate(hospital.bearers, start=1)
        ]
        who = np.concatenate([ids for ids, _ in parts])
        what = np.concatenate([np.full(len(ids), tag, np.uint32) for ids, tag in parts])
        order = np.argsort(who, kind="stable")
        yield _lines(np.stack([who[order], what[order]], axis=1).ravel().tolist())


def _lines(numbers: Sequence[int]) -> str:
    return ("%d\t%d\n" * (len(numbers) // 2)) % tuple(numbers)
