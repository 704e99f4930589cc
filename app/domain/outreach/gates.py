"""When a route is closed: limits of the platform, and a breaker for what is broken.

A closed route holds what is queued for it; nothing fails by waiting. What closes it says for how
long, and one message at a time tries whether it is open again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.outreach.messaging import ErrorClass, Failure, Outcome

# So many calls in a row came to nothing: the platform, not the person, is the trouble.
_STREAK: Final = 10
_TOKEN_STREAK: Final = 3
# While a route is closed one message tries it each so often. A fault of ours needs a person,
# and a platform that banned us dislikes being asked.
PROBE_EVERY: Final = timedelta(seconds=30)
_OURS_PAUSE: Final = timedelta(minutes=10)
_TOKEN_PAUSE: Final = timedelta(minutes=5)
_IN_VAIN: Final = frozenset(
    {ErrorClass.NOT_SENT, ErrorClass.AMBIGUOUS, ErrorClass.BUSY, ErrorClass.TOKEN}
)
# The platform counts by its own day (Asia/Shanghai); a few minutes after its midnight.
_DAY: Final = 86_400
_SHANGHAI: Final = 8 * 3600
_AFTER_MIDNIGHT: Final = 300


class Closed(StrEnum):
    """Why a route is closed."""

    DOWN = "down"  # nobody answers, or only with errors
    OURS = "ours"  # a wrong secret, a missing right, a ban: a person must act
    TOKEN = "token"  # noqa: S105  # every token is refused
    RATE = "rate"  # too many in this minute
    QUOTA = "quota"  # too many today
    PAUSED = "paused"  # by a person, until a person opens it


@dataclass(frozen=True, slots=True)
class Gate:
    """The state of one route; `failures` counts calls in a row that came to nothing.

    A route that is paused has no `until`.
    """

    failures: int = 0
    closed: Closed | None = None
    closed_at: datetime | None = None
    until: datetime | None = None

    def allows(self, now: datetime) -> int | None:
        """Return how many messages may go: None for any number, 1 for a probe."""
        if self.closed is None:
            return None
        if self.until is None or now < self.until:
            return 0
        # A minute or a day that is over needs no probe.
        return None if self.closed in (Closed.RATE, Closed.QUOTA) else 1

    def probing(self, now: datetime) -> "Gate":
        """Return the gate while a probe is out: nobody else sends another."""
        return replace(self, until=now + PROBE_EVERY)

    def paused(self, now: datetime) -> "Gate":
        """Return the gate as a person closes it."""
        return Gate(self.failures, Closed.PAUSED, now)

    def opened(self, now: datetime) -> "Gate":
        """Return the gate as a person opens it: the next message tries the route, alone.

        So it is with a limit too: the person may be wrong about what the platform counts.
        """
        if self.closed is None:
            return self
        limited = self.closed in (Closed.RATE, Closed.QUOTA)
        return replace(self, closed=Closed.PAUSED if limited else self.closed, until=now)


def after(gate: Gate, outcomes: Sequence[Outcome], now: datetime) -> Gate:
    """Return a route's gate after calls whose outcomes came together.

    What the platform says of the route outweighs what it took from others in the same moment;
    any answer about a single message shows that the route is open.
    """
    if gate.closed is Closed.PAUSED and gate.until is None:
        return gate  # what was on the wire says nothing against the person
    classes = {one.error_class for one in outcomes if isinstance(one, Failure)}
    if ErrorClass.OURS in classes:
        return _close(gate, Closed.OURS, now, now + _OURS_PAUSE)
    if ErrorClass.QUOTA in classes:
        return _close(gate, Closed.QUOTA, now, _next_day(now))
    if ErrorClass.RATE in classes:
        return _close(gate, Closed.RATE, now, now + timedelta(seconds=60 - now.second))
    in_vain = sum(isinstance(one, Failure) and one.error_class in _IN_VAIN for one in outcomes)
    if in_vain < len(outcomes):
        return Gate()
    failures = gate.failures + in_vain
    if ErrorClass.TOKEN in classes and failures >= _TOKEN_STREAK:
        return _close(gate, Closed.TOKEN, now, now + _TOKEN_PAUSE, failures)
    if failures >= _STREAK:
        return _close(gate, Closed.DOWN, now, now + PROBE_EVERY, failures)
    return replace(gate, failures=failures)


def _close(
    gate: Gate, why: Closed, now: datetime, until: datetime, failures: int | None = None
) -> Gate:
    since = gate.closed_at if gate.closed is why else now
    return Gate(gate.failures if failures is None else failures, why, since, until)


def _next_day(now: datetime) -> datetime:
    past_midnight = (now.timestamp() + _SHANGHAI) % _DAY
    return now + timedelta(seconds=_DAY - past_midnight + _AFTER_MIDNIGHT)
