"""Tasks of the team: the next contact somebody promised, and what is done."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import DomainError, NotFound
from app.domain.plans.plan import ActionKind
from app.domain.plans.plan_schedule import TaskStatus
from app.domain.staff.contacts import ENDS_PLANS
from app.models import Alert, Task, TaskOwner
from app.models.staff.staff_access import teams_of
from app.models.staff.team_work import lock_task

TITLE: Final = "再次联系"
_LASTS: Final = timedelta(days=1)


class ConfirmationNeeded(DomainError):
    """Plans hang on the answer: it is not enough to have looked."""

    code = "confirmation-needed"
    title = "请选择“属实”或“不属实”"


def plan_contact(
    session: Session, alert_public_id: str, practitioner_id: int, starts_at: datetime, now: datetime
) -> None:
    """Put the next contact about an alert on the team's list for the day beginning `starts_at`.

    The same day again changes nothing.

    :raises NotFound: the alert is none of theirs
    """
    alert = session.scalar(
        select(Alert).where(
            Alert.public_id == alert_public_id, Alert.care_team_id.in_(teams_of(practitioner_id))
        )
    )
    if alert is None:
        raise NotFound
    slot = f"contact:{alert.public_id}:{starts_at:%Y%m%dT%H%M}"
    if session.scalar(select(Task.id).where(Task.alert_id == alert.id, Task.slot == slot)):
        return
    session.add(
        Task(
            patient_id=alert.patient_id,
            care_plan_id=alert.care_plan_id,
            alert_id=alert.id,
            slot=slot,
            owner=TaskOwner.STAFF,
            kind=ActionKind.STAFF_TASK.value,
            title=TITLE,
            status=TaskStatus.REQUESTED,
            starts_at=starts_at,
            due_at=starts_at + _LASTS,
            ends_at=starts_at + _LASTS * 7,
            created_at=now,
        )
    )


def finish_task(session: Session, task_public_id: str, practitioner_id: int, now: datetime) -> Task:
    """Mark a task of the team as done.

    :raises NotFound: none of theirs
    :raises TaskClosed: somebody was faster, or its time is over
    :raises ConfirmationNeeded: it asks for a yes or no
    """
    task, _ = lock_task(session, task_public_id, practitioner_id)
    if task.kind in ENDS_PLANS:
        raise ConfirmationNeeded
    session.add(task.complete(now))
    return task
