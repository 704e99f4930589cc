"""What a patient is told, and whether they were told something like it a moment ago."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.domain.outreach.decency import Purpose, purpose_of_kind
from app.domain.outreach.messaging import STORM_WINDOW, Channel, CommunicationState, Lane
from app.domain.plans.rules import Grade
from app.models import Alert, Communication

_NOT_ON_ITS_WAY: Final = (
    CommunicationState.HELD,
    CommunicationState.REFUSED,
    CommunicationState.DEAD,
    CommunicationState.CANCELLED,
    CommunicationState.EXPIRED,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a patient is told: `title` may show on a lock screen and names no disease or value.

    `text` is read in the inbox, behind sign-in. `subject` makes the notice one of its kind.
    What it is about, task, booking or visit, is looked at again before each call.
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
    appointment_id: int | None = None
    encounter_id: int | None = None
    purpose: Purpose | None = None  # None: what its kind is usually for
    is_urgent: bool = False
    # The patient was called to the inbox moments ago, and finds this there too.
    is_inbox_alone: bool = False

    @property
    def meant_for(self) -> Purpose:
        return self.purpose or purpose_of_kind(self.kind)


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
