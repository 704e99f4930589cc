"""Which forms a patient is asked for now: for staff who fill them in with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.plans.plan_schedule import TaskStatus
from app.models import Task
from app.models.plans.knowledge import knowledge

_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class FormToFill:
    """A form in force; `task` is the one that asks for it now, `due_at` by when."""

    key: str
    title: str
    task: str | None = None
    due_at: datetime | None = None


def forms_to_fill(
    session: Session, patient_id: int, now: datetime
) -> tuple[Sequence[FormToFill], Sequence[FormToFill]]:
    """Return what is asked of the patient now, by when it is due, and every form in force."""
    forms = knowledge(session).questionnaires
    asked = session.execute(
        select(Task.public_id, Task.subject, Task.due_at)
        .where(
            Task.patient_id == patient_id,
            Task.subject.in_(list(forms)),
            Task.kind == "questionnaire",
            Task.status.in_(_OPEN),
            Task.starts_at <= now,
            Task.ends_at > now,
        )
        .order_by(Task.due_at, Task.id)
    )
    due = [
        FormToFill(row.subject, forms[row.subject].title, row.public_id, row.due_at)
        for row in asked
        if row.subject is not None
    ]
    return due, [FormToFill(form.key, form.title) for form in forms.values()]
