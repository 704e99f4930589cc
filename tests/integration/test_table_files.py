"""Files with rows through the operator's command line, and what the clock does with databases."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from pydantic import SecretStr
from sqlalchemy import Engine, func, select

from app import clock
from app.cli.commands import main
from app.database import unit_of_work
from app.domain.outreach.messaging import Outlets
from app.integrations.tables.sources import TableSources
from app.models import AuditEvent, InboundMessage, MedicationRequest, Patient, TableFeed
from app.settings import Tables, TableSource
from jobs.chores import Work
from jobs.table_feeds import reconcile_tables, sync_tables
from jobs.timetable import TIMETABLE
from tests.conftest import NOON, ROOT, SECRET_KEYS
from tests.integration.hospital_view import HospitalView, hospital, open_hospital
from tests.unit.tables.mappings import patients, results

__all__ = ["hospital", "open_hospital"]

MAPPING = ROOT / "docs" / "examples" / "tables" / "files.yaml"
HEADER = "医嘱号,病案号,药品编码,药品名称,状态,用法,剂量,剂量单位,频次,开单时间,开始时间,停止时间"
FIRST = "M1,0001,A10BA02,二甲双胍片,执行中,口服,0.5,g,BID,2026-05-01 08:00,2026/5/1,"
SECOND = "M2,0002,C08CA01,氨氯地平片,已停,口服,5,mg,QD,20260501080000,2026-05-01,2026-05-03"

Run = Callable[..., int]


@pytest.fixture
def run(database: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb on the test's database; returns the exit status."""
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)

    def running(*arguments: object) -> int:
        try:
            return main(["import", "table", *(str(one) for one in arguments)])
        finally:
            unit_of_work.configure(bind=database)

    return running


