"""Versions of one result that came under both records of a person: the greatest is current."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.models import Event, MoveDeed, Observation, ObservationStatus, RecordLink
from app.services.intake.patient_index import ledger
from app.services.intake.patient_index.treatments import table_of

_KEPT = table_of("observation")
_MANY = 500  # identities in one statement
_CORRECTIONS = (
    ObservationStatus.CORRECTED,
    ObservationStatus.AMENDED,
    ObservationStatus.CANCELLED,
    ObservationStatus.ENTERED_IN_ERROR,
)


def leave_repeats(
    session: Session, link: RecordLink, retired: int, head: int, at: datetime
) -> None:
    """Leave with the retired record each version that the head has too."""
    ours = _KEPT.alias()
    repeats = session.scalars(
        select(_KEPT.c.id)
        .join(ours, (ours.c.identity == _KEPT.c.identity) & (ours.c.version == _KEPT.c.version))
        .where(
            _KEPT.c.patient_id == retired,
            ours.c.patient_id == head,
            _KEPT.c.id.not_in(ledger.noted(link.id, "observation")),
        )
        .distinct()
    ).all()
    ledger.note(session, link, "observation", repeats, MoveDeed.STAYED, at)


def told_under_both(
    session: Session, link: RecordLink, one: int, other: int, *, is_apart: bool = True
) -> list[bytes]:
    """Return the results of which both records have versions that are not left aside.

    With `is_apart` False the rows are still together with `other`: those that the merge moved
    are the one's.
    """
    ours = _KEPT.alias()
    moved = ledger.noted(link.id, "observation", MoveDeed.MOVED)
    aside = ledger.noted(link.id, "observation", MoveDeed.STAYED)
    first: ColumnElement[bool] = _KEPT.c.id.in_(moved)
    second: ColumnElement[bool] = ours.c.patient_id == other
    if is_apart:
        first = (_KEPT.c.patient_id == one) & _KEPT.c.id.not_in(aside)
    else:
        second = (second & ours.c.id.not_in(moved)) | ours.c.id.in_(aside)
    return list(
        session.scalars(
            select(_KEPT.c.identity)
            .join(ours, ours.c.identity == _KEPT.c.identity)
            .where(first, second)
            .distinct()
        )
    )


def unsettle(session: Session, owners: Iterable[int], identities: Sequence[bytes]) -> list[int]:
    """Make no version current, so that rows may move; return those that were."""
    were: list[int] = []
    for some in _batches(identities):
        theirs = (
            _KEPT.c.patient_id.in_(list(owners)),
            _KEPT.c.identity.in_(some),
            _KEPT.c.is_current.is_(True),
        )
        were += session.scalars(select(_KEPT.c.id).where(*theirs))
        session.execute(update(_KEPT).where(*theirs).values(is_current=None))
    return were


def settle(session: Session, owner: int, identities: Sequence[bytes]) -> dict[int, int]:
    """Make the greatest version of each result current; return of every other which it is."""
    stands: dict[int, int] = {}
    for some in _batches(identities):
        versions = defaultdict(list)
        for row in session.execute(
            select(_KEPT.c.id, _KEPT.c.identity)
            .where(_KEPT.c.patient_id == owner, _KEPT.c.identity.in_(some))
            .order_by(func.coalesce(_KEPT.c.version, ""), _KEPT.c.issued_at, _KEPT.c.id)
        ):
            versions[row.identity].append(row.id)
        greatest = [ids[-1] for ids in versions.values()]
        session.execute(update(_KEPT).where(_KEPT.c.id.in_(greatest)).values(is_current=True))
        stands.update({id_: ids[-1] for ids in versions.values() for id_ in ids[:-1]})
    return stands


def news_of(
    session: Session, head: int, were_current: Iterable[int], stands: dict[int, int], now: datetime
) -> Iterator[Event]:
    """Tell of each result that a correction under the other number has replaced."""
    for before in were_current:
        if before not in stands:
            continue
        after = session.get_one(Observation, stands[before])
        if after.status in _CORRECTIONS:
            yield Event.of(
                "observation.corrected",
                now,
                patient_id=head,
                observation_id=after.id,
                supersedes_id=before,
            )


def _batches(identities: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(identities), _MANY):
        yield identities[start : start + _MANY]
