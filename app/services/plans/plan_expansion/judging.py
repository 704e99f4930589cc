"""Tasks that depend on something: looked at when due, then opened, left out or kept waiting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.evidence import Evidence
from app.domain.criteria.names import Names
from app.domain.criteria.needs import FactNeeds
from app.domain.criteria.tree import Criterion
from app.domain.criteria.wording import describe, explain
from app.domain.plans.plan import Action, InVain
from app.domain.plans.plan_schedule import (
    TaskReason,
    TaskStatus,
    after_quiet_hours,
    opened_at,
)
from app.domain.profile.patient_facts import Facts
from app.models import CarePlan, Task, TaskOwner, TaskStep
from app.models.plans.asking import Questions
from app.models.plans.knowledge import knowledge
from app.models.profile.patient_facts import load_facts

# What happens to a patient wakes the tasks that wait; time alone changes little.
_LOOK_AGAIN: Final = timedelta(hours=6)


def judge_due_tasks(session: Session, now: datetime, zone: ZoneInfo, limit: int = 100) -> int:
    """Look at tasks whose condition is due; return how many, those that wait on included."""
    due = session.execute(
        select(Task, CarePlan)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        .where(Task.status == TaskStatus.REQUESTED, Task.judge_at <= now)
        .order_by(Task.judge_at, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Task)
    ).all()
    questions = Questions(session)
    names = knowledge(session).names
    of_patient = sorted(due, key=lambda row: (row.Task.patient_id, row.Task.id))
    for patient_id, rows in groupby(of_patient, key=lambda row: row.Task.patient_id):
        pairs = [(row.Task, questions.behind(row.CarePlan, row.Task)) for row in rows]
        needs = FactNeeds.of(*_conditions(action for _, action in pairs if action))
        facts = load_facts(session, patient_id, now, zone, needs)
        for task, action in pairs:
            _judge(session, task, action, facts, names)
    return len(due)


def wake_waiting(session: Session, patient_id: int, now: datetime) -> None:
    """Look at the patient's waiting tasks anew: something happened to the patient."""
    waiting = session.scalars(
        select(Task.id).where(
            Task.patient_id == patient_id,
            Task.status == TaskStatus.REQUESTED,
            Task.status_reason == TaskReason.WAITING,
            Task.judge_at > now,
        )
    ).all()
    if waiting:  # hardly ever: nothing is locked where nobody waits
        session.execute(update(Task).where(Task.id.in_(waiting)).values(judge_at=now))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a task, and the words that say why."""

    status: TaskStatus
    reason: TaskReason
    because: str
    look_at: datetime | None = None


def _judge(session: Session, task: Task, action: Action | None, facts: Facts, names: Names) -> None:
    verdict = _verdict(task, action, facts, names)
    was_waiting = task.status_reason == TaskReason.WAITING
    task.status, task.status_reason = verdict.status, verdict.reason
    task.judge_at = verdict.look_at
    if verdict.status is TaskStatus.READY and action is not None:
        _open(task, action, facts.now if was_waiting else task.starts_at, facts.now, facts.zone)
    elif verdict.status is TaskStatus.CANCELLED:
        task.finished_at = facts.now
    if not (was_waiting and verdict.reason is TaskReason.WAITING):
        session.add(TaskStep.of(task, facts.now, verdict.because))


def _open(task: Task, action: Action, opens_at: datetime, now: datetime, zone: ZoneInfo) -> None:
    window = opened_at(action, opens_at, zone)
    task.starts_at, task.due_at, task.ends_at = opens_at, window.due_at, window.expires_at
    if task.owner is TaskOwner.PATIENT:
        task.remind_at = max(window.remind_at, after_quiet_hours(now, zone))


def _verdict(task: Task, action: Action | None, facts: Facts, names: Names) -> Verdict:
    if action is None:
        return Verdict(TaskStatus.CANCELLED, TaskReason.RESCHEDULED, "方案里已没有这一项")
    seen: list[str] = []
    if action.wait_for is not None:
        wait, over = action.wait_for, task.starts_at + action.wait_for.at_most
        found = compile_criterion(wait.when)(facts)
        if found is None and facts.now < over:
            look_at = min(facts.now + _LOOK_AGAIN, over)
            because = f"等待：{describe(wait.when, names)}"
            return Verdict(TaskStatus.REQUESTED, TaskReason.WAITING, because, look_at)
        if found is None and wait.in_vain is InVain.SKIP:
            because = f"没有等到：{describe(wait.when, names)}"
            return Verdict(TaskStatus.CANCELLED, TaskReason.IN_VAIN, because)
        seen.append(
            _told(found, facts.zone, names)
            if found
            else f"没有等到，照常进行：{describe(wait.when, names)}"
        )
    if action.only_when is not None:
        found = compile_criterion(action.only_when)(facts)
        if found is None:
            because = f"条件不成立：{describe(action.only_when, names)}"
            return Verdict(TaskStatus.CANCELLED, TaskReason.NOT_NEEDED, because)
        seen.append(_told(found, facts.zone, names))
    return Verdict(TaskStatus.READY, TaskReason.OPEN, "；".join(seen))


def _told(found: Sequence[Evidence], zone: ZoneInfo, names: Names) -> str:
    return "；".join(explain(one, zone, names) for one in found)


def _conditions(actions: Iterable[Action]) -> Iterable[Criterion]:
    for action in actions:
        if action.only_when is not None:
            yield action.only_when
        if action.wait_for is not None:
            yield action.wait_for.when
