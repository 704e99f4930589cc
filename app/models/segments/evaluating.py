"""Whom criteria mean, by whichever evaluator is at hand: the live index, or SQL."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.criteria.tree import Criterion
from app.models.profile.tag_tree import tag_tree
from app.models.segments.criteria_sql import matching
from app.models.segments.time_limit import limited

# How long somebody at a form is kept waiting, and how long somebody who freezes a segment.
AT_A_FORM: Final = 5.0
AT_A_DEED: Final = 25.0


class Evaluator(Protocol):
    """Finds the patients whom criteria mean: living people, records that speak for themselves."""

    def count(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> int:
        """Return how many.

        :raises TooSlow: it took longer than `seconds`
        """
        ...

    def ids(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> NDArray[np.uint64]:
        """Return who, ascending.

        :raises TooSlow: it took longer than `seconds`
        """
        ...


class SqlEvaluator:
    """Asks the database."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def count(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> int:
        meant = matching(criterion, now, self._zone, tag_tree(session)).subquery()
        with limited(session, seconds):
            return session.scalars(select(func.count()).select_from(meant)).one()

    def ids(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> NDArray[np.uint64]:
        meant = matching(criterion, now, self._zone, tag_tree(session))
        with limited(session, seconds):
            found = session.scalars(meant).all()
        return np.unique(np.fromiter(found, dtype=np.uint64, count=len(found)))


class LiveIndex(Protocol):
    """The index in memory, as far as it is asked here; None while it is not ready."""

    def count(self, criterion: Criterion, now: datetime) -> int | None: ...

    def ids(self, criterion: Criterion, now: datetime) -> Iterable[int] | None: ...


class IndexFirst:
    """Asks the live index, and the database where that has no answer."""

    def __init__(self, index: LiveIndex, otherwise: Evaluator) -> None:
        self._index = index
        self._otherwise = otherwise

    def count(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> int:
        found = self._index.count(criterion, now)
        if found is None:
            return self._otherwise.count(session, criterion, now, seconds=seconds)
        return found

    def ids(
        self, session: Session, criterion: Criterion, now: datetime, *, seconds: float = AT_A_FORM
    ) -> NDArray[np.uint64]:
        found = self._index.ids(criterion, now)
        if found is None:
            return self._otherwise.ids(session, criterion, now, seconds=seconds)
        # A bitmap gives its numbers as an array, at no cost per number.
        numbers = getattr(found, "to_array", lambda: found)()
        return np.asarray(numbers, dtype=np.uint64)
