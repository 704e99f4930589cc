"""How fast segments of 1.4 million patients are counted, listed and frozen, against what is bare.

The same questions go to our index, to a bare expression over bitmaps made of the same data, and to
MariaDB by the best of several indexed queries. A process starts from the snapshot; two of them
must see a change that a third commits.
"""

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from pyroaring import BitMap
from sqlalchemy import BigInteger, Column, MetaData, Table, func, insert, select, text
from sqlalchemy.orm import Session

from app import encryption
from app.clock import HOSPITAL
from app.database import make_engine, unit_of_work
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.tree import Age, All, HasTag, Not
from app.domain.criteria.tree import Any as AnyOf
from app.models import Audience, Event, Tag, TagAssignment
from app.models.profile.tag import TagSource
from app.models.profile.tag_tree import tag_tree
from app.models.segments.audiences import persist, read_ids
from app.models.segments.criteria_sql import matching
from app.models.segments.index import snapshot
from app.models.segments.index.build import build
from app.models.segments.index.live import LiveIndex, reading
from benchmarks import measuring
from benchmarks.segment_hospital import TAGS, TODAY, Hospital, invent, shares, write
from tests.conftest import ROOT, SECRET_KEY

_PATIENTS: Final = 1_400_000
_REPEATS: Final = 40  # of each question in a round
_NOW: Final = datetime(2026, 5, 4, 4, tzinfo=UTC)
_FROM, _BELOW = 40, 76  # years
_TOGGLED: Final = f"tag-{TAGS}"
_STARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Question:
    """Tags by their number: the first, and one of two, and not the last, and of an age."""

    a: int
    b: int
    c: int
    d: int

    @property
    def tree(self) -> All:
        a, b, c, d = (HasTag(f"tag-{one}") for one in (self.a, self.b, self.c, self.d))
        old, too_old = Age(Comparator.AT_LEAST, _FROM), Age(Comparator.AT_LEAST, _BELOW)
        return All((a, AnyOf((b, c)), Not(d), old, Not(too_old)))


def questions() -> list[Question]:
    """Return three, of about a sixth, a seventieth and a thousandth of all patients."""
    share = shares()
    found = []
    for target, (b, c, d) in ((0.158, (7, 9, 14)), (0.0132, (20, 30, 6)), (0.00117, (60, 90, 5))):
        other = 1 - (1 - share[b - 1]) * (1 - share[c - 1])
        rest = other * (1 - share[d - 1]) * (_BELOW - _FROM) / 95
        a = int(np.abs(share * rest - target).argmin()) + 1
        found.append(Question(a, b, c, d))
    return found


class Bare:
    """Bitmaps of the same data, and the expression that somebody who knew the data would write."""

    def __init__(self, hospital: Hospital) -> None:
        lives = np.flatnonzero(hospital.counts) + 1
        base = _bitmap(lives)
        self.tags = [_bitmap(ids) & base for ids in hospital.bearers]
        self.old, self.too_old = (
            _bitmap(np.flatnonzero(hospital.days_lived >= _days(years)) + 1) & base
            for years in (_FROM, _BELOW)
        )

    def within_band(self, one: Question) -> BitMap:
        tag = self.tags
        found = tag[one.a - 1] & (tag[one.b - 1] | tag[one.c - 1])
        return (found - tag[one.d - 1]) & (self.old - self.too_old)

    def one_by_one(self, one: Question) -> BitMap:
        tag = self.tags
        found = tag[one.a - 1] & (tag[one.b - 1] | tag[one.c - 1])
        found &= self.old
        found -= tag[one.d - 1]
        found -= self.too_old
        return found


def _days(years: int) -> int:
    """Return how many days somebody has lived on the birthday."""
    return (TODAY - TODAY.replace(year=TODAY.year - years)).days


def _bitmap(ids: Any) -> BitMap:
    return BitMap(array("I", np.ascontiguousarray(ids, dtype=np.uint32).tobytes()))


