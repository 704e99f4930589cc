"""Recipients that are nobody: each is the name of an outcome, in tests and in production alike.

No platform gives such a name to a person, and no phone in China begins with 10. A message to one
goes through the whole outbox and ends before the wire.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from app.domain.outreach.messaging import Accepted, ErrorClass, Failure, Outcome, Outgoing, Sender

DELIVERED: Final = "careloop-sim-delivered"
TEMPORARY: Final = "careloop-sim-temporary"  # busy, each time
PERMANENT: Final = "careloop-sim-permanent"  # gone, or refuses us
PHONES: Final[Mapping[str, str]] = MappingProxyType(
    {"10000000001": DELIVERED, "10000000002": TEMPORARY, "10000000003": PERMANENT}
)
_FAILURES: Final = {TEMPORARY: ErrorClass.BUSY, PERMANENT: ErrorClass.RECIPIENT}


def simulated(send: Sender) -> Sender:
    """Return `send`, with the simulators' outcomes for the simulators."""

    def sending(outgoing: Outgoing) -> Outcome:
        simulator = _simulator(outgoing.content)
        if simulator == DELIVERED:
            return Accepted(f"sim-{outgoing.public_id}", is_delivered=True)
        failure = _FAILURES.get(simulator or "")
        return send(outgoing) if failure is None else Failure(failure)

    return sending


def _simulator(content: Mapping[str, Any]) -> str | None:
    """Return which simulator a message is for; a message for others too is a real one."""
    shared = content.get("external_userids") or content.get("userids")
    named = shared[0] if isinstance(shared, list) and len(shared) == 1 else None
    named = named or content.get("openid") or content.get("phone")
    named = PHONES.get(named, named) if isinstance(named, str) else None
    return named if named in (DELIVERED, TEMPORARY, PERMANENT) else None
