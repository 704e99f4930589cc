"""Which segments somebody may see: the hospital's, and those of their teams."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.errors import NotFound
from app.models.segments.segment import Segment, SegmentScope
from app.models.staff.staff_access import teams_of


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that writes nothing: in SQLite it keeps nobody from writing."""
    with unit_of_work.begin() as session:
        session.connection(execution_options={"reads_only": True})
        yield session


def seen_by(practitioner_id: int | None) -> ColumnElement[bool]:
    """Hold for each `Segment` that somebody may see; the operator (None) sees all."""
    if practitioner_id is None:
        return true()
    return or_(
        Segment.scope == SegmentScope.HOSPITAL,
        Segment.care_team_id.in_(teams_of(practitioner_id)),
    )


def find_segment(session: Session, public_id: str, practitioner_id: int | None) -> Segment:
    """Return a segment that is not retired.

    :raises NotFound: no such segment, or none of theirs: both look the same
    """
    found = session.scalar(
        select(Segment).where(
            Segment.public_id == public_id,
            Segment.is_retired.is_(False),
            seen_by(practitioner_id),
        )
    )
    if found is None:
        raise NotFound
    return found
