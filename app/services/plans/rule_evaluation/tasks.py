"""Tasks that a rule makes: for staff, or a form or article for the patient."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskReason, TaskStatus
from app.domain.plans.rules import Audience, Hit
from app.models import CarePlan, Task, TaskOwner


def make_task(
    session: Session,
    plan: CarePlan,
    hit: Hit,
    action: str,
    now: datetime,
    *,
    title: str,
    audience: Audience = Audience.STAFF,
    due_within: timedelta = timedelta(days=1),
    questionnaire: str | None = None,
    article: str | None = None,
) -> None:
    """Make the task of one firing; the same rule on the same day makes it once."""
    slot = f"rule:{hit.rule.key}/{action}/{now:%Y-%m-%d}"
    if audience is Audience.STAFF:
        add_task(session, plan, slot, title, now, due_within=due_within)
        return
    add_task(
        session, plan, slot, title, now, due_within=due_within, owner=TaskOwner.PATIENT,
        kind=ActionKind.QUESTIONNAIRE if questionnaire else ActionKind.ARTICLE,
        subject=questionnaire or article,
    )  # fmt: skip


def add_task(
    session: Session,
    plan: CarePlan,
    slot: str,
    title: str,
    now: datetime,
    *,
    due_within: timedelta,
    owner: TaskOwner = TaskOwner.STAFF,
    kind: ActionKind = ActionKind.STAFF_TASK,
    subject: str | None = None,
) -> None:
    """Add a task that is open from now on, unless its slot has one."""
    there = select(Task.id).filter_by(care_plan_id=plan.id, slot=slot)
    if session.scalar(there) is not None:
        return
    session.add(
        Task(
            patient_id=plan.patient_id,
            care_plan_id=plan.id,
            slot=slot,
            owner=owner,
            kind=kind,
            subject=subject,
            title=title,
            status=TaskStatus.READY,
            status_reason=TaskReason.OPEN,
            starts_at=now,
            due_at=now + due_within,
            ends_at=now + max(due_within, timedelta(days=1)),
            remind_at=now if owner is TaskOwner.PATIENT else None,
            created_at=now,
        )
    )