def per_call(do: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return milliseconds of one call."""
    begun = time.perf_counter()
    for _ in range(repeats):
        do()
    return 1000 * (time.perf_counter() - begun) / repeats


def by_exists(one: Question) -> str:
    def borne(alias: str, *numbers: int) -> str:
        ids = ", ".join(str(number) for number in numbers)
        return (
            f"EXISTS (SELECT 1 FROM tag_assignment {alias} WHERE {alias}.patient_id = p.id"
            f" AND {alias}.tag_id IN ({ids}) AND {alias}.is_live = 1)"
        )

    born = [TODAY.replace(year=TODAY.year - years) for years in (_FROM, _BELOW)]
    return (
        f"SELECT COUNT(*) FROM patient p WHERE p.merged_into_id IS NULL AND p.deceased_at IS NULL"
        f" AND p.birth_date <= '{born[0]}' AND p.birth_date > '{born[1]}'"
        f" AND {borne('a', one.a)} AND {borne('b', one.b, one.c)} AND NOT {borne('d', one.d)}"
    )


def by_join(one: Question) -> str:
    """Begin with the bearers of the first tag, as its index has them."""
    exists = by_exists(one).split(" FROM patient p WHERE ", 1)[1]
    return (
        "SELECT COUNT(*) FROM tag_assignment t STRAIGHT_JOIN patient p ON p.id = t.patient_id"
        f" WHERE t.tag_id = {one.a} AND t.is_live = 1 AND {exists}"
    )


def sql_forms(session: Session, one: Question) -> dict[str, Any]:
    meant = matching(one.tree, _NOW, HOSPITAL, tag_tree(session)).subquery()
    return {
        "criteria": select(func.count()).select_from(meant),
        "exists": text(by_exists(one)),
        "join": text(by_join(one)),
    }


def ask_sql(one: Question, rounds: int) -> tuple[int, str, list[float]]:
    """Return the answer of the database, its best form, and the milliseconds of each round."""
    with unit_of_work() as session:
        forms = sql_forms(session, one)
        answers, first = set(), {}
        for name, form in forms.items():
            begun = time.perf_counter()
            answers.add(session.scalar(form))
            first[name] = time.perf_counter() - begun
        if len(answers) != 1:
            raise AssertionError(f"queries disagree: {answers}")
        best = min(first, key=lambda name: first[name])
        times = [per_call(lambda: session.scalar(forms[best]), 1) for _ in range(rounds)]
    return int(answers.pop() or 0), best, times


def compare_memory(
    live: LiveIndex, bare: Bare, asked: Sequence[Question], rounds: int
) -> list[dict[str, Any]]:
    """Ask ours and bare in turn; both must say the same as each other."""
    found = []
    forms = (bare.within_band, bare.one_by_one)

    def least(one: Question, use: Callable[[BitMap], object]) -> float:
        return min(per_call(lambda form=form: use(form(one))) for form in forms)  # type: ignore[misc]

    for one in asked:
        tree = one.tree
        expected = [len(form(one)) for form in forms]
        if live.count(tree, _NOW) != expected[0] or expected[0] != expected[1]:
            raise AssertionError(f"{live.count(tree, _NOW)} is not {expected}")

        def ours(tree: All = tree) -> dict[str, float]:
            return {
                "count_ms": per_call(lambda: live.count(tree, _NOW)),
                "ids_ms": per_call(lambda: _listed(live, tree)),
            }

        def plain(one: Question = one) -> dict[str, float]:
            return {"count_ms": least(one, len), "ids_ms": least(one, _array)}

        a, b = measuring.alternate(ours, plain, rounds)
        found.append(
            {
                "tags": [one.a, one.b, one.c, one.d],
                "patients": expected[0],
                "ours": _fine(a),
                "bare": _fine(b),
                "ratio_to_bare_bitmap": measuring.paired_ratio(a, b, "count_ms"),
                "ratio_of_ids_to_bare": measuring.paired_ratio(a, b, "ids_ms"),
            }
        )
    return found


def _array(bitmap: BitMap) -> Any:
    return np.asarray(bitmap.to_array(), dtype=np.uint64)


def _listed(live: LiveIndex, tree: All) -> Any:
    found = live.ids(tree, _NOW)
    if found is None:
        raise AssertionError("the index does not answer")
    return _array(found)


def _fine(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return medians and spread with the microseconds."""
    return {
        name: {
            "median": round(statistics.median(values), 4),
            "spread": [round(min(values), 4), round(max(values), 4)],
        }
        for name in rounds[0]
        for values in [[one[name] for one in rounds]]
    }


def freeze(live: LiveIndex, tree: All, rounds: int) -> dict[str, Any]:
    """Keep an audience from criteria to commit, against a bare bulk insert of the same ids."""
    rows = Table(
        "bare_audience", MetaData(), Column("audience_id", BigInteger, primary_key=True),
        Column("patient_id", BigInteger, primary_key=True),
    )  # fmt: skip
    with unit_of_work.begin() as session:
        rows.create(session.connection())
    bare_ids = _listed(live, tree).tolist()
    number = 0

    def ours() -> dict[str, float]:
        begun = time.perf_counter()
        with unit_of_work.begin() as session:
            audience = Audience(tree={}, taken_at=_NOW)
            persist(session, audience, _listed(live, tree))
        spent = 1000 * (time.perf_counter() - begun)
        with unit_of_work() as session:
            if read_ids(session, audience.id).tolist() != bare_ids:
                raise AssertionError("another audience was kept than was meant")
        return {"ms": spent}

    def bare() -> dict[str, float]:
        nonlocal number
        number += 1
        begun = time.perf_counter()
        with unit_of_work.begin() as session:
            session.execute(
                insert(rows), [{"audience_id": number, "patient_id": one} for one in bare_ids]
            )
        return {"ms": 1000 * (time.perf_counter() - begun)}

    a, b = measuring.alternate(ours, bare, rounds)
    return {
        "patients": len(bare_ids),
        "ours": measuring.medians(a),
        "bulk_insert": measuring.medians(b),
        "ratio_to_bulk_insert": measuring.paired_ratio(a, b, "ms"),
    }


# ----------------------------------------------------------------------------- other processes


class Viewer:
    """A process with an index of its own."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.segment_viewer", url, _TOGGLED], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.told: dict[str, float] = json.loads(self._line())

    def _line(self) -> str:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise AssertionError("a process with an index ended")
        return str(line)

    def look_for(self, count: int) -> None:
        pipe = _pipe(self._process.stdin)
        pipe.write(f"{count}\n")
        pipe.flush()

    def seen_at(self) -> float:
        return float(self._line())

    def end(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(30)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise AssertionError("no pipe")
    return pipe


@contextmanager
def viewers(url: str, count: int) -> Iterator[list[Viewer]]:
    started = [Viewer(url) for _ in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.end()


def starts(url: str, rounds: int) -> dict[str, Any]:
    """Start processes one after another: how long until the index answers, and what it holds."""
    told = []
    for _ in range(rounds):
        with viewers(url, 1) as (one,):
            told.append(one.told)
    return {
        "ms": [round(one["ms"], 1) for one in told],
        "mb": [round(one["mb"], 1) for one in told],
    }


def visible(url: str, rounds: int) -> list[float]:
    """Return after how many milliseconds of each commit the later of two processes saw it."""
    spent = []
    with viewers(url, 2) as both, unit_of_work() as session:
        count = int(both[0].told["count"])
        free = select(TagAssignment.patient_id).join(Tag).where(Tag.key == _TOGGLED)
        everyone = range(1, int(session.scalar(text("SELECT MAX(id) FROM patient")) or 0) + 1)
        taken = set(session.scalars(free))
        alive = set(
            session.scalars(text("SELECT id FROM patient WHERE deceased_at IS NULL LIMIT 10000"))
        )
        chosen = [one for one in everyone if one not in taken and one in alive][: rounds + 1]
        session.rollback()
        for patient in chosen:
            count += 1
            for one in both:
                one.look_for(count)
            time.sleep(0.13)  # not in step with anybody's clock
            session.add_all(
                [
                    TagAssignment(
                        patient_id=patient, tag_id=TAGS, source=TagSource.RULE, starts_at=_NOW
                    ),
                    Event.of("tag.assigned", _NOW, patient_id=patient, tag=_TOGGLED),
                ]
            )
            session.commit()
            committed = time.monotonic()
            spent.append(1000 * (max(one.seen_at() for one in both) - committed))
    return [round(one, 1) for one in spent[1:]]


# ----------------------------------------------------------------------------- the run


def options(arguments: Sequence[str] | None) -> tuple[measuring.Options, int]:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--patients", type=int, help="instead of 1,400,000 times the scale")
    given, rest = parser.parse_known_args(arguments)
    chosen = measuring.options(f"{__doc__} --patients N: a hospital of another size.", rest)
    return chosen, given.patients or int(_PATIENTS * chosen.scale)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen, patients = options(arguments)
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    hospital = invent(patients)
    with measuring.fresh_database() as url, tempfile.TemporaryDirectory() as name:
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        begun = time.monotonic()
        _give_memory(patients)
        write(url, hospital, Path(name))
        loading = time.monotonic() - begun
        result = measure(url, hospital, chosen.rounds)
        engine.dispose()
    measuring.finish(
        "segments",
        {
            **result,
            "sizes": {
                "patients": patients,
                "tags": TAGS,
                "assignments": sum(len(ids) for ids in hospital.bearers),
                "rounds": chosen.rounds,
                "load_seconds": round(loading, 1),
            },
            "targets": {
                "count_ms": 2, "ratio_to_bare_bitmap": 3, "ids_ms": 10,
                "ratio_to_bulk_insert": 2, "restart_ms": 2000, "visible_ms": 1000,
            },
            "machine": busyness.report(),
        },
    )  # fmt: skip


def _give_memory(patients: int) -> None:
    """Let the server keep its indexes in memory, as one of that size would."""
    megabytes = min(3072, max(128, patients // 400))
    with unit_of_work() as session:
        session.execute(text(f"SET GLOBAL innodb_buffer_pool_size = {megabytes << 20}"))


def measure(url: str, hospital: Hospital, rounds: int) -> dict[str, Any]:
    with unit_of_work.begin() as session:
        session.add(Event.of("patient.registered", _NOW, patient_id=1))
    begun = time.monotonic()
    with reading(unit_of_work) as session:
        index = build(session, lambda done, total: measuring.progress(f"built {done}/{total}"))
    build_seconds = time.monotonic() - begun
    begun = time.monotonic()
    with unit_of_work.begin() as session:
        kept = snapshot.save(session, index, _NOW)
    save_seconds = time.monotonic() - begun

    live = LiveIndex(unit_of_work, HOSPITAL)
    if not live.wait(300):
        raise AssertionError("no index came")
    asked = questions()
    memory = compare_memory(live, Bare(hospital), asked, rounds)
    for one, found in zip(asked, memory, strict=True):
        answer, form, times = ask_sql(one, rounds)
        if answer != found["patients"]:
            raise AssertionError(f"SQL says {answer}, the index {found['patients']}")
        found["sql"] = {
            "form": form,
            "median_ms": round(statistics.median(times), 1),
            "spread_ms": [round(min(times), 1), round(max(times), 1)],
        }
        found["ratio_to_sql"] = round(
            statistics.median(times) / found["ours"]["count_ms"]["median"], 1
        )
        measuring.progress(f"SQL by {form}: {found['sql']['median_ms']} ms, {answer} patients")
    audience = freeze(live, asked[0].tree, rounds)
    live.stop()
    started = starts(url, max(_STARTS, rounds) if rounds > 1 else 1)
    shown = visible(url, max(_STARTS, rounds) if rounds > 1 else 1)
    return {
        "count_ms": max(one["ours"]["count_ms"]["median"] for one in memory),
        "ids_ms": max(one["ours"]["ids_ms"]["median"] for one in memory),
        "materialise_ms": audience["ours"]["ms"]["median"],
        "ratio_to_bulk_insert": audience["ratio_to_bulk_insert"],
        "ratio_to_sql": [one["ratio_to_sql"] for one in memory],
        "ratio_to_bare_bitmap": max(one["ratio_to_bare_bitmap"] for one in memory),
        "build_seconds": round(build_seconds, 1),
        "restart_ms": round(statistics.median(started["ms"]), 1),
        "memory_mb": round(statistics.median(started["mb"]), 1),
        "visible_ms": round(statistics.median(shown), 1),
        "visible_ms_most": max(shown),
        "queries": memory,
        "audience": audience,
        "starts": started,
        "snapshot": {"bytes": kept.size, "save_seconds": round(save_seconds, 2)},
        "checks": {"patients_by_sql": [one["patients"] for one in memory]},
    }


if __name__ == "__main__":
    main()
