"""How many a tree means and how it reads: for the pages and for their script alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app import clock
from app.console.desk import desk
from app.domain.criteria.tree import Criterion
from app.domain.criteria.wording import describe
from app.domain.segments.errors import TooSlow
from app.models.segments.evaluating import AT_A_FORM
from app.models.segments.names import names
from app.models.segments.reading import reading

SLOW: Final = TooSlow.title


@dataclass(frozen=True, slots=True)
class Answer:
    """A tree as a sentence, and how many it means; `size` None: it took too long."""

    sentence: str
    size: int | None


def answer(session: Session, criterion: Criterion, *, seconds: float = AT_A_FORM) -> Answer:
    """Return sentence and count of criteria."""
    sentence = describe(criterion, names(session))
    try:
        size = desk().evaluator.count(session, criterion, clock.now(), seconds=seconds)
    except TooSlow:
        return Answer(sentence, None)
    return Answer(sentence, size)


def find(criterion: Criterion) -> NDArray[np.uint64]:
    """Return whom criteria mean, in a transaction of its own.

    :raises TooSlow: it took too long
    """
    with reading() as session:
        return desk().evaluator.ids(session, criterion, clock.now())
