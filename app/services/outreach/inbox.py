"""The messages inside the mini-program: always there, whatever else did not arrive."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.outreach.messaging import Channel, CommunicationState
from app.models import Communication, Event

PAGE: Final = 30

# Withdrawn before it was due, or held for review: not for the patient's eyes.
_HIDDEN: Final = (
    CommunicationState.HELD,
    CommunicationState.CANCELLED,
    CommunicationState.EXPIRED,
    CommunicationState.REFUSED,
    CommunicationState.DEAD,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `page` is where in the mini-program it leads, if anywhere."""

    id: str
    kind: str
    title: str
    text: str
    page: str | None
    at: datetime
    opened_at: datetime | None


def messages_of(
    session: Session, patient_id: int, after: str | None, now: datetime
) -> tuple[Sequence[Message], str | None]:
    """Return a page, newest first, that follows the message named `after`, and its last id.

    :raises NotFound: `after` names no message of this patient
    """
    query = select(
        Communication.public_id,
        Communication.kind,
        Communication.content_sealed,
        Communication.due_at,
        Communication.opened_at,
    ).where(*_shown(patient_id, now))
    if after is not None:
        query = query.where(Communication.id < _id_of(session, patient_id, after, now))
    rows = session.execute(query.order_by(Communication.id.desc()).limit(PAGE + 1)).all()
    page = [_message(*row) for row in rows[:PAGE]]
    return page, page[-1].id if len(rows) > PAGE else None


def mark_opened(session: Session, patient_id: int, message_id: str, now: datetime) -> None:
    """Note when the message was first opened; an event tells of it once.

    :raises NotFound: it is not there for this patient
    """
    found = _id_of(session, patient_id, message_id, now)
    opened = session.execute(
        update(Communication)
        .where(Communication.id == found, Communication.opened_at.is_(None))
        .values(opened_at=now)
    )
    if opened.rowcount:  # type: ignore[attr-defined]
        _open_calls(session, patient_id, found, now)
        session.add(Event.of("message.opened", now, patient_id=patient_id, communication_id=found))


def _open_calls(session: Session, patient_id: int, message_id: int, now: datetime) -> None:
    """Note that what called the patient to a message has led there: planned in one moment."""
    message = session.get_one(Communication, message_id)
    session.execute(
        update(Communication)
        .where(
            Communication.patient_id == patient_id,
            Communication.channel != Channel.INBOX,
            Communication.kind == message.kind,
            Communication.planned_at == message.planned_at,
            Communication.delivered_at.is_not(None),
            Communication.opened_at.is_(None),
        )
        .values(opened_at=now)
    )


def _shown(patient_id: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Communication.patient_id == patient_id,
        Communication.channel == Channel.INBOX,
        Communication.due_at <= now,
        Communication.state.not_in(_HIDDEN),
    )


def _id_of(session: Session, patient_id: int, public_id: str, now: datetime) -> int:
    found = session.scalar(
        select(Communication.id).where(
            Communication.public_id == public_id, *_shown(patient_id, now)
        )
    )
    if found is None:
        raise NotFound
    return found


def _message(
    public_id: str, kind: str, sealed: bytes, due_at: datetime, opened_at: datetime | None
) -> Message:
    content = json.loads(Communication.content.open("communication", public_id, sealed) or "{}")
    return Message(
        id=public_id,
        kind=kind,
        title=content.get("title", ""),
        text=content.get("text", ""),
        page=content.get("page"),
        at=due_at,
        opened_at=opened_at,
    )
