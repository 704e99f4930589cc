"""Notices to patients: in the inbox always, and by the best channel each recipient has."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.domain.outreach.messaging import (
    STORM_WINDOW,
    Channel,
    CommunicationState,
    Lane,
    Outlets,
    dedupe_key,
    fill,
)
from app.domain.plans.plan_schedule import SECOND_REMINDER_AFTER, TaskStatus, after_quiet_hours
from app.domain.plans.rules import Grade
from app.domain.trust.access import Relation
from app.models import (
    Alert,
    CarePlan,
    Communication,
    Consent,
    PatientLink,
    Task,
    TaskOwner,
    WeChatAccount,
)
from app.models.outreach.subscription_ledger import balance
from app.models.plans.asking import Questions
from app.models.plans.knowledge import knowledge
from app.models.trust.reach import follows_as

_MAX_REMINDERS: Final = 2
_NOT_ON_ITS_WAY: Final = (
    CommunicationState.HELD,
    CommunicationState.REFUSED,
    CommunicationState.DEAD,
    CommunicationState.CANCELLED,
    CommunicationState.EXPIRED,
)
_OPEN: Final = (TaskStatus.REQUESTED, TaskStatus.READY, TaskStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a patient is told: `title` may show on a lock screen and names no disease or value.

    `text` is read in the inbox, behind sign-in. `subject` makes the notice one of its kind.
    """

    kind: str
    subject: str
    title: str
    text: str
    page: str
    lane: Lane
    expires_at: datetime
    task_id: int | None = None
    alert_id: int | None = None
    is_urgent: bool = False
    # The patient was called to the inbox moments ago, and finds this there too.
    is_inbox_alone: bool = False


def notify_patient(
    session: Session,
    patient_id: int,
    notice: Notice,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
) -> None:
    """Queue a notice: always in the inbox, and by the best channel each recipient has."""
    _into_inbox(session, patient_id, notice, now)
    if notice.is_inbox_alone:
        return
    for link in _recipients(session, patient_id):
        if _may_write(session, patient_id, link.account_id):
            _queue_best(session, link, notice, now, zone, outlets, tried=())


def was_called_lately(session: Session, alert: Alert, now: datetime) -> bool:
    """Tell whether the patient was sent word of another alert moments ago and has not read it yet.

    The lock screen says the same of every alert. Worse ones call again, and severe ones always:
    each has advice of its own that must not wait.
    """
    if alert.grade is Grade.SEVERE:
        return False
    unread = aliased(Communication)
    others = session.scalars(
        select(Alert)
        .join(Communication, Communication.alert_id == Alert.id)
        .join(unread, unread.alert_id == Alert.id)
        .where(
            Communication.patient_id == alert.patient_id,
            Communication.kind == "alert-notice",
            Communication.channel != Channel.INBOX,
            Communication.state.not_in(_NOT_ON_ITS_WAY),
            Communication.planned_at >= now - STORM_WINDOW,
            Communication.due_at <= now,
            unread.channel == Channel.INBOX,
            unread.opened_at.is_(None),
            Alert.id != alert.id,
        )
    )
    return any(not alert.grade.is_worse_than(other.grade) for other in others)


def fall_back(
    session: Session, communication_id: int, now: datetime, zone: ZoneInfo, outlets: Outlets
) -> None:
    """Take up a patient's message that one channel could not deliver by the next one."""
    failed = session.get_one(Communication, communication_id)
    if failed.link_id is None or failed.expires_at <= now:
        return
    content = json.loads(failed.content or "{}")
    link = session.get_one(PatientLink, failed.link_id)
    if link.is_live is None:
        return
    notice = Notice(
        kind=failed.kind, subject=content["subject"], title=content["title"], text="",
        page=content["page"], lane=failed.lane, expires_at=failed.expires_at,
        task_id=failed.task_id, alert_id=failed.alert_id,
        is_urgent=failed.lane is Lane.CLINICAL,
    )  # fmt: skip
    tried: tuple[Channel, ...] = (failed.channel,)
    if failed.fallback_of_id is not None:
        tried += (session.get_one(Communication, failed.fallback_of_id).channel,)
    _queue_best(session, link, notice, now, zone, outlets, tried=tried, fallback_of=failed.id)


