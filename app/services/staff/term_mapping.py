"""What staff decide about a source's words: map, ignore, open again, load a file of mappings."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.intake.term_targets import read_target
from app.domain.intake.terminology import is_explained
from app.domain.trust.access import Actor
from app.models import ConceptMapping, Event, TermRereading, TermStatus, UnmappedTerm
from app.models.intake.affected import count_affected
from app.models.intake.mappings import ALWAYS, NewMapping, decide
from app.models.intake.vocabulary import vocabulary
from app.models.trust.audit import record

_MOST_OPEN: Final = 5_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision came to: the code that now stands, and how many messages are read again."""

    target_code: str
    messages: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many mappings of a file were new, and how many open terms they explain."""

    new: int
    known: int
    settled: int


def resolve_term(
    session: Session,
    public_id: str,
    target_code: str,
    actor: Actor,
    now: datetime,
    *,
    target_display: str = "",
    starts_on: date = ALWAYS,
) -> Decision:
    """Say what a term means; messages that used it are read again (`term_rereading`).

    `starts_on` is the first day, by the records' own dates; without one it always meant this. A
    term may be resolved again: the newest decision stands, and what it touches is read again.

    :raises NotFound: no such term
    :raises NotATarget: the code cannot stand for a term of this kind
    """
    term = _term(session, public_id)
    target = read_target(term.kind, target_code, vocabulary(session).departments, target_display)
    new = NewMapping(term.source, term.kind, term.code, term.display or "", target, starts_on)
    before = decide(session, new, _practitioner(actor), now)
    messages = _settle(session, term, now)
    detail = {
        "term_id": term.id, "source": term.source, "kind": term.kind.value, "code": term.code,
        "target": target.code, "before": list(before), "starts_on": starts_on.isoformat(),
    }  # fmt: skip
    record(session, actor, "map", "term", now, detail=detail)
    return Decision(target.code, messages)


def ignore_term(session: Session, public_id: str, actor: Actor, now: datetime) -> None:
    """Take a term off the queue without a meaning: it is counted on, and never judged.

    :raises NotFound: no such term
    """
    term = _term(session, public_id)
    term.status = TermStatus.IGNORED
    record(session, actor, "ignore", "term", now, detail={"term_id": term.id, "code": term.code})


def reopen_term(session: Session, public_id: str, actor: Actor, now: datetime) -> None:
    """Put an ignored term back on the queue; another one stays as it is.

    :raises NotFound: no such term
    """
    term = _term(session, public_id)
    if term.status is TermStatus.IGNORED:
        term.status = TermStatus.OPEN
        detail = {"term_id": term.id, "code": term.code}
        record(session, actor, "reopen", "term", now, detail=detail)


def load_mappings(
    session: Session, mappings: Iterable[NewMapping], actor: Actor, now: datetime
) -> Loaded:
    """Keep mappings of a file that nobody has decided otherwise, and settle what they explain.

    What a person decided for the same source, code and first day stays: a file never overrules.
    """
    decided = {
        (row.source, row.kind, row.code, row.starts_on)
        for row in session.scalars(select(ConceptMapping))
    }
    new = known = 0
    for one in mappings:
        if (one.source, one.kind, one.code, one.starts_on) in decided:
            known += 1
            continue
        decide(session, one, _practitioner(actor), now)
        new += 1
    settled = _settle_explained(session, now) if new else 0
    record(session, actor, "load", "terms", now, detail={"new": new, "known": known})
    return Loaded(new, known, settled)


def _settle_explained(session: Session, now: datetime) -> int:
    words = vocabulary(session)
    waiting = session.scalars(
        select(UnmappedTerm)
        .filter_by(status=TermStatus.OPEN)
        .order_by(UnmappedTerm.uses.desc())
        .limit(_MOST_OPEN)
    )
    explained = [
        term
        for term in waiting
        if is_explained(words, term.source, term.kind, term.code, term.display or "")
    ]
    for term in explained:
        _settle(session, term, now)
    return len(explained)


def _settle(session: Session, term: UnmappedTerm, now: datetime) -> int:
    """Close a term, and begin to read again what used it; return how many messages that is."""
    term.status = TermStatus.MAPPED
    for running in session.scalars(
        select(TermRereading).filter_by(term_id=term.id, finished_at=None)
    ):
        # The new decision reads the same messages from the first.
        running.finished_at = now
    messages = count_affected(session, term)
    if messages:
        session.add(TermRereading(term_id=term.id, messages=messages, created_at=now))
    session.add(Event.of("term.mapped", now, term_id=term.id))
    session.flush()
    return messages


def _term(session: Session, public_id: str) -> UnmappedTerm:
    term = session.scalar(select(UnmappedTerm).filter_by(public_id=public_id).with_for_update())
    if term is None:
        raise NotFound
    return term


def _practitioner(actor: Actor) -> int | None:
    return actor.id if actor.kind == "practitioner" else None
