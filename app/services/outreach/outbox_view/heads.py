"""What there is by state, lane and route: few, whatever the outbox holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.outreach.messaging import CommunicationState, Lane, Route
from app.models import Communication


@dataclass(frozen=True, slots=True)
class Head:
    """The earliest message of one state, lane and route."""

    state: CommunicationState
    lane: Lane
    route: Route
    due_at: datetime


def read_heads(session: Session, states: Sequence[CommunicationState]) -> list[Head]:
    """Return what is in `states`.

    Asked for all states, MariaDB leaps over the index from one route to the next; with a
    condition on one of them it would read every entry of that state (measured on 1.4 million
    rows: 1 ms against 180 ms).
    """
    keys = (
        Communication.state, Communication.lane, Communication.channel, Communication.app_key,
    )  # fmt: skip
    found = session.execute(select(*keys, func.min(Communication.due_at)).group_by(*keys))
    return [
        Head(state, lane, Route(channel, app_key or ""), due_at)
        for state, lane, channel, app_key, due_at in found
        if state in states
    ]
