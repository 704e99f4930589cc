"""`python -m app.cli duty …`: a roster from a file, who answers now, and off it again."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import clock
from app.domain.staff.alert_clock import Responder
from app.models import AuditEvent, DutyShift
from tests import factories
from tests.integration.verbs import Verb


@pytest.fixture
def run(verb: Verb) -> Verb:
    return partial(verb, "duty")


def test_a_roster_is_loaded_whole_or_not_at_all(
    run: Verb, database: Engine, tmp_path: Path
) -> None:
    with Session(database) as session:
        team = factories.care_team(session, "心内科组")
        factories.practitioner(
            session, "doctor-he", name="何", teams=[team], responder=Responder.ATTENDING_DOCTOR
        )
        factories.practitioner(session, "stranger", name="外")
        session.commit()
    today = clock.now().astimezone(clock.HOSPITAL)
    starts, ends = (f"{today + timedelta(hours=n):%Y-%m-%dT%H:%M}" for n in (-1, 11))
    good = f"心内科组,Doctor-He,deputy-doctor,{starts},{ends}\n"
    file = tmp_path / "roster.csv"

    def load(*rows: str) -> tuple[int, str, str]:
        file.write_text("team,userid,role,starts,ends\n" + "".join(rows), encoding="utf-8")
        return run("load", str(file))

    for wrong, told in (
        (f"心内科组,stranger,deputy-doctor,{starts},{ends}\n", "这个人不在团队里"),
        (f"没有这组,doctor-he,deputy-doctor,{starts},{ends}\n", "there is no team"),
        (f"心内科组,doctor-he,chief,{starts},{ends}\n", "chief is not one of"),
        (f"心内科组,doctor-he,deputy-doctor,{starts},later\n", "later is not a time"),
    ):
        status, _, problem = load(good, wrong)
        assert (status, told in problem, ":3:" in problem) == (1, True, True)
    assert load(good, good) == (0, "2 shifts", "")

    _, told, _ = run("now")
    assert "心内科组  deputy-doctor     doctor-he" in told
    assert "心内科组  head-nurse        nobody" in told
    with Session(database) as session:
        (shift,) = session.scalars(select(DutyShift))
    assert run("cancel", shift.public_id)[0] == 0
    assert "deputy-doctor     nobody" in run("now")[1]
    assert run("cancel", "unknown")[0] == 1
    with Session(database) as session:
        written = session.scalar(select(func.count()).where(AuditEvent.entity == "duty-shift"))
    assert written == 2
