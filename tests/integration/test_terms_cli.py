"""The verbs for words: listed, mapped, ignored, loaded and exported from the command line."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.cli.commands import main
from app.database import unit_of_work
from app.domain.intake.terminology import Unmapped
from app.models import ConceptMapping, TermKind, UnmappedTerm
from app.models.intake.vocabulary import note_unmapped
from tests.conftest import ROOT, SECRET_KEYS

LABORATORY = str(ROOT / "packs" / "terminology" / "laboratory.yaml")


@pytest.fixture
def cli(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database.url.render_as_string(hide_password=False))
    assert os.environ["CARELOOP_DATABASE_URL"]
    with unit_of_work.begin() as session:
        found = [Unmapped(TermKind.OBSERVATION, code, name, "mmol/L") for code, name in
                 (("1001", "血清钾"), ("NA", "钠"), ("1003", "某项"))]  # fmt: skip
        note_unmapped(session, "hl7:his", found, clock.now())


def mapped(code: str) -> str | None:
    with unit_of_work.begin() as session:
        return session.scalar(select(ConceptMapping.target_code).filter_by(source="his", code=code))


@pytest.mark.usefixtures("cli")
def test_terms_are_listed_with_suggestions_and_mapped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["terms", "list"]) == 0
    listed = capsys.readouterr().out
    assert "? 2823-3 钾: 名称“血清钾”相同；单位可以换算" in listed

    assert main(["terms", "map", "hl7:his", "observation", "1001", "2823-3"]) == 0
    assert "1001 = 2823-3: 0 messages" in capsys.readouterr().out
    assert mapped("1001") == "2823-3"


@pytest.mark.usefixtures("cli")
def test_a_wrong_code_or_term_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["terms", "map", "his", "observation", "1001", "2823-4"]) == 1
    assert "校验码" in capsys.readouterr().err
    assert main(["terms", "ignore", "his", "observation", "none"]) == 1
    assert main(["terms", "map", "his", "nonsense", "1001", "2823-3"]) == 2


@pytest.mark.usefixtures("cli")
def test_a_file_is_loaded_once_and_what_is_exported_loads_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["terms", "load", LABORATORY]) == 0
    assert "1 open terms explained" in capsys.readouterr().out
    assert (
        main(["terms", "map", "his", "observation", "1003", "2951-2", "--from", "2026-01-01"]) == 0
    )
    assert main(["terms", "ignore", "his", "observation", "1001"]) == 0
    capsys.readouterr()

    assert main(["terms", "export"]) == 0
    file = tmp_path / "all.yaml"
    file.write_text(capsys.readouterr().out, "utf-8")
    assert main(["terms", "load", str(file)]) == 0
    assert capsys.readouterr().out.startswith("0 new")
    with unit_of_work.begin() as session:
        left = session.scalars(select(UnmappedTerm.code).filter_by(status="open")).all()
    assert left == []


@pytest.mark.usefixtures("cli")
def test_a_bad_file_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "source: his\nkind: observation\n"
        "terms: [{code: NA, target: 2951-2}, {code: K, target: 2823-4}]\n",
        "utf-8",
    )

    assert main(["terms", "load", str(file)]) == 1
    assert "term 2 (K)" in capsys.readouterr().err
    assert mapped("NA") is None
