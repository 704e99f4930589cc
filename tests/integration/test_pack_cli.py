"""`pack install` of a pack that is signed before its first day."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app import clock
from app.cli.commands import main
from app.database import unit_of_work
from app.models import Pack, PlanDefinition, PublicationStatus
from jobs import chores
from tests.conftest import NOON, ROOT, SECRET_KEYS
from tests.integration.ward import WORK

DAY = timedelta(days=1)
NAME = "t2dm-after-discharge"


@pytest.fixture
def hands(database: Engine, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The operator's shell, and a clock that stands at noon until a test moves it."""
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)
    found = [NOON]
    monkeypatch.setattr(clock, "now", lambda: found[0])
    return found


def written(folder: Path, version: str, effective_from: str) -> str:
    """Return a folder with another version of a pack we ship."""
    shutil.copytree(ROOT / "packs" / NAME, folder)
    head = folder / "pack.yaml"
    lines = [
        f'version: "{version}"' if line.startswith("version:")
        else f'effective_from: "{effective_from}"' if line.startswith("effective_from:")
        else line
        for line in head.read_text("utf-8").splitlines()
    ]  # fmt: skip
    head.write_text("\n".join(lines), "utf-8")
    return str(folder)


def sign(database: Engine, folder: str) -> None:
    assert main(["pack", "install", folder, "--approver", "演示主任"]) == 0
    unit_of_work.configure(bind=database)


def in_force() -> list[str]:
    with unit_of_work.begin() as session:
        query = select(Pack.version).where(Pack.status == PublicationStatus.ACTIVE)
        return list(session.scalars(query))


def test_a_pack_signed_for_a_day_to_come_is_in_force_from_that_day(
    database: Engine, hands: list[datetime], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = written(tmp_path / "now", "8.0.0", "2026-01-01")
    later = written(tmp_path / "later", "8.1.0", "2026-05-07")
    for folder in (now, later, later):
        sign(database, folder)
    assert capsys.readouterr().out.splitlines() == [
        "installed", "signed, in force from 2026-05-07", "there already",
    ]  # fmt: skip
    for days, version in ((0, "8.0.0"), (2, "8.0.0"), (3, "8.1.0"), (4, "8.1.0")):
        hands[0] = NOON + days * DAY
        chores.bring_packs_into_force(WORK, hands[0])
        assert in_force() == [version], days
    with unit_of_work.begin() as session:
        pack = session.scalars(select(Pack).filter_by(version="8.1.0")).one()
        assert (pack.approved_by, pack.installed_at) == ("演示主任", NOON + 3 * DAY)
        plans = select(PlanDefinition).filter_by(status=PublicationStatus.ACTIVE)
        assert session.scalars(plans).first() is not None


def test_what_was_put_into_force_since_the_signature_holds(
    database: Engine, hands: list[datetime], tmp_path: Path
) -> None:
    later = written(tmp_path / "later", "8.0.0", "2026-05-07")
    sign(database, later)
    hands[0] = NOON + DAY
    corrected = written(tmp_path / "corrected", "8.0.1", "2026-01-01")
    sign(database, corrected)

    chores.bring_packs_into_force(WORK, NOON + 5 * DAY)

    assert in_force() == ["8.0.1"]
