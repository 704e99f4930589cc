"""`python -m app.cli calendar …`: a year of days off, and where a plan's task then falls."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.cli.commands import main
from app.clock import HOSPITAL
from app.database import unit_of_work
from app.models import AuditEvent, PlanAction, Task
from app.services.plans import plan_expansion
from tests import factories
from tests.conftest import NOON, ROOT, SECRET_KEYS

YEAR = ROOT / "docs" / "examples" / "calendar-2026.yaml"


def test_a_task_on_a_holiday_waits_for_the_next_working_day(
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CARELOOP_SECRET_KEYS", SECRET_KEYS)
    url = database.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", url)

    # A second load of the year replaces the first.
    for _ in range(2):
        assert main(["calendar", "load", str(YEAR)]) == 0
    assert main(["calendar", "list", "2026"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("free") == 33
    assert "2026-05-09  worked" in listed
    wrong = tmp_path / "wrong.yaml"
    shutil.copy(YEAR, wrong)
    wrong.write_text(wrong.read_text("utf-8").replace("year: 2026", "year: 2027"), "utf-8")
    assert main(["calendar", "load", str(wrong)]) == 1

    unit_of_work.configure(bind=database)
    with unit_of_work.begin() as session:
        assert len(session.scalars(select(AuditEvent.id).filter_by(entity="calendar")).all()) == 2
        someone, team = factories.patient(session), factories.care_team(session)
        plan = factories.care_plan(session, someone, team)
        session.add(
            PlanAction(
                plan_definition_id=plan.plan_definition_id, key="call", kind="staff-task",
                title="电话随访", timing_revision="1",
                definition={
                    "key": "call", "kind": "staff-task", "title": "电话随访",
                    "timing": {
                        "start": "P4D", "at": "09:00", "due_after": "PT8H",
                        "expires_after": "P2D", "on_free_day": "next",
                    },
                },
            )
        )  # fmt: skip
    with unit_of_work.begin() as session:
        plan_expansion.expand_plans(session, NOON, HOSPITAL)
        task = session.scalars(select(Task)).one()
    # The plan's day 4 is 5 May 2026, the last day of the holiday.
    assert task.slot == "call/2026-05-05"
    assert task.starts_at == datetime(2026, 5, 6, 9, tzinfo=HOSPITAL)
    assert task.ends_at - task.starts_at == timedelta(days=2)
