"""One version of a result, as far as deciding between versions needs it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.intake.versions import result_version
from app.models import ObservationStatus


@dataclass(slots=True, eq=False)
class ResultVersion:
    """A kept version, or one about to be: then `values` are its columns and `id` comes later."""

    version: str
    status: ObservationStatus
    is_current: bool = False
    id: int | None = None
    values: dict[str, Any] = field(default_factory=dict)
    report_id: int | None = None
    report: Any = None  # the row of the report that it hangs on from now


def version_of_old_row(status: ObservationStatus, issued_at: datetime) -> str:
    """Return the version of a row of the time before versions were kept."""
    return result_version(status, issued_at, issued_at, "")


def is_same_news(one: str, other: str) -> bool:
    """Tell whether two versions of a result say the same, whenever each was sent."""
    rank, issued, _, tie = one.split("|")
    other_rank, other_issued, _, other_tie = other.split("|")
    return (rank, issued, tie) == (other_rank, other_issued, other_tie)
