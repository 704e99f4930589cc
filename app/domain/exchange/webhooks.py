"""Telling other systems that something happened: which events, and how they know it is us.

A body names kinds, public ids and times; what happened is asked of us afterwards, with the
asker's own rights. How a call is signed: `app.domain.trust.signatures`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

TEST_KIND: Final = "webhook.test"
# What may be subscribed to.
KINDS: Final = frozenset(
    {
        "alert.opened", "alert.worsened", "alert.taken", "alert.closed", "alert.withdrawn",
        "care-plan.started", "care-plan.ended", "task.completed", "task.missed",
        "patient.registered", "patient.updated", "patient.merged", "patient.unmerged",
        "observation.recorded", "observation.corrected", "observation.moved",
        "encounter.started", "encounter.finished", "encounter.moved",
        "outbound.approved", "outbound.sent", "outbound.accepted", "outbound.refused",
        "outbound.ready", "outbound.completed", "outbound.cancelled", "outbound.failed",
    }
)  # fmt: skip

LIFE: Final = timedelta(hours=24)  # how long one delivery is tried
DISABLE_AFTER: Final = timedelta(days=3)  # of nothing but failures
ROTATION: Final = timedelta(hours=24)  # how long the secret before is still used


def body_of(delivery_id: str, kind: str, at: datetime, subjects: Mapping[str, str]) -> bytes:
    """Return the body of one call; `subjects` maps what the event is about to its public id."""
    told = {"delivery": delivery_id, "event": kind, "at": at.isoformat(), **subjects}
    return json.dumps(told, separators=(",", ":"), sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One call as its sender gets it; the receiver drops a repeat by `delivery_id`."""

    delivery_id: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    body: bytes
