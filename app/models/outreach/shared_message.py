"""A message that several share, split per person once it did not go equally to all."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import IDENTITY, OPERATION, Base, PlatformId, key_column
from app.domain.outreach.messaging import CommunicationState, may_become
from app.models.outreach.communication import Communication


class CommunicationRecipient(Base):
    """What became of a shared message for one of those it was for."""

    __tablename__ = "communication_recipient"
    __table_args__ = (UniqueConstraint("communication_id", "recipient"),)

    id: Mapped[int] = key_column()
    communication_id: Mapped[int] = mapped_column(ForeignKey("communication.id"), info=OPERATION)
    recipient: Mapped[str] = mapped_column(PlatformId(64), info=IDENTITY)  # the platform's name
    state: Mapped[CommunicationState] = mapped_column(info=OPERATION)
    reason: Mapped[str | None] = mapped_column(info=OPERATION)
    at: Mapped[datetime] = mapped_column(info=OPERATION)


def recipients_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the platform's names of those a message is for; none where it is for one person."""
    named = content.get("external_userids") or content.get("userids") or ()
    return tuple(one for one in named if isinstance(one, str))


def split(
    session: Session,
    message: Communication,
    refused: Mapping[str, str],
    delivered: Iterable[str],
    at: datetime,
) -> list[CommunicationRecipient]:
    """Keep what became of each recipient; return all of them as they now stand.

    Who is in neither stands as the message does. A recipient who is settled stays so.
    """
    content = json.loads(message.content or "{}")
    # WeCom names members in lower case, whichever way we wrote them; customers as they are.
    fold: Callable[[str], str] = str if content.get("external_userids") else str.lower
    kept = {
        one.recipient: one
        for one in session.scalars(
            select(CommunicationRecipient)
            .filter_by(communication_id=message.id)
            .order_by(CommunicationRecipient.id)
            .with_for_update()
        )
    }
    reasons = {fold(named): reason for named, reason in refused.items()}
    reached = {fold(named) for named in delivered}
    for named in recipients_of(content):
        after, reason = message.state, None
        if fold(named) in reasons:
            after, reason = CommunicationState.REFUSED, reasons[fold(named)][:64]
        elif fold(named) in reached:
            after = CommunicationState.DELIVERED
        row = kept.get(named)
        if row is None:
            kept[named] = row = CommunicationRecipient(
                communication_id=message.id, recipient=named, state=after, reason=reason, at=at
            )
            session.add(row)
        elif may_become(row.state, after):
            row.state, row.reason, row.at = after, reason, at
    session.flush()
    return list(kept.values())
