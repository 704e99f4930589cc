"""What a nurse waits for: the whole snapshot of a patient with five years of data.

`read_snapshot` (who, needs, tags with evidence, risk, alerts, plans, trends in numbers and words,
mood, medicines with the proportion of days covered, preferences, contact) on MariaDB, among
100,000 observations, against one bare indexed SELECT of the same patient's last month, in the same
run and on the same connection. Then one page of the timeline over all kinds.
"""

import base64
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, event, func, insert, select, text
from sqlalchemy.orm import Session

from app import encryption
from app.clock import HOSPITAL
from app.database import make_engine, new_public_id, unit_of_work
from app.domain.criteria.population import InteractionKind
from app.domain.outreach.messaging import dedupe_key
from app.domain.plans.plan_schedule import TaskStatus
from app.models import (
    CareTeam,
    Interaction,
    MedicationRequest,
    Observation,
    ObservationStatus,
    Origin,
    Task,
    TaskOwner,
)
from app.services.profile.patient_snapshot import PatientSnapshot, read_snapshot
from app.services.profile.patient_timeline import read_timeline
from benchmarks import measuring
from tests import factories
from tests.conftest import SECRET_KEY
from tests.integration import rich_record

# A choice of ours: fifteen statements, each about as dear as the bare one, and what Python adds.
TARGET_TIMES_BARE = 20
OBSERVATIONS = 100_000
YEARS = 5
A_DAY = 2  # readings, tasks
CODES = (("15074-8", "mmol/L", "6.1"), ("8480-6", "mm[Hg]", "131"), ("29463-7", "kg", "64.2"))


