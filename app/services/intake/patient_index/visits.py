"""Visits booked on the wrong person, and rows that come under a retired number."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from app.database import Base
from app.domain.intake.versions import is_news
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.trust.access import Actor
from app.models import (
    CarePlan,
    CarePlanStatus,
    DiagnosticReport,
    Encounter,
    Event,
    MoveDeed,
    Observation,
    Patient,
    Task,
)
from app.models.profile.patient_index import cluster_of, head_id_of, head_of
from app.models.trust.audit import record
from app.services.intake.patient_index import ledger, moving, results
from app.services.intake.patient_index.merging import lock_clusters
from app.services.intake.patient_index.treatments import MOVES, owner_of, table_of

# What a visit takes with it.
_OF_VISIT: Final = (
    "condition",
    "diagnostic_report",
    "immunization",
    "medication_request",
    "service_request",
)


def note_arrival(session: Session, own: Patient, head: Patient, rows: Iterable[Base]) -> None:
    """Remember that new rows of the head came under a retired number, for an unmerge.

    `own` is the record that the message named; where it is the head itself, nothing is to do.
    """
    session.flush()
    if own.id == head.id:
        return
    by_table: dict[str, set[int]] = {}
    for row in rows:
        by_table.setdefault(row.__tablename__, set()).add(row.id)  # type: ignore[attr-defined]
    owner = own.id
    for link, to in ledger.live_merges(session, cluster_of(session, head.id)):
        if link.patient_id != owner:
            continue
        for table, ids in by_table.items():
            known = set(session.scalars(ledger.noted(link.id, table)))
            ledger.note(session, link, table, sorted(ids - known), MoveDeed.MOVED, link.at)
        owner = to


def gather(session: Session, patient_id: int, now: datetime) -> int:
    """Bring rows that reached a retired record to its head, and return the head's id.

    Whoever opened the record a moment before it was merged may still have written to it.
    """
    if session.scalar(select(Patient.merged_into_id).where(Patient.id == patient_id)) is None:
        return patient_id
    if not _has_rows(session, patient_id):
        return head_id_of(session, patient_id)
    lock_clusters(session, (patient_id,))
    head = head_id_of(session, patient_id)
    owner = patient_id
    for link, to in ledger.live_merges(session, cluster_of(session, head)):
        if link.patient_id == owner:
            noted = ledger.count_all(session, link.id)
            session.add_all(moving.bring_over(session, link, to, now))
            if ledger.count_all(session, link.id) > noted:
                news = Event.of("patient.gathered", now, patient_id=to, other_id=owner)
                session.add(news)
            owner = to
    return head


def move_visit(
    session: Session,
    encounter: Encounter,
    patient: Patient,
    *,
    version: str,
    now: datetime,
    inbound_id: int | None = None,
) -> bool:
    """Give a visit with all that hangs on it to the right person (A45); whether it was news.

    The plan that the visit began at the wrong person ends; alerts that stood on its results are
    withdrawn and the results judged anew by those who read `observation.moved`. A later move
    takes it back. Older news of whose visit it is changes nothing.
    """
    if not is_news(version, encounter.stamps, "patient"):
        return False
    lock_clusters(session, (encounter.patient_id, patient.id))
    session.refresh(encounter, with_for_update=True)
    if not is_news(version, encounter.stamps, "patient"):
        return False
    encounter.stamps = {**encounter.stamps, "patient": version}
    wrong, right = encounter.patient_id, head_of(session, patient).id
    if wrong == right:
        session.flush()
        return True
    session.flush()
    moved = _results_of(session, encounter, wrong)
    for table in _OF_VISIT:
        _move_numbered(session, table, encounter.id, wrong, right)
    _move_results(session, moved, right)
    _end_plans(session, encounter, wrong, now)
    encounter.patient_id = right
    encounter.inbound_id = inbound_id or encounter.inbound_id
    session.flush()
    session.expire_all()
    note_arrival(session, patient, session.get_one(Patient, right), [encounter])
    for one, other in ((wrong, right), (right, wrong)):
        session.add(
            Event.of(
                "encounter.moved", now, patient_id=one, encounter_id=encounter.id, other_id=other
            )
        )
    for observation in moved:
        session.add(
            Event.of(
                "observation.moved", now, patient_id=right, observation_id=observation,
                other_id=wrong,
            )
        )  # fmt: skip
    record(
        session, Actor("job", None, f"inbound:{inbound_id or ''}"), "move", "encounter", now,
        patient_id=right, detail={"encounter_id": encounter.id, "other_id": wrong},
    )  # fmt: skip
    return True


def _has_rows(session: Session, patient_id: int) -> bool:
    return any(
        session.scalar(select(table_of(table).c.id).where(owner_of(table) == patient_id).limit(1))
        for table in MOVES
    )


def _results_of(session: Session, encounter: Encounter, wrong: int) -> list[int]:
    """Return the results of a visit, with every version: by the visit or by its reports."""
    reports = select(DiagnosticReport.id).where(DiagnosticReport.encounter_id == encounter.id)
    named = select(Observation.identity).where(
        Observation.patient_id == wrong,
        or_(Observation.encounter_id == encounter.id, Observation.report_id.in_(reports)),
    )
    return list(
        session.scalars(
            select(Observation.id).where(
                Observation.patient_id == wrong, Observation.identity.in_(named)
            )
        )
    )


def _move_numbered(session: Session, table: str, encounter_id: int, wrong: int, right: int) -> None:
    """Move the rows of a visit; of one thing under both persons the greatest version stands.

    The other one is a copy that was sent for the wrong person: it goes, the message stays.
    """
    kept = table_of(table)
    ours = kept.alias()
    pairs = session.execute(
        select(kept.c.id, kept.c.version, ours.c.id, ours.c.version)
        .join(ours, and_(*(ours.c[name] == kept.c[name] for name in MOVES[table].numbered)))
        .where(
            kept.c.encounter_id == encounter_id,
            kept.c.patient_id == wrong,
            ours.c.patient_id == right,
        )
    ).all()
    for theirs, their_version, mine, my_version in pairs:
        loser, winner = (mine, theirs) if their_version > my_version else (theirs, mine)
        if table == "diagnostic_report":
            session.execute(
                update(Observation)
                .where(Observation.report_id == loser)
                .values(report_id=winner)
                .execution_options(synchronize_session=False)
            )
        session.execute(delete(kept).where(kept.c.id == loser))
    session.execute(
        update(kept)
        .where(kept.c.encounter_id == encounter_id, kept.c.patient_id == wrong)
        .values(patient_id=right)
    )


def _move_results(session: Session, ids: list[int], right: int) -> None:
    """Move versions of results, then let the greatest of each be current again."""
    rows = table_of("observation")
    identities = list(session.scalars(select(rows.c.identity).where(rows.c.id.in_(ids)).distinct()))
    results.unsettle(session, [right], identities)
    session.execute(
        update(rows).where(rows.c.id.in_(ids)).values(patient_id=right, is_current=None)
    )
    results.settle(session, right, identities)


def _end_plans(session: Session, encounter: Encounter, wrong: int, now: datetime) -> None:
    for plan in session.scalars(
        select(CarePlan).filter_by(encounter_id=encounter.id, patient_id=wrong, is_open=True)
    ):
        plan.status, plan.is_open, plan.ended_at = CarePlanStatus.REVOKED, None, now
        session.execute(
            update(Task)
            .where(
                Task.care_plan_id == plan.id,
                Task.status.in_((TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)),
            )
            .values(
                status=TaskStatus.CANCELLED, status_reason=TaskReason.PLAN_ENDED,
                finished_at=now, remind_at=None,
            )
        )  # fmt: skip
