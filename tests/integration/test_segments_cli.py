"""The verbs for segments: listed, counted, explained and frozen from the command line."""

import io
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.cli.commands import main
from app.database import unit_of_work
from app.models import Audience, AuditEvent
from app.services.segments.segment_library import Draft, save_segment
from tests.conftest import SECRET_KEYS
from tests.integration.segment_ward import DIABETIC, OVER_60, fill


@pytest.fixture
def cli(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))
    now = clock.now()
    with unit_of_work.begin() as session:
        ward = fill(session, now)
        for name, tree in (("高龄", OVER_60), ("糖尿病", DIABETIC)):
            save_segment(session, Draft(name, tree, ward.team.public_id), ward.doctor, now)


pytestmark = pytest.mark.usefixtures("cli")


def test_segments_are_listed_and_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["segments", "list"]) == 0
    assert "年龄≥60岁" in capsys.readouterr().out
    assert main(["segments", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in rows} == {"高龄", "糖尿病"}

    assert main(["segments", "count", rows[0]["id"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 2
    file = tmp_path / "tree.json"
    file.write_text(json.dumps({"all": [OVER_60, DIABETIC]}))
    assert main(["segments", "count", "--tree", str(file)]) == 0
    assert capsys.readouterr().out.startswith("1  ")


def test_whom_a_segment_means_leaves_as_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    assert main(["export", "fhir", "--segment", "高龄", "--to", str(folder)]) == 0
    people = [json.loads(one) for one in (folder / "Patient.ndjson").read_text().splitlines()]
    assert len(people) == 2
    year = clock.today().year
    assert all(year - int(one["birthDate"][:4]) >= 60 for one in people)
    with unit_of_work.begin() as session:
        noted = session.scalars(select(AuditEvent).filter_by(action="export")).all()
        assert len({one.patient_id for one in noted}) == 2

    assert main(["export", "fhir", "--segment", "没有", "--to", str(tmp_path / "none")]) != 0
    assert "没有这个人群" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_why_is_told_and_noted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("A0012345\n"))
    assert main(["segments", "why", "-", "高龄"]) == 0
    told = capsys.readouterr().out
    assert "欧**示  在" in told
    assert "✓ 年龄≥60岁（" in told
    with unit_of_work.begin() as session:
        (event,) = session.scalars(select(AuditEvent).filter_by(entity="segment-why"))
        assert (event.actor_kind, event.action) == ("operator", "read")


def test_a_list_is_frozen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segments", "freeze", "高龄"]) == 0

    public_id, size = capsys.readouterr().out.split()
    with unit_of_work.begin() as session:
        audience = session.scalars(select(Audience).filter_by(public_id=public_id)).one()
        assert (audience.size, size) == (2, "2")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["count", "没有"], 1),
        (["count"], 2),
        (["why", "nobody", "高龄"], 1),
        (["freeze", "没有"], 1),
        (["count", "--tree", "{tmp}/none.json"], 2),
        (["count", "--tree", "{tmp}/bad.json"], 1),
        (["count", "--tree", "{tmp}/wrong.json"], 1),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], status: int
) -> None:
    (tmp_path / "bad.json").write_bytes(b"\xff{")
    (tmp_path / "wrong.json").write_text('{"age": {"op": ">=", "years": "60"}}')

    assert main(["segments", *(one.format(tmp=tmp_path) for one in arguments)]) == status
    told = capsys.readouterr().err
    assert told
    assert "Traceback" not in told