def fill(engine: Engine, observations: int) -> tuple[str, int, int]:
    """Make the patient, and the others among whom they stand; return names to ask by."""
    unit_of_work.configure(bind=engine)
    now = datetime.now(UTC)
    with unit_of_work.begin() as session:
        team = factories.care_team(session)
        nurse = factories.practitioner(session, teams=[team])
        patient = factories.patient(session, needs="听障，请发文字")
        rich_record.fill(session, patient, team, now)
        days = int(365 * YEARS)
        own = [_reading(patient.id, n, now) for n in range(min(days * A_DAY, observations // 2))]
        _insert(session, Observation, own)
        _insert(session, Task, [_task(patient.id, n, now) for n in range(days * A_DAY)])
        _insert(session, Interaction, [_deed(patient.id, n, now) for n in range(days)])
        _insert(session, MedicationRequest, [_box(patient.id, n, now) for n in range(12 * YEARS)])
        others = _others(session, team, max(1, (observations - len(own)) // 500))
        rest = observations - len(own)
        _insert(
            session, Observation, [_reading(others[n % len(others)], n, now) for n in range(rest)]
        )
        found = (patient.public_id, patient.id, nurse.id)
    with engine.connect() as connection:
        # As a server that runs for days would have it.
        connection.execute(text("ANALYZE TABLE observation, task, interaction"))
        connection.commit()
    return found


def _others(session: Session, team: CareTeam, number: int) -> list[int]:
    found = []
    for _ in range(number):
        other = factories.patient(session, "演示乙")
        factories.care_plan(session, other, team)
        found.append(other.id)
    return found


def _insert(session: Session, model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
    for first in range(0, len(rows), 5_000):
        session.execute(insert(model), rows[first : first + 5_000])


def _reading(patient_id: int, number: int, now: datetime) -> dict[str, Any]:
    code, unit, value = CODES[number % len(CODES)]
    at = now - timedelta(days=number / A_DAY, minutes=1)
    return {
        "public_id": new_public_id(), "patient_id": patient_id, "origin": Origin.HOME,
        "identity": dedupe_key("snapshot", patient_id, number), "is_current": True,
        "status": ObservationStatus.FINAL, "code": code, "code_system": "http://loinc.org",
        "value": Decimal(value) + number % 7, "unit": unit, "interpretation": "HN"[number % 2],
        "effective_at": at, "issued_at": at, "received_at": at,
    }  # fmt: skip


def _task(patient_id: int, number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(days=number / A_DAY)
    return {
        "public_id": new_public_id(), "patient_id": patient_id, "slot": f"bench/{number}",
        "owner": TaskOwner.PATIENT, "kind": ("medication-reminder", "measurement")[number % 2],
        "title": "今天的药按时用了吗", "status": TaskStatus.COMPLETED, "starts_at": at,
        "due_at": at, "ends_at": at, "finished_at": at, "created_at": at,
    }  # fmt: skip


def _deed(patient_id: int, number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(days=number)
    return {
        "patient_id": patient_id, "kind": InteractionKind.READ, "subject": "feet",
        "reference": f"bench-{number}", "at": at, "day": at.astimezone(HOSPITAL).date(),
    }  # fmt: skip


def _box(patient_id: int, number: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(days=30 * number)
    return {
        "public_id": new_public_id(), "patient_id": patient_id, "code": "AML",
        "code_system": "demo", "display": "氨氯地平片", "status": "active", "dose": Decimal(1),
        "dose_unit": "片", "frequency": "QD", "quantity": Decimal(28), "quantity_unit": "片",
        "authored_at": at, "dispensed_at": at, "created_at": at,
        "identity": dedupe_key("snapshot", "box", patient_id, number),
    }  # fmt: skip


def check(found: PatientSnapshot, is_whole: bool) -> None:
    """Hold that what was measured was the work, not an empty page."""
    newest = found.trends[0]
    if len(found.trends) != 3 or len(newest.points) < 10 or not newest.sentence.endswith("。"):
        raise AssertionError("trends")
    covered = {one.code: one.coverage.share for one in found.medicines}
    if set(covered) != {"AML", "MET"} or covered["AML"] is None or covered["AML"] < Decimal("0.9"):
        raise AssertionError(f"medicines: {covered}")
    parts = (found.tags, found.risks, found.alerts, found.plans, found.mood, found.reminders,
             found.preferences, found.conditions, found.staff_tasks)  # fmt: skip
    if is_whole and not all(parts):
        raise AssertionError("a part is empty")


def timed(work: Callable[[], object], calls: int) -> dict[str, float]:
    spans = []
    for _ in range(calls):
        begun = time.perf_counter()
        work()
        spans.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(spans, n=20)
    return {"p50_ms": statistics.median(spans), "p95_ms": cuts[-1]}


def count_statements(engine: Engine, work: Callable[[], object]) -> int:
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    work()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def main(arguments: Sequence[str] | None = None) -> None:
    options = measuring.options(__doc__ or "", arguments)
    observations, calls = int(OBSERVATIONS * options.scale), max(20, int(200 * options.scale))
    encryption.use(encryption.Keyring({"t1": base64.b64decode(SECRET_KEY)}, "hospital"))
    busyness = measuring.Busyness()
    with measuring.fresh_database() as url:
        engine = make_engine(url)
        public_id, patient_id, nurse_id = fill(engine, observations)
        measuring.progress(f"{observations} observations")
        now = datetime.now(UTC)
        today = now.astimezone(HOSPITAL).date()
        bare_query = (
            select(Observation.code, Observation.value, Observation.effective_at)
            .where(
                Observation.patient_id == patient_id,
                Observation.effective_at > now - timedelta(days=30),
            )
            .order_by(Observation.effective_at.desc())
        )

        def snapshot() -> PatientSnapshot:
            with unit_of_work.begin() as session:
                return read_snapshot(session, public_id, nurse_id, now, today)

        def bare() -> Sequence[Any]:
            with unit_of_work.begin() as session:
                return session.connection().execute(bare_query).all()

        def page() -> object:
            with unit_of_work.begin() as session:
                return read_timeline(session, patient_id, now, practitioner_id=nurse_id)

        check(snapshot(), is_whole=True)
        a, b = measuring.alternate(
            lambda: timed(snapshot, calls), lambda: timed(bare, calls), options.rounds
        )
        timeline = timed(page, calls)
        with unit_of_work.begin() as session:
            kept = session.scalar(
                select(func.count())
                .select_from(Observation)
                .where(Observation.patient_id == patient_id)
            )
        result = {
            "p50_ms": measuring.medians(a)["p50_ms"]["median"],
            "p95_ms": measuring.medians(a)["p95_ms"]["median"],
            "times_bare_p50": measuring.paired_ratio(a, b, "p50_ms"),
            "times_bare_p95": measuring.paired_ratio(a, b, "p95_ms"),
            "target_times_bare": TARGET_TIMES_BARE,
            "ours": measuring.medians(a),
            "bare": measuring.medians(b),
            "timeline": {name: round(value, 2) for name, value in timeline.items()},
            "statements": {
                "snapshot": count_statements(engine, snapshot),
                "timeline": count_statements(engine, page),
            },
            "sizes": {
                "observations": observations, "of_the_patient": kept, "years": YEARS,
                "calls": calls, "rounds": options.rounds, "rows_bare": len(bare()),
            },
            "machine": busyness.report(),
        }  # fmt: skip
        engine.dispose()
    measuring.finish("snapshot", result)


if __name__ == "__main__":
    main()
