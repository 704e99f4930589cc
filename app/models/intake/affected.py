"""Which kept messages speak in a term: found through the rows that they wrote."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.intake.terminology import TermKind, feeds_of
from app.models.intake.inbound import InboundMessage
from app.models.intake.terminology import ConceptMapping, UnmappedTerm
from app.models.profile.clinical import MedicationRequest
from app.models.profile.encounter import Appointment, Condition, Encounter
from app.models.profile.observation import Observation

_Row = type[Observation | Condition | MedicationRequest | Encounter | Appointment]
_Place = tuple[_Row, InstrumentedAttribute[str | None]]

# Where the sender's own code stands in what was written.
_PLACES: Final[dict[TermKind, tuple[_Place, ...]]] = {
    TermKind.OBSERVATION: ((Observation, Observation.local_code),),
    TermKind.UNIT: ((Observation, Observation.unit),),
    TermKind.CONDITION: ((Condition, Condition.local_code),),
    TermKind.MEDICATION: ((MedicationRequest, MedicationRequest.local_code),),
    TermKind.DEPARTMENT: (
        (Encounter, Encounter.department_code),
        (Appointment, Appointment.department_code),
    ),
}


def affected_messages(
    session: Session, term: UnmappedTerm, after: int, limit: int
) -> Sequence[int]:
    """Return ids of kept messages that used the term, in order of arrival, `after` left out."""
    found = _messages(session, term, after).order_by(InboundMessage.id).limit(limit)
    return session.scalars(found).all()


def count_affected(session: Session, term: UnmappedTerm) -> int:
    """Return how many kept messages used the term."""
    every = _messages(session, term, 0).subquery()
    return session.scalar(select(func.count()).select_from(every)) or 0


def _messages(session: Session, term: UnmappedTerm, after: int) -> Select[int]:
    feeds, written = feeds_of(term.source), _written(session, term)
    parts = [
        select(row.inbound_id).where(
            row.source.in_(feeds), column.in_(written), row.inbound_id > after
        )
        for row, column in _PLACES[term.kind]
    ]
    # What was sent may have been purged before what it said: only kept messages can be read.
    return select(InboundMessage.id).where(InboundMessage.id.in_(union_all(*parts)))


def _written(session: Session, term: UnmappedTerm) -> list[str]:
    """Return how the term stands in the rows: a department's code gives way to ours there."""
    if term.kind is not TermKind.DEPARTMENT:
        return [term.code]
    ours = session.scalars(
        select(ConceptMapping.target_code).filter_by(
            source=term.source, kind=term.kind, code=term.code
        )
    )
    return [term.code, *ours]
