"""What a patient is to do: the day's list, one task in full, done, or cannot."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from app.clock import start_of_day
from app.domain.errors import DomainError, NotFound, TaskClosed
from app.domain.plans.plan import Action
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.plans.questionnaires import Questionnaire as Form
from app.models import (
    Article,
    CarePlan,
    Observation,
    Origin,
    Patient,
    PlanDefinition,
    PublicationStatus,
    Task,
    TaskOwner,
)
from app.models.plans.asking import Questions
from app.models.plans.knowledge import knowledge

PAGE: Final = 50
OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)
# Finished by what they ask for: a value, a form or a photo, not by saying so.
_BY_EVIDENCE: Final = frozenset({"measurement", "questionnaire", "photo"})


class DeclineReason(StrEnum):
    NOT_WELL = "not-well"
    NO_TIME = "no-time"
    NO_DEVICE = "no-device"
    DO_NOT_UNDERSTAND = "do-not-understand"
    OTHER = "other"


# As staff read them, before what the patient adds.
_REASONS: Final = {
    DeclineReason.NOT_WELL: "身体不舒服",
    DeclineReason.NO_TIME: "没有时间",
    DeclineReason.NO_DEVICE: "没有仪器或试纸",
    DeclineReason.DO_NOT_UNDERSTAND: "看不懂、不会做",
    DeclineReason.OTHER: "其他原因",
}


class EvidenceMissing(DomainError):
    """The task asks for a value, a form or a photo; sending that finishes it."""

    code = "evidence-missing"
    title = "请填写测量结果、问卷或发送照片，完成后会自动记录"


class NotYetOpen(DomainError):
    code = "not-yet-open"
    title = "还没到这项任务的时间"


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task as a list shows it; `status` as it stands at this moment."""

    id: str
    kind: str
    title: str
    code: str | None
    subject: str | None
    status: TaskStatus
    status_reason: str | None
    starts_at: datetime
    due_at: datetime
    ends_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastValue:
    value: Decimal | None
    off_scale: str | None
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """One task with what is needed to do it; what does not belong to its kind is None."""

    line: TaskLine
    why: str | None = None
    instructions: str | None = None
    context: str | None = None
    article_title: str | None = None
    article_paragraphs: Sequence[str] = field(default_factory=tuple)
    form: Form | None = None
    last_value: LastValue | None = None


def tasks_on(
    session: Session, patient_id: int, day: date, after: str | None, now: datetime
) -> tuple[Sequence[TaskLine], str | None]:
    """Return a page of what may be done, was done or was missed on the hospital's `day`.

    Ordered by when it is due; follows the task named `after`. The second value names the last
    one where more follow.

    :raises NotFound: `after` names no task of this patient
    """
    begins, ends = start_of_day(day), start_of_day(day + timedelta(days=1))
    query = _lines(patient_id).where(
        Task.starts_at < ends,
        Task.ends_at > begins,
        or_(Task.status != TaskStatus.CANCELLED, Task.status_reason == TaskReason.UNABLE),
        or_(Task.finished_at.is_(None), Task.finished_at >= begins),
        Task.judge_at.is_(None),  # whether it will be asked is not yet known
    )
    if after is not None:
        last = _find(session, patient_id, after)
        query = query.where(
            or_(Task.due_at > last.due_at, and_(Task.due_at == last.due_at, Task.id > last.id))
        )
    rows = session.execute(query.order_by(Task.due_at, Task.id).limit(PAGE + 1)).all()
    page = [_as_of(TaskLine(*row), now) for row in rows[:PAGE]]
    return page, page[-1].id if len(rows) > PAGE else None


def task_in_full(session: Session, patient_id: int, task_id: str, now: datetime) -> TaskDetail:
    """:raises NotFound: no such task of this patient"""
    row = session.execute(_lines(patient_id).where(Task.public_id == task_id)).one_or_none()
    if row is None:
        raise NotFound
    line = _as_of(TaskLine(*row), now)
    asked, why = _asked(session, patient_id, task_id)
    article = _article(session, line.subject if line.kind == "article" else None)
    return TaskDetail(
        line=line,
        why=why,
        instructions=asked.instructions if asked else None,
        context=asked.context if asked else None,
        article_title=article[0] if article else None,
        article_paragraphs=article[1] if article else (),
        form=_form(session, line.subject if line.kind == "questionnaire" else None),
        last_value=_last_value(session, patient_id, line),
    )


def complete_task(session: Session, patient_id: int, task_id: str, now: datetime) -> TaskLine:
    """Mark a task done; done again, it stays as it was.

    :raises NotFound: no such task of this patient
    :raises EvidenceMissing: a measurement or a form finishes it
    :raises NotYetOpen: its time has not come
    :raises TaskClosed: missed, declined or cancelled
    """
    task = _lock(session, patient_id, task_id)
    if task.status is not TaskStatus.COMPLETED:
        _require_open(task, now)
        if task.kind in _BY_EVIDENCE:
            raise EvidenceMissing
        if now < task.starts_at or task.judge_at is not None:
            raise NotYetOpen
        session.add(task.complete(now))
    return _line_of(task, now)