def medication(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    file = folder / "medication.csv"
    file.write_bytes("\r\n".join((HEADER, *rows, "")).encode(encoding))
    return file


def count(model: type[Any]) -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# ------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_file_becomes_a_record_and_a_second_time_nothing(
    encoding: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = medication(tmp_path, FIRST, SECOND, encoding=encoding)

    assert run(file, "--mapping", MAPPING) == 0
    assert "2 rows: 2 are new" in capsys.readouterr().out
    assert run(file, "--mapping", MAPPING) == 0
    assert "0 are new, 0 changed, 2 unchanged" in capsys.readouterr().out

    assert (count(InboundMessage), count(Patient), count(MedicationRequest)) == (2, 2, 2)
    with unit_of_work() as session:
        kept = session.scalars(select(MedicationRequest).filter_by(number="M1")).one()
        assert (kept.display, str(kept.dose.normalize()), kept.frequency) == (
            "二甲双胍片",
            "0.5",
            "BID",
        )
        audited = session.scalars(select(AuditEvent).filter_by(entity="table")).all()
        assert len(audited) == 2


def test_a_dry_run_keeps_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = medication(tmp_path, FIRST, SECOND)

    assert run(file, "--mapping", MAPPING, "--dry-run") == 0

    assert "2 rows: 2 would be new" in capsys.readouterr().out
    assert (count(InboundMessage), count(TableFeed)) == (0, 0)


def test_a_dry_run_after_an_import_tells_what_would_change(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(medication(tmp_path, FIRST), "--mapping", MAPPING)
    capsys.readouterr()

    run(
        medication(tmp_path, FIRST.replace("BID", "TID"), SECOND), "--mapping", MAPPING, "--dry-run"
    )

    assert "1 would be new, 1 changed, 0 unchanged" in capsys.readouterr().out


def test_one_bad_row_keeps_the_whole_file_out_and_every_bad_cell_is_named(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [
        SECOND.replace("已停", "暂停"),
        SECOND.replace("M2,0002", "M3,"),
        SECOND.replace("M2", "M4").replace(",5,mg", ",五,mg"),
        FIRST,
    ]
    file = medication(tmp_path, FIRST, *bad)
    report = tmp_path / "rejects.csv"

    assert run(file, "--mapping", MAPPING, "--rejects", report) == 1

    said = capsys.readouterr().err
    for line in (
        "row 3, column 状态: 这个值不在映射文件的对照表里",
        "row 4, column 病案号: 没有患者标识，无法确定是哪位患者。",
        "row 5, column 剂量: 不是数字",
        "row 6, column 医嘱号: 与前面的一行主键相同",
        "nothing was imported",
    ):
        assert line in said
    assert (count(InboundMessage), count(Patient)) == (0, 0)
    written = report.read_text("utf-8-sig")
    assert "3,状态,这个值不在映射文件的对照表里,xx" in written
    assert "暂停" not in said + written


def test_a_missing_column_is_named_once(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "medication.csv"
    file.write_text("医嘱号,病案号\nM1,1\nM2,2\n", "utf-8")

    assert run(file, "--mapping", MAPPING) == 1

    assert capsys.readouterr().err.count("column 药品编码: 表里没有这一列") == 1


def test_a_workbook_with_a_formula_is_refused_by_row_and_column(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Workbook()
    book.active.append(HEADER.split(","))
    book.active.append(FIRST.split(","))
    book.active.append(["=HYPERLINK(1)", *SECOND.split(",")[1:]])
    book.save(tmp_path / "medication.xlsx")

    assert run(tmp_path / "medication.xlsx", "--mapping", MAPPING) == 1

    assert "row 3, column 医嘱号: 是公式" in capsys.readouterr().err
    assert count(InboundMessage) == 0


def test_a_wrong_call_is_told_from_wrong_data(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = medication(tmp_path, FIRST)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(MAPPING.read_text("utf-8").replace("is: medication", "is: pill"), "utf-8")

    assert run() == 2
    assert run(file) == 2
    assert run(file, "--mapping", wrong) == 2
    assert "wrong.yaml:8: tables[0].is" in capsys.readouterr().err
    assert run(file, "--mapping", MAPPING, "--table", "bills") == 2
    assert run("--source", "nowhere") == 1
    assert "没有配置名为 nowhere 的数据库来源" in capsys.readouterr().err


# ---------------------------------------------------------------------------------- database


def mapping_file(folder: Path, product: str, closed: str = "[]") -> Path:
    """Write the mapping of the hospital's views as a file."""
    import json

    watermark: Any = "GXSJ"
    if product == "sqlite":
        watermark = {"column": "GXSJ", "format": "%Y-%m-%d %H:%M:%S"}
    tables = [patients(updated_at=watermark), results(updated_at=watermark)]
    content = {"source": "his", "issuer": "HIS", "tables": tables, "closed": json.loads(closed)}
    file = folder / "his.yaml"
    # JSON is YAML.
    file.write_text(json.dumps(content), "utf-8")
    return file


def work_on(view: HospitalView, folder: Path, closed: str = "[]") -> Work:
    source = TableSource(
        name="his",
        mapping=mapping_file(folder, view.writer.dialect.name, closed),
        url=SecretStr(view.url),
    )
    return Work(clock.HOSPITAL, Outlets(), TableSources(Tables(sources=(source,))))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.mark.usefixtures("now", "database")
def test_the_clock_reads_every_table_and_withdraws_at_night(
    hospital: HospitalView, tmp_path: Path
) -> None:
    work = work_on(hospital, tmp_path)
    hospital.patient("0001", NOON)
    hospital.results(range(1, 11), NOON)

    sync_tables(work, NOON)
    hospital.delete(3)
    reconcile_tables(work, NOON)

    assert count(InboundMessage) == 12
    with unit_of_work() as session:
        assert {one.name for one in session.scalars(select(TableFeed))} == {"patient", "lab_result"}


@pytest.mark.usefixtures("now", "database")
def test_the_clock_leaves_a_source_alone_in_its_closed_hours(
    hospital: HospitalView, tmp_path: Path
) -> None:
    hospital.result(1, NOON)

    sync_tables(work_on(hospital, tmp_path, '["11:00-13:00"]'), NOON)

    assert count(InboundMessage) == 0


@pytest.mark.usefixtures("now", "database")
def test_a_clock_that_is_to_end_reads_no_more(hospital: HospitalView, tmp_path: Path) -> None:
    work = work_on(hospital, tmp_path)
    hospital.result(1, NOON)
    work.stopping.set()

    sync_tables(work, NOON)

    assert count(InboundMessage) == 0


@pytest.mark.usefixtures("now", "database")
def test_one_source_that_is_away_does_not_keep_another_waiting(
    hospital: HospitalView, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = mapping_file(tmp_path, hospital.writer.dialect.name)
    away = tmp_path / "away.yaml"
    away.write_text(mapping.read_text("utf-8").replace('"his"', '"away"'), "utf-8")
    tables = Tables(
        sources=(
            TableSource(name="away", mapping=away, url=SecretStr("oracle+oracledb://u:p@db/x")),
            TableSource(name="his", mapping=mapping, url=SecretStr(hospital.url)),
        )
    )
    hospital.result(1, NOON)

    sync_tables(Work(clock.HOSPITAL, Outlets(), TableSources(tables)), NOON)

    assert count(InboundMessage) == 1
    assert "table_source_unavailable" in capsys.readouterr().err


def test_both_jobs_stand_in_the_timetable_away_from_the_crowded_minutes() -> None:
    jobs = {job.key: job for job in TIMETABLE}

    assert {"sync-tables", "reconcile-tables"} <= set(jobs)
    night = jobs["reconcile-tables"].trigger.get_next_fire_time(None, NOON)
    assert night is not None
    assert night.minute not in (0, 30)


def test_the_operator_reads_a_database_and_may_stop_it(
    run: Run,
    hospital: HospitalView,
    database: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mapping = mapping_file(tmp_path, hospital.writer.dialect.name)
    monkeypatch.setenv(
        "CARELOOP_TABLES__SOURCES",
        f'[{{"name": "his", "mapping": "{mapping}", "url": "{hospital.url}"}}]',
    )
    monkeypatch.setenv("CARELOOP_TABLES__PAGE_ROWS", "2")
    hospital.results(range(1, 401), clock.now() - timedelta(hours=1))

    assert run("--source", "his", "--table", "lab_result", "--dry-run") == 0
    assert "of the first 2 rows 2 would be new" in capsys.readouterr().out
    child = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "import", "table", "--source", "his"],
        cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while count(InboundMessage) < 10 and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=60)

    assert child.returncode == 1, said
    assert "goes on where this one stands" in said
    stopped_at = count(InboundMessage)
    assert 10 <= stopped_at < 400
    assert run("--source", "his") == 0
    assert count(InboundMessage) == 400
    assert f"{400 - stopped_at} new" in capsys.readouterr().out
    assert run("--source", "his", "--reconcile") == 0
