"""Audiences: a segment frozen at one moment, for what is sent to exactly these people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.segments.trees import read_tree
from app.domain.trust.access import Actor
from app.models import Audience, Practitioner, Segment
from app.models.segments.audiences import is_whole, persist, read_chunks, read_ids, speaking_for
from app.models.segments.evaluating import AT_A_DEED, Evaluator
from app.models.segments.reading import find_segment, seen_by
from app.models.trust.audit import record


@dataclass(frozen=True, slots=True)
class AudienceLine:
    """An audience as a list shows it."""

    public_id: str
    size: int
    taken_at: datetime
    who: str | None


def freeze_segment(
    session: Session, public_id: str, evaluator: Evaluator, actor: Actor, now: datetime
) -> Audience:
    """Keep whom a segment means now, with its criteria as they are.

    :raises NotFound: no such segment, or none of theirs
    :raises TooSlow: the criteria cannot be answered in time
    """
    segment = find_segment(session, public_id, actor.id)
    ids = evaluator.ids(session, read_tree(segment.tree), now, seconds=AT_A_DEED)
    audience = Audience(
        segment_id=segment.id, tree=segment.tree, taken_at=now, practitioner_id=actor.id
    )
    persist(session, audience, ids)
    record(
        session, actor, "create", "audience", now,
        detail={"segment": public_id, "audience": audience.public_id, "size": audience.size},
    )  # fmt: skip
    return audience


def list_audiences(session: Session, segment_id: int) -> tuple[AudienceLine, ...]:
    """Return what was frozen from a segment that somebody has opened, the newest first."""
    rows = session.execute(
        select(Audience, Practitioner)
        .outerjoin(Practitioner, Practitioner.id == Audience.practitioner_id)
        .where(Audience.segment_id == segment_id)
        .order_by(Audience.taken_at.desc(), Audience.id.desc())
        .limit(50)
    )
    return tuple(
        AudienceLine(one.public_id, one.size, one.taken_at, who.name if who else None)
        for one, who in rows
    )


def read_audience(
    session: Session, public_id: str, actor: Actor, now: datetime
) -> Iterator[NDArray[np.uint64]]:
    """Yield who is meant, a chunk at a time, each by the record that speaks for them now.

    A person whose two records both were frozen comes once, in the chunk of the first.

    :raises NotFound: no such audience, or none of a segment of theirs
    :raises AudienceDamaged: the chunks are not what was frozen
    """
    audience = _find(session, public_id, actor.id)
    if not is_whole(session, audience):
        raise AudienceDamaged(audience.public_id)
    record(
        session, actor, "read", "audience", now,
        detail={"audience": public_id, "size": audience.size},
    )  # fmt: skip
    return _speaking(session, audience.id)


class AudienceDamaged(Exception):
    """An audience whose chunks do not give its digest: nothing may be sent to it."""


def _speaking(session: Session, audience_id: int) -> Iterator[NDArray[np.uint64]]:
    frozen = read_ids(session, audience_id)
    elsewhere = np.empty(0, dtype=np.uint64)
    for chunk in read_chunks(session, audience_id):
        speaking = speaking_for(session, chunk)
        forwarded = np.setdiff1d(speaking, chunk, assume_unique=True)
        # A survivor who was frozen too has a chunk of their own; one who was not comes once.
        again = np.isin(forwarded, frozen) | np.isin(forwarded, elsewhere)
        elsewhere = np.union1d(elsewhere, forwarded)
        yield np.setdiff1d(speaking, forwarded[again], assume_unique=True)


def _find(session: Session, public_id: str, practitioner_id: int | None) -> Audience:
    found = session.scalar(
        select(Audience)
        .join(Segment, Segment.id == Audience.segment_id)
        .where(Audience.public_id == public_id, seen_by(practitioner_id))
    )
    if found is None:
        raise NotFound
    return found
