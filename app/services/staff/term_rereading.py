"""Reading again what used a term that has a meaning now: in steps, each of them resumable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import TermRereading, UnmappedTerm
from app.models.intake.affected import affected_messages

STEP: Final = 20


@dataclass(frozen=True, slots=True)
class Portion:
    """The next messages of one rereading, in the order in which they came."""

    rereading_id: int
    message_ids: Sequence[int]


def next_portion(session: Session, now: datetime, size: int = STEP) -> Portion | None:
    """Return the next messages to read again, or None where nothing is left of any decision.

    Looking changes only what has come to its end: whoever dies before `advance` begins the same
    portion anew, and to read a message twice does no harm.
    """
    waiting = session.scalars(
        select(TermRereading).filter_by(finished_at=None).order_by(TermRereading.id)
    )
    for rereading in waiting:
        term = session.get_one(UnmappedTerm, rereading.term_id)
        found = affected_messages(session, term, rereading.position, size)
        if found:
            return Portion(rereading.id, found)
        rereading.finished_at = now
    return None


def advance(session: Session, portion: Portion) -> None:
    """Note that a portion was read; one that another process was ahead with counts once."""
    rereading = session.get_one(TermRereading, portion.rereading_id, with_for_update=True)
    new = [id_ for id_ in portion.message_ids if id_ > rereading.position]
    if new:
        rereading.position = new[-1]
        rereading.done += len(new)
