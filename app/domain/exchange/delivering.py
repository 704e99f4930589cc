"""How a call to another system may end, and when it is made again.

At least once: our document's number, or the delivery's id, lets the receiver drop a repeat. So a
call that broke off is made again, like one that never left, until its horizon; only what the
receiver will never take ends at once.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.domain.exchange.answers import Answer


class DeliveryState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    CALLING = "calling"
    DONE = "done"
    DEAD = "dead"  # the receiver will never take it, or we may not call it
    EXPIRED = "expired"  # its horizon passed
    CANCELLED = "cancelled"


WAITING: Final = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.CALLING)


class CallError(StrEnum):
    NOT_SENT = "not-sent"  # nothing left this machine
    AMBIGUOUS = "ambiguous"  # bytes left, no readable answer came
    BUSY = "busy"  # it asked for the message again: HL7 AE, 429, 5xx
    UNAUTHORISED = "unauthorised"  # our key or address is not accepted: somebody must mend it
    CONTENT = "content"  # it will never take this: HL7 AR, 400, 422
    BLOCKED = "blocked"  # the address is none we may call
    UNREADABLE = "unreadable"  # our own row cannot be read


# What another try cannot mend.
FINAL_ERRORS: Final = frozenset({CallError.CONTENT, CallError.BLOCKED, CallError.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver took it; `answer` is what it said in the same breath."""

    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """It did not; `code` is the HTTP status or a number of HL7 table 0357, never a text."""

    error: CallError
    code: int | None = None


CallOutcome = Taken | Broken

_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 900.0


def wait_before(tries: int) -> timedelta:
    """Return how long to wait after `tries` calls: exponential with full jitter, 15 min at most.

    Never less than a second: a receiver that fails at once must not be called in a loop.
    """
    ceiling = min(_FIRST_WAIT * 2 ** min(tries - 1, 16), _LONGEST_WAIT)
    return timedelta(seconds=1 + (ceiling - 1) * secrets.randbelow(10_001) / 10_000)


def error_of_status(status: int) -> CallError:
    """Return what an HTTP status other than 2xx says of the call."""
    if status in (401, 403, 404, 407):
        return CallError.UNAUTHORISED
    if status in (408, 425, 429) or status >= 500:
        return CallError.BUSY
    if 400 <= status < 500:
        return CallError.CONTENT
    # A redirect is not followed: it may come from anything between us and the receiver.
    return CallError.AMBIGUOUS
