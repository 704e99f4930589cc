"""What happened to one patient's plan in detail: changes made for them, tasks and their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.errors import NotFound
from app.domain.plans.changes import Change
from app.domain.plans.plan_schedule import TaskStatus
from app.models import ActionChange, CarePlan, PlanDefinition, Practitioner, Task
from app.models.plans.task_history import HistoryLine, histories_of

PAGE: Final = 30


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change made for one patient; `is_for_one` day of the action alone."""

    id: str
    action_title: str
    is_for_one: bool
    change: Change
    reason: str
    author: str
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None

    def holds(self, now: datetime) -> bool:
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """One task with all that happened to it, oldest first."""

    title: str
    kind: str
    status: TaskStatus
    reason: str | None
    starts_at: datetime
    ends_at: datetime
    note: str | None
    lines: Sequence[HistoryLine]


def changes_for(session: Session, patient_id: int) -> Mapping[str, Sequence[ChangeLine]]:
    """Return what was changed for one patient by plan key, the newest first."""
    author, ender = aliased(Practitioner), aliased(Practitioner)
    rows = session.execute(
        select(ActionChange, author, ender)
        .join(author, author.id == ActionChange.author_id)
        .outerjoin(ender, ender.id == ActionChange.ended_by_id)
        .where(ActionChange.patient_id == patient_id)
        .order_by(ActionChange.id.desc())
    ).all()
    titles = _titles(session, {row.ActionChange.plan_key for row in rows})
    found: dict[str, list[ChangeLine]] = {}
    for row, by, ended_by in rows:
        title = titles.get((row.plan_key, row.action_key), row.action_key)
        found.setdefault(row.plan_key, []).append(
            ChangeLine(
                row.public_id, title, row.slot is not None, row.in_force().change,
                row.reason or "", by.name or "", row.created_at, row.expires_at, row.ended_at,
                ended_by.name if ended_by else None,
            )
        )  # fmt: skip
    return found


def tasks_with_history(
    session: Session, plan: CarePlan, before: str | None
) -> tuple[Sequence[TaskHistory], str | None]:
    """Return a page of a plan's tasks, the last to begin first; the second value leads on.

    `before` is the public id of the task that the page before ended with.

    :raises NotFound: `before` names no task of this plan
    """
    query = select(Task).filter_by(care_plan_id=plan.id)
    if before is not None:
        last = session.scalar(query.filter_by(public_id=before))
        if last is None:
            raise NotFound
        earlier = and_(Task.starts_at == last.starts_at, Task.id < last.id)
        query = query.where(or_(Task.starts_at < last.starts_at, earlier))
    rows = session.scalars(
        query.order_by(Task.starts_at.desc(), Task.id.desc()).limit(PAGE + 1)
    ).all()
    page = rows[:PAGE]
    histories = histories_of(session, page)
    shown = [
        TaskHistory(
            one.title, one.kind, one.status, one.status_reason, one.starts_at, one.ends_at,
            one.note, histories[one.id],
        )
        for one in page
    ]  # fmt: skip
    return shown, page[-1].public_id if len(rows) > PAGE else None


def _titles(session: Session, plan_keys: set[str]) -> dict[tuple[str, str], str]:
    """Return the titles of actions by plan and action, as the newest version has them."""
    rows = session.scalars(
        select(PlanDefinition)
        .where(PlanDefinition.key.in_(plan_keys))
        .order_by(PlanDefinition.version)
    )
    return {
        (row.key, action["key"]): action["title"]
        for row in rows
        for action in row.definition.get("actions", ())
    }
