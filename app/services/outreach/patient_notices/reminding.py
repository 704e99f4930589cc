"""What the clock tells patients: tasks that are due, and the messages of their plans."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.decency import purpose_of_tasks
from app.domain.outreach.messaging import Lane, Outlets
from app.domain.plans.plan_schedule import SECOND_REMINDER_AFTER, TaskStatus
from app.models import CarePlan, Task, TaskOwner
from app.models.outreach.reachability import gather
from app.models.outreach.recipients import Person
from app.models.plans.asking import Questions
from app.models.plans.knowledge import knowledge
from app.services.outreach.patient_notices.notice import Notice
from app.services.outreach.patient_notices.queueing import notify_patients

_MAX_REMINDERS: Final = 2
_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


def remind_of_tasks(
    session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets, limit: int = 500
) -> int:
    """Remind patients of what is due, once for all of a person's tasks; return how many tasks.

    What falls due within the digest's time is told in the same message. A task still open a day
    later is named once more.
    """
    due = list(
        session.scalars(
            select(Task)
            # After an outage some are over that the clock has not closed yet.
            .where(Task.remind_at <= now, Task.status.in_(_OPEN), Task.ends_at > now)
            .order_by(Task.remind_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    if not due:
        return 0
    by_patient: dict[int, list[Task]] = defaultdict(list)
    for task in due:
        by_patient[task.patient_id].append(task)
    soon = _soon(session, list(by_patient), now, outlets)
    for task in soon:
        by_patient[task.patient_id].append(task)
    people = gather(session, by_patient, outlets, now)
    notices = [
        (patient_id, _reminder(session, tasks, people.get(patient_id)))
        for patient_id, tasks in by_patient.items()
    ]
    notify_patients(session, notices, now, zone, outlets, people)
    for task in (*due, *soon):
        task.reminders += 1
        again = now + SECOND_REMINDER_AFTER  # also after a long pause: never two at once
        keep = task.reminders < _MAX_REMINDERS and again < task.ends_at
        task.remind_at = outlets.rules.after_quiet(again, zone) if keep else None
    return len(due) + len(soon)


def _soon(
    session: Session, patient_ids: Sequence[int], now: datetime, outlets: Outlets
) -> Sequence[Task]:
    """Return what these patients are to be reminded of in a moment."""
    return session.scalars(
        select(Task)
        .where(
            Task.patient_id.in_(patient_ids),
            Task.remind_at > now,
            Task.remind_at <= now + outlets.rules.digest,
            Task.starts_at <= now + outlets.rules.digest,
            Task.status.in_(_OPEN),
        )
        .order_by(Task.remind_at)
        .with_for_update(skip_locked=True)
    ).all()


def send_messages(
    session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets, limit: int = 200
) -> int:
    """Tell patients what their plans have to say today; return how many messages.

    What is told is done: each is an event, so that other actions may follow it.
    """
    due = session.execute(
        select(Task, CarePlan)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        .where(
            Task.owner == TaskOwner.CLOCK,
            Task.status == TaskStatus.READY,
            Task.starts_at <= now,
            Task.ends_at > now,
        )
        .order_by(Task.starts_at, Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Task)
    ).all()
    questions = Questions(session)
    notices = []
    for task, plan in due:
        action = questions.behind(plan, task)
        if action is not None and action.text is not None:
            notices.append((task.patient_id, _message(session, task, action.text)))
    if notices:
        notify_patients(session, notices, now, zone, outlets)
    for task, _ in due:
        session.add(task.send(now))
    return len(due)


def _message(session: Session, task: Task, text: str) -> Notice:
    return Notice(
        kind="task-reminder",
        subject=f"message:{task.id}",
        title=_notice_title(session, task),
        text=text,
        page="pages/inbox/index",
        lane=Lane.TRANSACTIONAL,
        expires_at=task.ends_at,
        task_id=task.id,
        purpose=purpose_of_tasks([task.kind]),
    )


def _reminder(session: Session, tasks: Sequence[Task], person: Person | None) -> Notice:
    """Return one notice of all tasks; who is called to it hears of those they want to hear of."""
    wanted = [task for task in tasks if _is_wanted(task, person)]
    named = wanted or tasks
    first = named[0]
    single = len(named) == 1
    return Notice(
        kind="task-reminder",
        subject=",".join(f"{task.id}.{task.reminders}" for task in tasks),
        title=_notice_title(session, first) if single else f"您有{len(named)}项今日健康任务",
        text="\n".join(task.title for task in tasks),
        page=f"pages/task/index?task={first.public_id}" if single else "pages/today/index",
        lane=Lane.TRANSACTIONAL,
        expires_at=max(task.ends_at for task in tasks),
        task_id=first.id if single else None,
        purpose=purpose_of_tasks([task.kind for task in named]),
        is_inbox_alone=not wanted,
    )


def _is_wanted(task: Task, person: Person | None) -> bool:
    return person is None or bool(person.willing(purpose_of_tasks([task.kind])))


def _notice_title(session: Session, task: Task) -> str:
    """Return the pack's own words for a lock screen; they name no disease, test or drug."""
    for pack in knowledge(session).packs.values():
        for kind, text in pack.notices.items():
            if kind == task.kind:
                return text
    return "您有一项今日健康任务"
