"""Messages to patients that reactions set off."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from app import clock
from app.domain.outreach.messaging import Lane
from app.models import Event
from app.services.outreach import patient_notices
from app.services.outreach.patient_notices import Notice
from jobs.chores import Work

_NOTICE_LIFE: Final = timedelta(days=2)


def notify(
    work: Work,
    session: Session,
    event: Event,
    title: str,
    text: str,
    *,
    alert_id: int | None = None,
    is_urgent: bool = True,
    is_inbox_alone: bool = False,
) -> None:
    if event.patient_id is None:
        return
    now = clock.now()
    notice = Notice(
        kind="alert-notice", subject=f"event:{event.id}", title=title, text=text,
        page="pages/inbox/index", lane=Lane.CLINICAL, expires_at=now + _NOTICE_LIFE,
        alert_id=alert_id, is_urgent=is_urgent, is_inbox_alone=is_inbox_alone,
    )  # fmt: skip
    patient_notices.notify_patient(session, event.patient_id, notice, now, work.zone, work.outlets)


def notify_of_task(work: Work, session: Session, event: Event, title: str, text: str) -> None:
    if event.patient_id is None:
        return
    now = clock.now()
    notice = Notice(
        kind="task-reminder", subject=f"event:{event.id}", title=title, text=text,
        page="pages/inbox/index", lane=Lane.TRANSACTIONAL, expires_at=now + _NOTICE_LIFE,
        task_id=event.payload["task_id"],
    )  # fmt: skip
    patient_notices.notify_patient(session, event.patient_id, notice, now, work.zone, work.outlets)
