"""The queue of words that nobody has explained yet: codes and names of tests, nobody's data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.intake.term_suggestions import Suggestion, suggest
from app.domain.intake.terminology import TermKind, Unmapped
from app.models import ConceptMapping, TermRereading, TermStatus, UnmappedTerm
from app.models.intake.affected import count_affected
from app.models.intake.vocabulary import vocabulary

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the messages that used a term have been read again; none `left`: done."""

    messages: int
    left: int


@dataclass(frozen=True, slots=True)
class TermLine:
    """One term, what may be meant by it, and what was decided."""

    id: str
    source: str
    kind: TermKind
    code: str
    display: str
    unit: str
    uses: int
    status: TermStatus
    first_seen_at: datetime
    last_seen_at: datetime
    suggestions: tuple[Suggestion, ...] = ()
    target_code: str = ""
    target_display: str = ""
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A page of terms, the most used first, and how many there are in all."""

    lines: tuple[TermLine, ...]
    total: int
    sources: tuple[str, ...]


def list_terms(
    session: Session,
    *,
    status: TermStatus = TermStatus.OPEN,
    source: str | None = None,
    kind: TermKind | None = None,
    page: int = 0,
    size: int = PAGE,
) -> Queue:
    """Return one page of the terms of a status; open ones come with suggestions."""
    wanted = select(UnmappedTerm).filter_by(status=status)
    if source is not None:
        wanted = wanted.filter_by(source=source)
    if kind is not None:
        wanted = wanted.filter_by(kind=kind)
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    ordered = wanted.order_by(UnmappedTerm.uses.desc(), UnmappedTerm.id)
    return Queue(
        lines=_lines(session, ordered.offset(page * size).limit(size)),
        total=total,
        sources=tuple(
            session.scalars(select(UnmappedTerm.source).distinct().order_by(UnmappedTerm.source))
        ),
    )


def find_term(session: Session, public_id: str) -> TermLine:
    """Return one term, whatever its status.

    :raises NotFound: no such term
    """
    found = _lines(session, select(UnmappedTerm).filter_by(public_id=public_id))
    if not found:
        raise NotFound
    return found[0]


def count_open(session: Session) -> int:
    """Return how many terms wait for somebody."""
    wanted = select(func.count()).select_from(UnmappedTerm).filter_by(status=TermStatus.OPEN)
    return session.scalar(wanted) or 0


def count_messages(session: Session, public_id: str) -> int:
    """Return how many kept messages would be read again if the term got a meaning.

    :raises NotFound: no such term
    """
    term = session.scalar(select(UnmappedTerm).filter_by(public_id=public_id))
    if term is None:
        raise NotFound
    return count_affected(session, term)


def our_departments(session: Session) -> dict[str, str]:
    """Return names by code: what departments may be mapped to."""
    return dict(vocabulary(session).departments)


def _lines(session: Session, wanted: Select[UnmappedTerm]) -> tuple[TermLine, ...]:
    terms = session.scalars(wanted).all()
    progress = _progress(session, [term.id for term in terms])
    targets = _targets(session, terms)
    departments = vocabulary(session).departments
    return tuple(
        _line(
            term,
            suggest(_unmapped(term), departments) if term.status is TermStatus.OPEN else (),
            targets.get((term.source, term.kind, term.code)),
            progress.get(term.id),
        )
        for term in terms
    )


def _line(
    term: UnmappedTerm,
    suggestions: tuple[Suggestion, ...],
    target: ConceptMapping | None,
    progress: Progress | None,
) -> TermLine:
    return TermLine(
        id=term.public_id,
        source=term.source,
        kind=term.kind,
        code=term.code,
        display=term.display or "",
        unit=term.unit or "",
        uses=term.uses,
        status=term.status,
        first_seen_at=term.first_seen_at,
        last_seen_at=term.last_seen_at,
        suggestions=suggestions,
        target_code=target.target_code if target else "",
        target_display=(target.target_display or "") if target else "",
        progress=progress,
    )


def _unmapped(term: UnmappedTerm) -> Unmapped:
    return Unmapped(term.kind, term.code, term.display or "", term.unit or "")


def _targets(
    session: Session, terms: Sequence[UnmappedTerm]
) -> dict[tuple[str, TermKind, str], ConceptMapping]:
    """Return the newest decision on each term of these sources and codes."""
    rows = session.scalars(
        select(ConceptMapping)
        .where(
            ConceptMapping.source.in_({term.source for term in terms}),
            ConceptMapping.code.in_({term.code for term in terms}),
        )
        .order_by(ConceptMapping.starts_on)
    )
    return {(row.source, row.kind, row.code): row for row in rows}


def _progress(session: Session, term_ids: Sequence[int]) -> dict[int, Progress]:
    rows = session.scalars(
        select(TermRereading).where(TermRereading.term_id.in_(term_ids)).order_by(TermRereading.id)
    )
    return {
        row.term_id: Progress(
            row.messages, 0 if row.finished_at else max(row.messages - row.done, 0)
        )
        for row in rows
    }
