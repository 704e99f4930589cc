"""`import fhir` and `export fhir`, on files."""

import gzip
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.cli.export_fhir import export_people, export_person
from app.cli.frame import Failed
from app.cli.import_fhir import FhirReport, import_bodies
from app.database import unit_of_work
from app.integrations.feeds import Feeds
from app.integrations.fhir.checking import check
from app.integrations.fhir.json_text import dump, parse
from app.integrations.fhir.reader import Reader
from app.models import AuditEvent, InboundMessage, Patient
from app.services.exchange.export import BATCH, Choice
from tests.conftest import NOON, empty
from tests.integration import records
from tests.integration.fhir_exchange import BASE, content, tell
from tests.integration.random_messages import RandomMessages
from tests.integration.record_state import difference
from tests.unit.fhir.resources import bundle, patient, result, visit

EVERYBODY = Choice()


def bring(*paths: Path, source: str = "emr") -> FhirReport:
    return import_bodies(unit_of_work, paths, source, Feeds({"fhir": Reader()}), lambda: NOON)


def people() -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(Patient)) or 0


def write(path: Path, *resources: dict[str, Any]) -> Path:
    lines = "\n".join(dump(one) for one in resources)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    return path


def test_a_folder_of_every_kind_of_file_is_imported(database: Engine, tmp_path: Path) -> None:
    write(tmp_path / "a.json", bundle(patient("MR1"), result()))
    write(tmp_path / "b.ndjson", patient("MR2"), patient("MR3"))
    write(tmp_path / "c.json.gz", bundle(patient("MR4"), visit("V4")))
    (tmp_path / "notes.txt").write_text("no resource")

    report = bring(tmp_path)

    assert (report.bodies, report.stored, report.processed) == (4, 4, 4)
    assert people() == 4


def test_the_same_folder_again_only_counts(database: Engine, tmp_path: Path) -> None:
    write(tmp_path / "a.json", bundle(patient("MR1"), result()))

    bring(tmp_path)
    again = bring(tmp_path)

    assert (again.bodies, again.stored, again.rejected) == (1, 0, {})
    assert people() == 1


def test_what_is_wrong_is_kept_and_named_by_file_and_line(database: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "b.ndjson", patient("MR1"), result(status="fnial"), patient("MR2"))
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b"{}" * 999)[:-9])

    report = bring(tmp_path)

    assert report.rejected == {"invalid-resource: Observation.status code-invalid": 1}
    assert report.where == [f"rejected: {path}:2"]
    assert report.unreadable == [str(tmp_path / "cut.json.gz")]
    assert people() == 2
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(InboundMessage)) == 3


def test_one_person_leaves_as_one_file_that_only_we_may_read(
    database: Engine, tmp_path: Path
) -> None:
    bring(write(tmp_path / "a.json", bundle(patient(), visit(), result())))
    target = tmp_path / "out" / "one.json"

    export_person(unit_of_work, "HIS:MR0001", BASE, target, NOON)

    written = parse(target.read_bytes())
    assert check(written) == ()
    assert len(written["entry"]) == 3
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with unit_of_work() as session:
        trail = session.scalars(select(AuditEvent)).all()
        assert [(one.action, one.patient_id is not None) for one in trail] == [("export", True)]


@pytest.mark.parametrize("name", ["HIS:MR9", "nobody", "other:MR0001"])
def test_nobody_leaves_under_a_name_that_nobody_has(
    database: Engine, tmp_path: Path, name: str
) -> None:
    bring(write(tmp_path / "a.json", patient()))

    with pytest.raises(Failed):
        export_person(unit_of_work, name, BASE, tmp_path / "one.json", NOON)

    assert not (tmp_path / "one.json").exists()


def test_many_people_leave_as_files_that_come_back_alone(database: Engine, tmp_path: Path) -> None:
    messages = RandomMessages(7)
    with Session(database) as session:
        for number in range(BATCH + 3):
            tell(session, messages.message(), str(number))
        session.commit()
        before = content(session)

    count = export_people(unit_of_work, EVERYBODY, tmp_path / "all", lambda: NOON)

    assert count == BATCH + 3
    for file in (tmp_path / "all").iterdir():
        for line in file.read_bytes().splitlines():
            assert parse(line)["resourceType"] == file.stem
    empty(database)
    report = bring(tmp_path / "all", source="other")
    assert (report.rejected, report.held) == ({}, {})
    with Session(database) as session:
        after = content(session)
    assert after == before, difference(before, after)


def test_a_tag_and_a_department_choose_who_leaves(database: Engine, tmp_path: Path) -> None:
    bring(write(tmp_path / "a.ndjson", *(patient(f"MR{n}") for n in range(4))))
    with unit_of_work.begin() as session:
        first, second, third, last = session.scalars(select(Patient).order_by(Patient.id))
        keys = [one.id for one in (first, second, third, last)]
        records.tag(session, first, "diabetes")
        records.tag(session, second, "diabetes").is_live = None
        first.department_code = third.department_code = "NFM"

    def count(name: str, choice: Choice) -> int:
        return export_people(unit_of_work, choice, tmp_path / name, lambda: NOON)

    assert count("tagged", Choice(tag="diabetes")) == 1
    assert count("there", Choice(department="NFM")) == 2
    assert count("both", Choice(tag="diabetes", department="NFM")) == 1
    assert count("none", Choice(department="XXX")) == 0
    assert count("named", Choice(among=keys[1:3])) == 2
    # Whoever was merged meanwhile leaves with the record that speaks for them, or not at all.
    with unit_of_work.begin() as session:
        session.get_one(Patient, keys[0]).merged_into_id = keys[3]
    assert count("apart", Choice(among=keys[:2])) == 1
    assert not (tmp_path / "none").exists()
    with pytest.raises(Failed):
        count("no-such", Choice(tag="no-such"))


def test_what_an_interrupted_export_left_is_thrown_away(database: Engine, tmp_path: Path) -> None:
    bring(write(tmp_path / "a.json", patient()))
    left = tmp_path / "all.part"
    left.mkdir()
    (left / "Patient.ndjson").write_text("half a line")

    assert export_people(unit_of_work, EVERYBODY, tmp_path / "all", lambda: NOON) == 1

    (line,) = (tmp_path / "all" / "Patient.ndjson").read_text().splitlines()
    assert json.loads(line)["identifier"][0]["value"] == "MR0001"
    assert not left.exists()


@pytest.mark.shared
def test_the_examples_of_the_standard_are_taken_or_refused_with_a_reason(
    database: Engine, shared_data: Path
) -> None:
    report = bring(shared_data / "clinical" / "fhir" / "r4-examples")

    assert report.bodies == 201
    # The examples are no one hospital: a dozen patients share one "Encounter/example".
    assert set(report.held) == {"visit-of-another-patient"}
    refused = {reason.partition(":")[0] for reason in report.rejected}
    assert refused == {"unsupported-type", "no-patient-identifier"}
    assert report.processed == 201 - report.rejected.total() - report.held.total()
    assert report.processed > 80
