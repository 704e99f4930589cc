"""Reading kept messages again: the states of a run, and which messages one may name."""

from enum import StrEnum
from typing import Final


class ReplayState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"  # a person asked; the batch at hand is finished first
    STOPPED = "stopped"
    FINISHED = "finished"

    @property
    def is_open(self) -> bool:
        return self in (ReplayState.WAITING, ReplayState.RUNNING, ReplayState.STOPPING)


class DeedKind(StrEnum):
    """What a member of staff did with one message."""

    READ = "read"  # opened its full text
    IGNORE = "ignore"


# What a person may have read again; a message that was processed stays as it is.
REPLAYABLE: Final = ("rejected", "held", "received")
# What a person may set aside.
IGNORABLE: Final = ("rejected", "held")
