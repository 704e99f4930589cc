"""Two records of one person that both have what a person has once: each kind is decided here.

Everything is noted in the merge's ledger, so that an unmerge gives each its own again.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.enrolling import EndReason
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.staff.alerting import AlertStatus, Outcome
from app.domain.trust.access import Relation
from app.models import (
    AlertStep,
    CarePlanStatus,
    CarePlanStep,
    EnrolmentStatus,
    MoveDeed,
    RecordLink,
    StepKind,
)
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.pairs import pairs
from app.services.intake.patient_index.treatments import table_of

_UNFINISHED: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def end_second_plans(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Of two open runs of one plan the head's goes on; nobody measures twice a day for it."""
    for ours, theirs in pairs(session, link, "care_plan", ("plan_key", "is_open"), retired, head):
        ended = {
            "status": CarePlanStatus.REVOKED,
            "is_open": None,
            "ended_at": at,
            "end_reason": EndReason.MERGED,
            "hold_reason": None,
            "hold_begins_on": None,
            "hold_ends_on": None,
        }
        ledger.alter(session, link, "care_plan", theirs.id, MoveDeed.MOVED, at, ended)
        step = CarePlanStep(
            care_plan_id=theirs.id,
            kind=StepKind.ENDED,
            reason=EndReason.MERGED,
            detail={"goes_on": ours.public_id},
            practitioner_id=link.practitioner_id,
            at=at,
        )
        _note_step(session, link, step, at)
        task = table_of("task")
        pending = select(task.c.id).where(
            task.c.care_plan_id == theirs.id,
            task.c.status.in_(_UNFINISHED),
            task.c.id.not_in(ledger.noted(link.id, "task")),
        )
        cancelled = {
            "status": TaskStatus.CANCELLED,
            "status_reason": TaskReason.PLAN_ENDED,
            "finished_at": at,
            "remind_at": None,
        }
        for task_id in session.scalars(pending).all():
            ledger.alter(session, link, "task", task_id, MoveDeed.MOVED, at, cancelled)


def keep_one_proposal(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Of two open questions about one plan the head's stays; nobody is asked twice."""
    found = pairs(session, link, "enrolment_proposal", ("plan_key", "is_open"), retired, head)
    for _, theirs in found:
        withdrawn = {"status": EnrolmentStatus.WITHDRAWN, "is_open": None, "decided_at": at}
        ledger.alter(session, link, "enrolment_proposal", theirs.id, MoveDeed.MOVED, at, withdrawn)


def join_alerts(session: Session, link: RecordLink, retired: int, head: int, at: datetime) -> None:
    """Of two open alerts of one episode the worse stays open; the other names it."""
    for ours, theirs in pairs(session, link, "alert", ("episode", "is_open"), retired, head):
        is_theirs_worse = theirs.grade.is_worse_than(ours.grade)
        closed, stays = (ours, theirs) if is_theirs_worse else (theirs, ours)
        deed = MoveDeed.CHANGED if is_theirs_worse else MoveDeed.MOVED
        values = {
            "status": AlertStatus.RESOLVED,
            "outcome": Outcome.MERGED,
            "is_open": None,
            "acknowledge_by": None,
            "closed_at": at,
        }
        ledger.alter(session, link, "alert", closed.id, deed, at, values, merged=stays.id)
        _note_step(session, link, AlertStep(alert_id=closed.id, kind="merged", at=at), at)


def keep_one_link(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Of two links of one account the closer relation stays, and with it what waits to be sent."""
    for ours, theirs in pairs(
        session, link, "patient_link", ("account_id", "is_live"), retired, head
    ):
        is_theirs_closer = theirs.relation is Relation.SELF and ours.relation is not Relation.SELF
        ended, stays = (ours, theirs) if is_theirs_closer else (theirs, ours)
        deed, owner = (MoveDeed.CHANGED, head) if is_theirs_closer else (MoveDeed.MOVED, retired)
        ledger.alter(
            session, link, "patient_link", ended.id, deed, at,
            {"is_live": None, "ends_at": at}, for_link=stays.id,
        )  # fmt: skip
        waiting = table_of("communication")
        for message in session.scalars(
            select(waiting.c.id).where(
                waiting.c.link_id == ended.id,
                waiting.c.patient_id == owner,
                waiting.c.id.not_in(ledger.noted(link.id, "communication")),
            )
        ).all():
            ledger.alter(session, link, "communication", message, deed, at, {"link_id": stays.id})


def keep_withdrawals(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Let a no that is the last word under either record be the last word for the person.

    Consents are never changed: a later yes that was said of the other record is put aside.
    """
    ours, theirs = _consents(session, head), _consents(session, retired)
    aside = set(session.scalars(ledger.noted(link.id, "consent")))
    for key in ours.keys() & theirs.keys():
        theirs_now = [row for row in theirs[key] if row.id not in aside]
        if not theirs_now or ours[key][-1].is_given == theirs_now[-1].is_given:
            continue
        last_no = ours[key][-1].id if theirs_now[-1].is_given else theirs_now[-1].id
        later = [row.id for row in theirs_now if row.is_given and row.id > last_no]
        ledger.note(session, link, "consent", later, MoveDeed.STAYED, at)
        later = [row.id for row in ours[key] if row.is_given and row.id > last_no]
        ledger.note(session, link, "consent", later, MoveDeed.PARKED, at)
        consent = table_of("consent")
        session.execute(consent.update().where(consent.c.id.in_(later)).values(patient_id=retired))


def _note_step(
    session: Session, link: RecordLink, step: AlertStep | CarePlanStep, at: datetime
) -> None:
    """Keep a step that an unmerge takes away again."""
    session.add(step)
    session.flush()
    ledger.note(session, link, step.__tablename__, [step.id], MoveDeed.MADE, at)


def _consents(session: Session, owner: int) -> dict[tuple[int, str], list[Any]]:
    consent = table_of("consent")
    words: dict[tuple[int, str], list[Any]] = {}
    for row in session.execute(
        select(consent).where(consent.c.patient_id == owner).order_by(consent.c.id)
    ):
        words.setdefault((row.account_id, row.purpose), []).append(row)
    return words
