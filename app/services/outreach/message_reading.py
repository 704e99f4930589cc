"""Messages to one patient as staff read them: the channel, why, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.outreach.channels import TO_PATIENTS
from app.domain.outreach.decency import Purpose, purpose_of_kind
from app.domain.outreach.messaging import Channel, CommunicationState
from app.models import Communication

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message by one channel; `chosen` is why, as `recipients.told` wrote it."""

    id: str
    purpose: Purpose
    channel: Channel
    state: CommunicationState
    reason: str | None
    chosen: Mapping[str, Any] | None
    planned_at: datetime
    due_at: datetime
    falls_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None


def messages_to(
    session: Session, patient_id: int, before: str | None = None
) -> tuple[Sequence[MessageLine], bool]:
    """Return a page of messages, the newest first, and whether older ones follow.

    :raises NotFound: `before` names no message to this patient
    """
    query = select(Communication).where(
        Communication.patient_id == patient_id,
        Communication.channel.in_(TO_PATIENTS),
        Communication.kind != "binding-code",
    )
    if before is not None:
        named = select(Communication.id).filter_by(public_id=before, patient_id=patient_id)
        found = session.scalar(named)
        if found is None:
            raise NotFound
        query = query.where(Communication.id < found)
    rows = session.scalars(query.order_by(Communication.id.desc()).limit(PAGE + 1)).all()
    return [_line(row) for row in rows[:PAGE]], len(rows) > PAGE


def _line(row: Communication) -> MessageLine:
    return MessageLine(
        row.public_id, row.purpose or purpose_of_kind(row.kind), row.channel, row.state,
        row.reason, row.chosen, row.planned_at, row.due_at, row.falls_at, row.sent_at,
        row.delivered_at, row.opened_at,
    )  # fmt: skip
