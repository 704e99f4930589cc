"""Each message, task and alert of three months with a pack: on its day, at its minute, no other."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app import clock
from app.database import unit_of_work
from tests.conftest import ROOT, empty
from tests.lives.hospital import open_hospital
from tests.lives.life import Life
from tests.lives.script import SCRIPTS, read_script
from tests.standin.support import Platform, configuration, started

PAGES = ["pages/today/index", "pages/task/index", "pages/inbox/index"]
JOURNALS = ROOT / "docs" / "packs" / "lives"
# A life of three months takes some 20 seconds of a core: without CARELOOP_LIFE_DAYS=92, or more
# for what lasts longer, the first days of one plan of each pack must do.
ASKED = os.environ.get("CARELOOP_LIFE_DAYS")
DAYS = int(ASKED or "5")
LIVED = [path for path in sorted(SCRIPTS.glob("*.yaml")) if ASKED or "--" not in path.stem]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The stand-in, which knows the pages of the mini-program and pushes nothing back."""
    told = configuration("")
    told["mini_programs"][0]["pages"] = PAGES
    for group in ("mini_programs", "official_accounts"):
        for one in told[group]:
            one.pop("callback_url", None)
    for one in told["corps"][0]["agents"]:
        one.pop("callback_url", None)
    path = tmp_path_factory.mktemp("standin") / "config.json"
    path.write_text(json.dumps(told))
    with started(path) as platform:
        yield platform


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", LIVED, ids=lambda one: one.stem)
def test_three_months_are_as_their_calendar_says(
    path: Path,
    sqlite_engine: Engine,
    standin: Platform,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    standin.control("/reset")
    unit_of_work.configure(bind=sqlite_engine)
    script = read_script(path)
    hands: list[datetime] = [script.begins_at]
    monkeypatch.setattr(clock, "now", lambda: hands[0])
    days = min(DAYS, script.days)
    try:
        told = Life(open_hospital(standin, script), script, hands).live(days)
    finally:
        empty(sqlite_engine)

    journal = JOURNALS / f"{script.name}.md"
    if os.environ.get("CARELOOP_WRITE_LIVES"):
        journal.parent.mkdir(exist_ok=True, parents=True)
        journal.write_text("\n".join(told) + "\n")
    assert told == journal.read_text().splitlines()[: len(told)]
    assert days < script.days or len(told) == len(journal.read_text().splitlines())
