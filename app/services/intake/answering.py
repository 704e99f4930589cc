"""How long senders waited for their answers."""

from collections.abc import Mapping

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.models import InboundMessage


def record_answers(session: Session, waited: Mapping[int, int]) -> None:
    """Keep the milliseconds from a message's last byte to its answer, by the message's id."""
    rows = [{"id": message_id, "answered_ms": waited[message_id]} for message_id in sorted(waited)]
    if rows:
        session.execute(update(InboundMessage), rows)