def decline_task(
    session: Session,
    patient_id: int,
    task_id: str,
    reason: DeclineReason,
    note: str | None,
    now: datetime,
) -> TaskLine:
    """Keep that and why the patient cannot; said again, the first word stands.

    :raises NotFound: no such task of this patient
    :raises TaskClosed: done, missed or cancelled
    """
    task = _lock(session, patient_id, task_id)
    if not _is_declined(task.status, task.status_reason):
        _require_open(task, now)
        task.note = f"{_REASONS[reason]}：{note}" if note else _REASONS[reason]
        event = task.give_up(now)
        event.payload = {**event.payload, "reason": reason}
        session.add(event)
    return _line_of(task, now)


# --------------------------------------------------------------------------------- the rows


def _lines(
    patient_id: int,
) -> Select[
    str,
    str,
    str,
    str | None,
    str | None,
    TaskStatus,
    str | None,
    datetime,
    datetime,
    datetime,
    datetime | None,
]:
    return select(
        Task.public_id,
        Task.kind,
        Task.title,
        Task.code,
        Task.subject,
        Task.status,
        Task.status_reason,
        Task.starts_at,
        Task.due_at,
        Task.ends_at,
        Task.finished_at,
    ).where(Task.patient_id == patient_id, Task.owner == TaskOwner.PATIENT)


def _find(session: Session, patient_id: int, task_id: str) -> Task:
    task = session.scalar(
        select(Task).filter_by(patient_id=patient_id, public_id=task_id, owner=TaskOwner.PATIENT)
    )
    if task is None:
        raise NotFound
    return task


def _lock(session: Session, patient_id: int, task_id: str) -> Task:
    # The patient's lock, as for a measurement: evidence and word may come together.
    session.get_one(Patient, patient_id, with_for_update=True)
    return _find(session, patient_id, task_id)


def _require_open(task: Task, now: datetime) -> None:
    if task.status not in OPEN or task.ends_at <= now:
        raise TaskClosed


def _is_declined(status: TaskStatus, reason: str | None) -> bool:
    return status is TaskStatus.CANCELLED and reason == TaskReason.UNABLE


def _line_of(task: Task, now: datetime) -> TaskLine:
    line = TaskLine(
        task.public_id,
        task.kind,
        task.title,
        task.code,
        task.subject,
        task.status,
        task.status_reason,
        task.starts_at,
        task.due_at,
        task.ends_at,
        task.finished_at,
    )
    return _as_of(line, now)


def _as_of(line: TaskLine, now: datetime) -> TaskLine:
    """Return the line as it stands now, also where the clock has not yet come round to it."""
    status = line.status
    if status in OPEN and line.ends_at <= now:
        status = TaskStatus.MISSED
    elif status is TaskStatus.REQUESTED and line.starts_at <= now and not _is_judged(line):
        status = TaskStatus.READY
    return replace(line, status=status)


def _is_judged(line: TaskLine) -> bool:
    return line.status_reason in (TaskReason.TO_BE_JUDGED, TaskReason.WAITING)


# ---------------------------------------------------------------------- what the task is about


def _asked(session: Session, patient_id: int, task_id: str) -> tuple[Action | None, str | None]:
    """Return the plan's action behind a task, as it is asked of this patient, and why it is."""
    row = session.execute(
        select(Task, CarePlan, PlanDefinition.title)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .where(
            Task.patient_id == patient_id,
            Task.public_id == task_id,
            Task.plan_action_id.is_not(None),
        )
    ).one_or_none()
    if row is None:
        return None, None
    asked = Questions(session).behind(row.CarePlan, row.Task)
    return asked, f"这是您的“{row.title}”里的一项"


def _article(session: Session, key: str | None) -> tuple[str, Sequence[str]] | None:
    row = session.execute(
        select(Article.title, Article.body)
        .filter_by(key=key, status=PublicationStatus.ACTIVE)
        .order_by(Article.id.desc())
        .limit(1)
    ).one_or_none()
    return (row.title, row.body) if row else None


def _form(session: Session, key: str | None) -> Form | None:
    return knowledge(session).questionnaires.get(key) if key else None


def _last_value(session: Session, patient_id: int, line: TaskLine) -> LastValue | None:
    if line.kind != "measurement":
        return None
    row = session.execute(
        select(Observation.value, Observation.off_scale, Observation.effective_at)
        .filter_by(
            patient_id=patient_id, code=line.code, origin=Origin.HOME, is_current=True, doubt=None
        )
        .order_by(Observation.effective_at.desc(), Observation.id.desc())
        .limit(1)
    ).one_or_none()
    return LastValue(*row) if row else None
