"""Receipts that a platform does not push: we ask what became of a message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

# How long after it was taken a message is asked for again, at first and at most.
SOONEST: Final = timedelta(minutes=1)
LATEST: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One message to ask after; `recipients` are the platform's names of those it went to.

    With `is_over` its time is past: whoever may still hold it back does so before they answer.
    """

    communication_id: int
    app_key: str
    platform_id: str
    recipients: tuple[str, ...] = ()
    sender: str | None = None  # the member who was to confirm it
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """Who of the recipients got it and who will not, with the reason; the others may yet."""

    delivered: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


# It never raises; None for a message the platform says nothing of now.
Inquirer = Callable[[Sequence[Inquiry]], Sequence[Answered | None]]


def next_wait(age: timedelta) -> timedelta:
    """Return when to ask again after a message of this age: ever less often."""
    return min(max(age, SOONEST), LATEST)
