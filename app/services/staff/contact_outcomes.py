"""What a call came to, written down, and what follows: another call, a check, a second look."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.staff.alerting import Outcome
from app.domain.staff.contacts import (
    ENDS_PLANS,
    FollowUp,
    StaffTaskKind,
    calling_hour,
    consequence,
    follow_up_of,
)
from app.models import Alert, ContactAttempt, Event, Patient, Task
from app.models.plans.silence import end_silence, silence
from app.models.profile.patient_index import head_id_of
from app.models.staff.team_work import OPEN_TASK, has_task, lock_task, team_task

# So long no reminder goes out while a death is being looked into.
_SILENCE: Final = timedelta(days=7)
_LASTS: Final = timedelta(days=1)


class SecondPersonNeeded(DomainError):
    """Who reported it cannot confirm it."""

    code = "second-person-needed"
    title = "请由另一位同事核实"


class NotToConfirm(DomainError):
    """The task asks for no confirmation."""

    code = "not-to-confirm"
    title = "这项待办不需要核实"


def record_outcome(
    session: Session,
    task_public_id: str,
    practitioner_id: int,
    outcome: Outcome,
    note: str | None,
    wanted_at: datetime | None,
    now: datetime,
    zone: ZoneInfo,
) -> Task:
    """Write down what a call came to; the task ends, or waits for the next call.

    :raises NotFound: none of their team
    :raises TaskClosed: somebody was faster
    """
    task, team_id = lock_task(session, task_public_id, practitioner_id)
    task.tries += 1
    task.outcome = outcome
    found = consequence(outcome, task.tries, wanted_at, now, zone)
    session.add(
        ContactAttempt(
            task_id=task.id, practitioner_id=practitioner_id, outcome=outcome, note=note,
            call_at=found.call_at, at=now,
        )
    )  # fmt: skip
    if found.is_over:
        session.add(task.complete(now))
    elif found.call_at is not None:
        _put_off(task, found.call_at)
    if found.follow_up is not None:
        _follow(
            session, task.patient_id, team_id, found.follow_up, f"task:{task.public_id}",
            practitioner_id, now, zone,
        )  # fmt: skip
    session.flush()
    return task


def confirm(
    session: Session,
    task_public_id: str,
    practitioner_id: int,
    now: datetime,
    *,
    is_true: bool,
    note: str | None = None,
) -> Task:
    """Say whether what a colleague was told is so; if it is, the caller ends the patient's plans.

    :raises NotFound: none of their team
    :raises TaskClosed: somebody was faster
    :raises NotToConfirm: the task asks for something else
    :raises SecondPersonNeeded: they reported it themselves
    """
    task, _ = lock_task(session, task_public_id, practitioner_id)
    if task.kind not in ENDS_PLANS:
        raise NotToConfirm
    if task.reported_by_id == practitioner_id:
        raise SecondPersonNeeded
    if note:
        task.note = note
    task.assignee_id = practitioner_id
    session.add(task.complete(now))
    if not is_true:
        task.status_reason = TaskReason.RESULT_CORRECTED
        if task.kind == StaffTaskKind.CONFIRM_DEATH:
            _speak_again(session, task, now)
    elif task.kind == StaffTaskKind.CONFIRM_DEATH:
        _note_death(session, task.patient_id, now)
    session.flush()
    return task


def follow_alert(session: Session, alert_id: int, now: datetime, zone: ZoneInfo) -> None:
    """Make of an alert's outcome what a call's outcome makes; again it changes nothing."""
    alert = session.get_one(Alert, alert_id)
    wanted = follow_up_of(alert.outcome)
    if wanted is not None:
        _follow(
            session, head_id_of(session, alert.patient_id), alert.care_team_id, wanted,
            f"alert:{alert.public_id}", alert.owner_id, now, zone,
        )  # fmt: skip


def _put_off(task: Task, call_at: datetime) -> None:
    task.starts_at = call_at
    task.due_at = call_at + _LASTS
    # A window that would close before the call stays open for it.
    task.ends_at = max(task.ends_at, task.due_at + _LASTS)
    task.status, task.status_reason = TaskStatus.REQUESTED, TaskReason.RESCHEDULED


def _follow(
    session: Session,
    patient_id: int,
    team_id: int,
    wanted: FollowUp,
    cause: str,
    reporter_id: int | None,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    slot = f"{wanted.kind}:{cause}"
    if has_task(session, patient_id, slot):
        return
    due_at = calling_hour(now + wanted.within, zone)
    task = team_task(patient_id, team_id, wanted.kind, wanted.title, slot, due_at, now)
    task.reported_by_id = reporter_id
    session.add(task)
    if wanted.kind is StaffTaskKind.CONFIRM_DEATH:
        silence(session, patient_id, now + _SILENCE)


def _speak_again(session: Session, denied: Task, now: datetime) -> None:
    """Remind again of what may still be done, unless another report of the death waits."""
    session.flush()
    waiting = select(Task.id).where(
        Task.patient_id == denied.patient_id,
        Task.kind == StaffTaskKind.CONFIRM_DEATH,
        Task.status.in_(OPEN_TASK),
    )
    if session.scalar(waiting.limit(1)) is None:
        end_silence(session, denied.patient_id, now)


def _note_death(session: Session, patient_id: int, now: datetime) -> None:
    patient = session.get_one(Patient, patient_id, with_for_update=True)
    patient.deceased_at = patient.deceased_at or now
    patient.updated_at = now
    session.add(Event.of("patient.updated", now, patient_id=patient.id))
