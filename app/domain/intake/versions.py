"""Which of two pieces of news is the newer, whatever the order in which they came.

A version is text that sorts. Senders repeat, reorder and correct; as long as the greatest version
of each thing stands, every order of arrival ends in one state. The last part breaks ties by what
was said, so that two messages of one second do not depend on the luck of the network.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from app.domain.intake.hospital_records import ObservationStatus

# Hearsay: a result mentions a visit; whatever the visit's own system says of it is newer.
OLDEST: Final = "0001-01-01T00:00:00.000000"
_WIDTH: Final = len(OLDEST)  # an instant without its zone, which is UTC


def version_of(recorded_at: datetime, rank: int = 0, said: str = "") -> str:
    """Return the version of news recorded at an instant; `rank` (0–99) orders those of one time.

    `said` is what the news says, as text that is equal only for equal news.
    """
    return f"{_sortable(recorded_at)}|{rank:02d}|{tie_of(said)}"


def result_version(
    status: ObservationStatus, issued_at: datetime, sent_at: datetime, said: str
) -> str:
    """Return the version of a laboratory result: a withdrawal outranks a correction, that a final.

    Of two versions of one rank the one issued later stands. A final that is sent again after its
    correction, under whatever time, does not come back.
    """
    return f"{status.rank}|{_sortable(issued_at)}|{_sortable(sent_at)}|{tie_of(said)}"


def is_news(version: str, stamps: Mapping[str, str], field: str) -> bool:
    """Return whether `version` of a field is newer than what stands."""
    return version > stamps.get(field, "")


def _sortable(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:_WIDTH]


def tie_of(said: str) -> str:
    """Return the last part of a version: text that is equal for equal news."""
    return hashlib.sha256(said.encode()).hexdigest()[:16] if said else ""
