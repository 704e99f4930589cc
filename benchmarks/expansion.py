"""How long the calendars of a day take to fill, against one bare bulk insert of the same rows.

A tenth of all patients is on one of twelve plans with eight actions each, begun over the last
weeks. Each round is a day: the clock's own chore fills what runs short; the rows it made are taken
out again and put back by a plain bulk insert. A second run of the chore must insert nothing.
--patients N: instead of 100,000 times the scale; 1400000 is the size that counts.
"""

import argparse
import base64
import os
import random
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import MetaData, delete, func, insert, select, text
from sqlalchemy.orm import Session

from app import encryption
from app.clock import HOSPITAL
from app.database import make_engine, new_public_id, unit_of_work
from app.domain.outreach.messaging import Outlets
from app.domain.plans.plan import parse_plan
from app.domain.plans.plan_schedule import timing_revision
from app.models import CarePlan, CareTeam, Patient, PlanAction, PlanDefinition, Task
from benchmarks import measuring
from jobs import chores
from tests.conftest import SECRET_KEY

_PATIENTS: Final = 100_000
_PLANS: Final = 12
_FIRST_DAY: Final = date(2026, 5, 4)
_LENGTH: Final = 90  # days of a plan
_DAYS_TO_FILL: Final = 7  # each plan is filled again after so many days
_AT_ONCE: Final = 20_000
_CHANCE: Final = random.Random(measuring.SEED)
_TAKEN: Final = Task.metadata.tables[Task.__tablename__].to_metadata(MetaData(), name="taken_out")
_TASKS: Final = Task.metadata.tables[Task.__tablename__]
_CARE_PLANS: Final = CarePlan.metadata.tables[CarePlan.__tablename__]


def _action(key: str, kind: str, start: str, **more: Any) -> dict[str, Any]:
    timing = {"start": start, "at": "09:00", "due_after": "PT4H", "expires_after": "PT10H"}
    for name in {"every", "until", "rule", "on_free_day"} & more.keys():
        timing[name] = more.pop(name)
    return {"key": key, "kind": kind, "title": key, "timing": timing, **more}


def plan(number: int) -> dict[str, Any]:
    """Return one plan: two things a day, three a week, the rest now and then."""
    until = f"P{_LENGTH}D"
    return {
        "key": f"plan-{number}", "version": 1, "name": f"方案{number}", "anchor": "discharge",
        "actions": [
            _action("glucose", "measurement", "P1D", every="P1D", until=until, code="15074-8"),
            _action("medicine", "medication-reminder", "P1D", every="P1D", until=until),
            _action("weigh", "reminder", "P1D", rule="FREQ=WEEKLY;BYDAY=MO,TH", until=until),
            _action("form", "reminder", "P7D", every="P1W", until=until),
            _action("call", "staff-task", "P3D", every="P1M", until=until, on_free_day="next"),
            _action("read", "reminder", "P2D"),
            _action("revisit", "revisit", "P84D", on_free_day="next"),
            _action("ask", "reminder", "P10D", every="P10D", until=until),
        ],
    }  # fmt: skip


