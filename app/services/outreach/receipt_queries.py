"""Asking platforms that push no receipts what became of messages they took."""

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import Channel, CommunicationState
from app.domain.outreach.platform_events import Receipt
from app.domain.outreach.receipts import Answered, Inquiry, next_wait
from app.models import Communication
from app.models.outreach.receipt import apply_receipt
from app.models.outreach.shared_message import recipients_of, split

# After a message's time is over; a report that has not come by then will not come.
_ASK_FOR: Final = timedelta(days=7)


def to_ask(session: Session, channel: Channel, now: datetime, limit: int = 100) -> list[Inquiry]:
    """Return the messages of a channel whose turn it is to be asked after, and set their next.

    While a message rests as sent, `due_at` is when to ask next.
    """
    rows = session.scalars(
        select(Communication)
        .where(
            Communication.state == CommunicationState.SENT,
            Communication.channel == channel,
            Communication.due_at <= now,
            Communication.platform_id.is_not(None),
            Communication.expires_at > now - _ASK_FOR,
        )
        .order_by(Communication.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    asked = []
    for row in rows:
        content = json.loads(row.content or "{}")
        is_over = row.expires_at <= now
        again = now + next_wait(now - (row.sent_at or now))
        row.due_at = again if is_over else min(again, row.expires_at)
        assert row.platform_id is not None
        asked.append(
            Inquiry(
                row.id, row.app_key or "", row.platform_id, recipients_of(content),
                content.get("userid"), is_over,
            )
        )  # fmt: skip
    return asked


def settle(session: Session, inquiry: Inquiry, answered: Answered, now: datetime) -> bool:
    """Settle a message as far as the platform knows; True once nothing more will come of it.

    Of several recipients one reached is enough for the message to have arrived; each has a state
    of their own. What a member did not confirm before it ran out did not arrive.
    """
    row = session.get_one(Communication, inquiry.communication_id, with_for_update=True)
    if row.state is not CommunicationState.SENT:
        return False
    reached, refused = set(answered.delivered), dict(answered.refused)
    if inquiry.recipients:
        if inquiry.is_over:
            waiting = set(inquiry.recipients) - reached - refused.keys()
            refused |= dict.fromkeys(waiting, "not confirmed")
        states = {one.state for one in split(session, row, refused, reached, now)}
        if CommunicationState.SENT in states:
            return False
        is_delivered, outcome = CommunicationState.DELIVERED in states, "nobody reached"
    elif reached or refused:
        is_delivered, outcome = bool(reached), next(iter(refused.values()), "")
    else:
        return False
    receipt = Receipt(inquiry.platform_id, is_delivered=is_delivered, outcome=outcome)
    return apply_receipt(session, row, receipt, now)
