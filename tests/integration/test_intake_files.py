"""Files brought in by hand: in one process or several, interrupted, and line by line."""

import json
import multiprocessing
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.cli.import_hl7 import import_files, read_messages
from app.cli.import_workers import part_of
from app.database import unit_of_work
from app.integrations.hl7.envelope import split_messages
from app.models import (
    Appointment,
    Encounter,
    Immunization,
    InboundMessage,
    Observation,
    Patient,
    PatientIdentifier,
    RelatedPerson,
)
from app.models.profile.patient_index import head_of
from benchmarks.hospital_messages import hospital_messages
from tests.conftest import NOON, empty
from tests.integration.record_state import difference, record_state
from tests.unit.hl7.messages import message


def write(path: Path, count: int) -> Path:
    path.write_bytes(b"".join(islice(hospital_messages(7), count)))
    return path


def end(engine: Engine) -> Any:
    with Session(engine) as session:
        return record_state(session)


def bring(path: Path, processes: int | None = None) -> Any:
    return import_files(unit_of_work, [path], "his", None, lambda: NOON, processes=processes)


def test_a_file_read_in_pieces_yields_the_same_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "feed.hl7", 60)
    monkeypatch.setattr("app.cli.import_hl7._CHUNK", 1000)

    with path.open("rb") as file:
        pieces = list(read_messages(file))

    assert pieces == split_messages(path.read_bytes())
    assert len(pieces) == 60


def test_messages_of_one_patient_go_to_one_process() -> None:
    bodies = list(islice(hospital_messages(7), 80))
    patients: dict[bytes, set[int]] = {}
    for body in bodies:
        number = body.split(b"PID|1||", 1)[1].split(b"^", 1)[0]
        patients.setdefault(number, set()).add(part_of(body, 3))

    assert all(len(parts) == 1 for parts in patients.values())
    assert len(set.union(*patients.values())) > 1
    assert part_of(message(kind="ADT^A08"), 3) == 0


def test_two_processes_leave_the_record_that_one_leaves(mariadb: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.hl7", 700)
    assert bring(path, 1).is_clean
    clean = end(mariadb)
    empty(mariadb)

    report = bring(path, 2)

    assert (report.messages, report.processed) == (700, 700)
    shared = end(mariadb)
    assert shared == clean, difference(clean, shared)


def test_an_import_that_was_killed_is_finished_by_the_next(mariadb: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "feed.hl7", 700)
    bring(path)
    clean = end(mariadb)
    empty(mariadb)

    def die(done: int, total: int) -> None:
        os._exit(9)

    def import_and_die() -> None:
        mariadb.dispose(close=False)
        import_files(unit_of_work, [path], "his", None, lambda: NOON, die, processes=1)

    child = multiprocessing.get_context("fork").Process(target=import_and_die)
    child.start()
    child.join(60)
    with unit_of_work() as session:
        kept = session.scalar(select(func.count(InboundMessage.id))) or 0
    report = bring(path)

    assert child.exitcode == 9
    assert kept == 250, "one batch"
    assert (report.duplicates, report.stored) == (kept, 700 - kept)
    finished = end(mariadb)
    assert finished == clean, difference(clean, finished)


# --------------------------------------------------------------------------- line by line


class Told:
    """What the record says of a patient by their record number."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def patient(self, number: str) -> Patient:
        rows = self.session.scalars(select(PatientIdentifier).filter_by(type_code="MR"))
        (found,) = (row.patient for row in rows if row.value == number)
        return head_of(self.session, found)

    def results(self, number: str) -> dict[str | None, Observation]:
        current = select(Observation).filter_by(patient_id=self.patient(number).id, is_current=True)
        return {row.local_code: row for row in self.session.scalars(current)}


def _check_person(told: Told, expect: dict[str, Any]) -> None:
    person = told.patient(expect["patient_mr"])
    assert person.name == expect.get("name", person.name)
    assert person.phone == expect.get("phone", person.phone)
    assert person.address is not None or expect.get("address") != "unchanged"
    if "visit" in expect:
        stays = select(Encounter.visit_number).filter_by(patient_id=person.id)
        assert expect["visit"] in set(told.session.scalars(stays))
    if "vaccine" in expect:
        (given,) = told.session.scalars(select(Immunization).filter_by(patient_id=person.id))
        assert given.local_code == expect["vaccine"]
        assert given.occurred_on == date.fromisoformat(expect["dose_date"])
        (mother,) = told.session.scalars(select(RelatedPerson).filter_by(patient_id=person.id))
        assert mother.number == expect["mother_mr"]


def _check_results(told: Told, expect: dict[str, Any]) -> None:
    now = told.results("00100001")
    for code, value in expect["obs"].items():
        assert now[code].value == Decimal(str(value))
    if "status" in expect:
        assert now["K"].status == expect["status"]
    for code in expect.get("entered_in_error", ()):
        assert now[code].status == "entered-in-error"


def _check_quirks(told: Told, expect: dict[str, Any]) -> None:
    rows = told.session.scalars(select(Observation).filter_by(is_current=True))
    now = {(row.local_code or "").lower(): row for row in rows}
    assert now["wbc"].value == Decimal(str(expect["wbc"]))
    assert (now["plt"].value, now["plt"].unit) == (Decimal(expect["plt"]), expect["plt_unit"])
    for code in ("crp", "tnt"):
        assert now[code].comparator == expect[code]["comparator"]
        assert now[code].value == Decimal(str(expect[code]["value"]))
    assert now["hbg" if "hbg" in now else "hgb"].value is None
    assert now["sum"].text == expect["sum_text"]


def _check_merge(told: Told, expect: dict[str, Any]) -> None:
    assert told.patient(expect["retired"]).id == told.patient(expect["survivor"]).id


_CHECKS: dict[str, Callable[[Told, dict[str, Any]], None]] = {
    "patient_mr": _check_person,
    "obs": _check_results,
    "wbc": _check_quirks,
    "survivor": _check_merge,
}


@pytest.mark.shared
def test_every_line_of_the_chinese_specification_holds(database: Engine, shared_data: Path) -> None:
    folder = shared_data / "clinical/hl7v2/zh-own"
    lines = json.loads((folder / "expected.json").read_text())["messages"]
    checked = 0
    for line in lines:
        expect = line["expect"]
        charset = line["bytes_encoding"] if line["bytes_encoding"] != "utf-8" else None
        report = import_files(
            unit_of_work, [folder / line["file"]], "his", charset, lambda: NOON
        )  # fmt: skip
        with unit_of_work() as session:
            told = Told(session)
            for name, check in _CHECKS.items():
                if name in expect:
                    check(told, expect)
                    checked += 1
            if "final_status" in expect:
                statuses = session.scalars(select(Appointment.status)).all()
                assert statuses == [expect["final_status"]]
                checked += 1
        if expect.get("event") == "merge_conflict":
            assert report.held == {"merge-inverse": 1}
        elif expect.get("event") == "reject":
            assert report.rejected == {"self-merge": 1}
        else:
            assert report.is_clean, line["file"]
        assert report.duplicates == ("duplicate_of" in expect)
    assert checked == 15