class Hospital:
    """Patients and their plans; the clock's chore and the bare insert work on the same tables."""

    def __init__(self, patients: int) -> None:
        self.plans = patients // 10
        self.work = chores.Work(HOSPITAL, Outlets())
        self.now = _noon(_FIRST_DAY)
        with unit_of_work.begin() as session:
            team = CareTeam(name="演示团队", created_at=self.now)
            session.add(team)
            definitions = [_install(session, number) for number in range(_PLANS)]
            session.flush()
            self.team = team.id
            self.definitions = [row.id for row in definitions]
        for start in range(0, patients, _AT_ONCE):
            self._admit(start, min(patients, start + _AT_ONCE))
        self._check()
        self.growth = 0.0

    def _admit(self, start: int, end: int) -> None:
        with unit_of_work.begin() as session:
            session.execute(
                insert(Patient.metadata.tables["patient"]),
                [
                    {"id": one + 1, "public_id": f"p{one}", "created_at": self.now,
                     "updated_at": self.now, **_BARE}
                    for one in range(start, end)
                ],
            )  # fmt: skip
            session.execute(insert(_CARE_PLANS), [self._plan(one) for one in range(start, end, 10)])

    def _plan(self, patient: int) -> dict[str, Any]:
        which = _CHANCE.randrange(_PLANS)
        begun = _FIRST_DAY - timedelta(days=_CHANCE.randrange(60))
        return {
            "public_id": new_public_id(), "patient_id": patient + 1,
            "plan_definition_id": self.definitions[which], "plan_key": f"plan-{which}",
            "care_team_id": self.team, "status": "active", "is_open": True, "anchor_on": begun,
            "created_at": self.now,
            # As if filled on one of the last days: each day a seventh runs short.
            "expanded_until": _midnight(_FIRST_DAY + timedelta(days=_CHANCE.randrange(7, 14))),
        }  # fmt: skip

    def _check(self) -> None:
        with unit_of_work() as session:
            found = session.scalar(select(func.count()).select_from(CarePlan))
        if found != self.plans:
            raise AssertionError(f"{found} plans were written, not {self.plans}")

    def ours(self) -> dict[str, float]:
        """Let a day begin; return what its filling took, and check that it was the whole of it."""
        self.now += timedelta(days=1)
        due = self._due()
        before, begun = held(), time.perf_counter()
        chores.expand_plans(self.work, self.now)
        spent = time.perf_counter() - begun
        self.growth = max(self.growth, held() - before)
        rows = self._made()
        begun = time.perf_counter()
        chores.expand_plans(self.work, self.now)
        again = time.perf_counter() - begun
        if self._made() != rows or self._due() or not rows:
            raise AssertionError("a second run found something to do")
        return {
            "seconds": spent, "rows": float(rows), "plans": float(due),
            "per_second": rows / spent, "again_ms": 1000 * again,
        }  # fmt: skip

    def bare(self) -> dict[str, float]:
        """Take the day's rows out and put them back by a plain bulk insert in one transaction."""
        rows, spent = self._made(), 0.0
        self._take_out()
        last, batch = 0, self._taken(0)
        with unit_of_work.begin() as session:
            while batch:
                last = batch[-1]["id"]
                begun = time.perf_counter()
                session.execute(insert(_TASKS), batch)
                spent += time.perf_counter() - begun
                batch = self._taken(last)
            begun = time.perf_counter()
            session.commit()
            spent += time.perf_counter() - begun
        if self._made() != rows:
            raise AssertionError("other rows were put back than were taken out")
        return {"seconds": spent, "rows": float(rows), "per_second": rows / spent}

    def _take_out(self) -> None:
        """Move the day's rows aside, some a transaction: a day of all patients is 400,000 rows."""
        names = [column.name for column in _TASKS.columns]
        with unit_of_work.begin() as session:
            session.execute(text("DROP TABLE IF EXISTS taken_out"))
            session.execute(text("CREATE TABLE taken_out LIKE task"))
            today = _TASKS.c.created_at == self.now
            ids = select(func.min(_TASKS.c.id), func.max(_TASKS.c.id)).where(today)
            first, last = session.execute(ids).one()
        for start in range(first, last + 1, _AT_ONCE):
            made = today & _TASKS.c.id.between(start, start + _AT_ONCE - 1)
            with unit_of_work.begin() as session:
                session.execute(insert(_TAKEN).from_select(names, select(_TASKS).where(made)))
                session.execute(delete(_TASKS).where(made))

    def _taken(self, after: int) -> list[dict[str, Any]]:
        """Return the next rows, read beside the transaction that puts them back."""
        page = select(_TAKEN).where(_TAKEN.c.id > after).order_by(_TAKEN.c.id).limit(_AT_ONCE)
        with unit_of_work() as session:
            return [dict(row) for row in session.execute(page).mappings()]

    def _due(self) -> int:
        with unit_of_work() as session:
            short = CarePlan.expanded_until < self.now + timedelta(days=_DAYS_TO_FILL)
            found = session.scalar(select(func.count()).select_from(CarePlan).where(short))
        return found or 0

    def _made(self) -> int:
        with unit_of_work() as session:
            query = select(func.count()).select_from(Task).where(Task.created_at == self.now)
            return session.scalar(query) or 0


_BARE: Final[dict[str, Any]] = {"gender": "unknown"}


def _install(session: Session, number: int) -> PlanDefinition:
    told = plan(number)
    parsed = parse_plan(told)
    row = PlanDefinition(
        key=parsed.key, version=1, status="active", title=parsed.name, anchor="discharge",
        definition=told,
    )  # fmt: skip
    row.actions = [
        PlanAction(
            key=one.key, kind=one.kind, title=one.title, timing_revision=timing_revision(one),
            basis=one.timing.basis.value, definition=definition,
        )
        for one, definition in zip(parsed.actions, told["actions"], strict=True)
    ]  # fmt: skip
    session.add(row)
    return row


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=HOSPITAL).astimezone(UTC)


def held() -> float:
    """Return how much memory this process holds, in MB."""
    told = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
        if ":" in line
    )
    return int(told["VmRSS"].split()[0]) / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--patients", type=int)
    given, rest = own.parse_known_args(arguments)
    chosen = measuring.options(str(__doc__), rest)
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    patients = given.patients or max(2_000, int(_PATIENTS * chosen.scale))
    with measuring.fresh_database() as url:
        engine = make_engine(url)
        unit_of_work.configure(bind=engine)
        hospital = Hospital(patients)
        before = held()
        measuring.progress(f"{hospital.plans} plans of {patients} patients")
        ours, bare = measuring.alternate(hospital.ours, hospital.bare, chosen.rounds)
        engine.dispose()
    ratio = measuring.paired_ratio(ours, bare, "seconds")
    measuring.finish(
        "expansion",
        {
            "ratio": ratio,
            "ratio_to_bulk_insert": ratio,
            "target": 1.5,
            "ours": measuring.medians(ours),
            "bare": measuring.medians(bare),
            "checks": {"inserted_by_second_run": 0, "touched_only": "what ran short"},
            "memory": {"before_mb": round(before, 1), "most_grown_mb": round(hospital.growth, 1)},
            "sizes": {"patients": patients, "plans": hospital.plans, "actions": 8},
            "machine": busyness.report(),
        },
    )


if __name__ == "__main__":
    main()
