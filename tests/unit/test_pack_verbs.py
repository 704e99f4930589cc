"""`python -m app.cli pack check|calendar`: needs no database, and says where something is wrong."""

import shutil
from pathlib import Path

import pytest

from app.cli.commands import main
from app.cli.packs import MARKER
from tests.conftest import ROOT

SHIPPED = ROOT / "packs" / "t2dm-after-discharge"


def test_a_pack_is_checked_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(SHIPPED, folder)
    assert main(["pack", "check", str(folder)]) == 0
    assert "d2-glucose-very-low  重度：1天内最近一次血糖＜3.0 mmol/L" in capsys.readouterr().out
    rules = folder / "rules.yaml"
    rules.write_text(rules.read_text("utf-8").replace("unit: mmol/L", "unit: mg/dL", 1), "utf-8")
    assert main(["pack", "check", str(folder)]) == 1
    told = capsys.readouterr().err
    assert "rules[0].condition.all[0].latest.unit: must be mmol/L" in told
    assert main(["pack", "calendar", str(folder)]) == 1


def test_a_document_keeps_what_people_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.md"
    file.write_text("# 说明\n", "utf-8")
    into = ["pack", "calendar", str(SHIPPED), "--anchor", "2026-12-30", "--into", str(file)]
    assert main(into) == 1
    assert "has no line" in capsys.readouterr().err
    file.write_text(f"# 说明\n\n{MARKER}\nold\n", "utf-8")
    assert main(into) == 0
    told = file.read_text("utf-8")
    assert told.startswith(f"# 说明\n\n{MARKER}\n\n以 2026-12-30 周三")
    assert "old" not in told
    assert "| 12 | 2027-01-11 周一 | 09:00 | 复诊 | 出院两周复诊 |" in told
