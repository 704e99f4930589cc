"""What operators may do to the sending of messages, and to which of them."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.outreach.messaging import Channel, CommunicationState


class DeedKind(StrEnum):
    PAUSE = "pause"
    OPEN = "open"
    REPLAY = "replay"
    REPLAY_DOUBTFUL = "replay-doubtful"  # although it may have arrived
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why; nobody by name on the command line."""

    practitioner_id: int | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Messages by one route that rest for one reason; `app_key` as it is written in keys."""

    state: CommunicationState
    channel: Channel
    app_key: str
    reason: str | None
    errcode: int | None