def remind_of_tasks(
    session: Session, now: datetime, zone: ZoneInfo, outlets: Outlets, limit: int = 500
) -> int:
    """Remind patients of what is due, once for all of a person's tasks; return how many tasks.

    A task still open a day later is named once more.
    """
    due = session.scalars(
        select(Task)
        # After an outage some are over that the clock has not closed yet.
        .where(Task.remind_at <= now, Task.status.in_(_OPEN), Task.ends_at > now)
        .order_by(Task.remind_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    by_patient: dict[int, list[Task]] = {}
    for task in due:
        by_patient.setdefault(task.patient_id, []).append(task)
    for patient_id, tasks in by_patient.items():
        notify_patient(session, patient_id, _reminder(session, tasks), now, zone, outlets)
    for task in due:
        task.reminders += 1
        again = now + SECOND_REMINDER_AFTER  # also after a long pause: never two at once
        keep = task.reminders < _MAX_REMINDERS and again < task.ends_at
        task.remind_at = after_quiet_hours(again, zone) if keep else None
    return len(due)


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
    for task, plan in due:
        action = questions.behind(plan, task)
        if action is not None and action.text is not None:
            notify_patient(
                session, task.patient_id, _message(session, task, action.text), now, zone, outlets
            )
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
    )


def _recipients(session: Session, patient_id: int) -> Sequence[PatientLink]:
    """Return who is told: the patients themselves where they can be, else those who may."""
    links = session.scalars(
        select(PatientLink).filter_by(patient_id=patient_id, is_live=True).order_by(PatientLink.id)
    ).all()
    own = [link for link in links if link.relation is Relation.SELF]
    return own or links


def _may_write(session: Session, patient_id: int, account_id: int) -> bool:
    """Return whether the last word of this account on messages about the patient was not no."""
    last = session.scalar(
        select(Consent.is_given)
        .filter_by(patient_id=patient_id, account_id=account_id, purpose="messages")
        .order_by(Consent.id.desc())
        .limit(1)
    )
    return last is not False


def _queue_best(
    session: Session,
    link: PatientLink,
    notice: Notice,
    now: datetime,
    zone: ZoneInfo,
    outlets: Outlets,
    *,
    tried: Iterable[Channel],
    fallback_of: int | None = None,
) -> None:
    account = session.get_one(WeChatAccount, link.account_id)
    values = {"title": notice.title, "time": f"{now.astimezone(zone):%Y-%m-%d %H:%M}"}
    subscription = outlets.subscriptions.get(notice.kind)
    if (
        subscription is not None
        and Channel.SUBSCRIPTION not in tried
        and (subscription.is_long_term or balance(session, account.id, subscription.template_id))
    ):
        _queue(
            session, Channel.SUBSCRIPTION, account, outlets.mini_program, link, notice, now,
            zone, fallback_of, subscription.template_id, fill(subscription.data, values),
            needs_right=not subscription.is_long_term,
        )  # fmt: skip
        return
    template = outlets.templates.get(notice.kind)
    if template is None or Channel.TEMPLATE in tried or outlets.official_account is None:
        return
    follower = _follower(session, account, outlets.official_account)
    if follower is not None:
        _queue(
            session, Channel.TEMPLATE, follower, outlets.official_account, link, notice, now, zone,
            fallback_of, template.template_id, fill(template.data, values), needs_right=False,
        )  # fmt: skip


def _follower(session: Session, account: WeChatAccount, app_key: str) -> WeChatAccount | None:
    """Return the same person as a follower of the official account, joined by unionid."""
    if account.unionid is None:
        return None
    return session.scalar(
        select(WeChatAccount).where(
            WeChatAccount.app_key == app_key, follows_as(WeChatAccount, account.unionid)
        )
    )


def _queue(
    session: Session,
    channel: Channel,
    account: WeChatAccount,
    app_key: str | None,
    link: PatientLink,
    notice: Notice,
    now: datetime,
    zone: ZoneInfo,
    fallback_of: int | None,
    template_id: str,
    data: dict[str, str],
    *,
    needs_right: bool,
) -> None:
    content = {
        "openid": account.openid,
        "template_id": template_id,
        "page": notice.page,
        "data": data,
        "title": notice.title,
        "subject": notice.subject,
    }
    Communication.queue(
        session,
        dedupe_key=dedupe_key(notice.kind, notice.subject, channel, account.id),
        patient_id=link.patient_id,
        account_id=account.id,
        link_id=link.id,
        task_id=notice.task_id,
        alert_id=notice.alert_id,
        kind=notice.kind,
        channel=channel,
        lane=notice.lane,
        app_key=app_key,
        template_id=template_id,
        needs_right=needs_right,
        content=_json(content),
        recipient_key=f"{app_key}:{account.openid}",
        fallback_of_id=fallback_of,
        planned_at=now,
        due_at=now if notice.is_urgent else after_quiet_hours(now, zone),
        expires_at=notice.expires_at,
    )


def _into_inbox(session: Session, patient_id: int, notice: Notice, now: datetime) -> None:
    Communication.queue(
        session,
        dedupe_key=dedupe_key(notice.kind, notice.subject, Channel.INBOX, patient_id),
        patient_id=patient_id,
        task_id=notice.task_id,
        alert_id=notice.alert_id,
        kind=notice.kind,
        channel=Channel.INBOX,
        lane=notice.lane,
        state=CommunicationState.DELIVERED,
        content=_json({"title": notice.title, "text": notice.text, "page": notice.page}),
        recipient_key=f"inbox:{patient_id}",
        planned_at=now,
        due_at=now,
        sent_at=now,
        delivered_at=now,
        expires_at=notice.expires_at,
    )


def _reminder(session: Session, tasks: Sequence[Task]) -> Notice:
    first = tasks[0]
    single = len(tasks) == 1
    return Notice(
        kind="task-reminder",
        subject=",".join(f"{task.id}.{task.reminders}" for task in tasks),
        title=_notice_title(session, first) if single else f"您有{len(tasks)}项今日健康任务",
        text="\n".join(task.title for task in tasks),
        page=f"pages/task/index?task={first.public_id}" if single else "pages/today/index",
        lane=Lane.TRANSACTIONAL,
        expires_at=max(task.ends_at for task in tasks),
        task_id=first.id if single else None,
    )


def _notice_title(session: Session, task: Task) -> str:
    """Return the pack's own words for a lock screen; they name no disease, test or drug."""
    for pack in knowledge(session).packs.values():
        for kind, text in pack.notices.items():
            if kind == task.kind:
                return text
    return "您有一项今日健康任务"


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True)
