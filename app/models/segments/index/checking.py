"""Whether the index says what the database says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyroaring import BitMap
from sqlalchemy.orm import Session

from app.models.segments.index.attributes import Attribute
from app.models.segments.index.births import OLDEST
from app.models.segments.index.bitmaps import SegmentIndex
from app.models.segments.index.build import Progress, build
from app.models.segments.index.tail import read_again, refresh

BASE: Final = "base"
AGE: Final = "age"  # at least so many years


@dataclass(frozen=True, slots=True)
class Difference:
    """Patients of whom index and database disagree in one value of an attribute."""

    attribute: str
    value: str
    only_in_index: tuple[int, ...]
    only_in_database: tuple[int, ...]


def differences(
    session: Session,
    index: SegmentIndex,
    day: date,
    on_progress: Progress = lambda done, total: None,
) -> list[Difference]:
    """Compare every attribute of everybody, and the ages of a day, with what the database says.

    The hospital goes on working meanwhile: who differs is read once more, and only what differs
    still is told.
    """
    truth = build(session, on_progress)
    refresh(session, truth)
    refresh(session, index)
    for one in (index, truth):
        one.move_to(day)
    suspects = BitMap()
    for _, _, more, less in _compared(index, truth):
        suspects |= more | less
    if not suspects:
        return []
    truth.apply(read_again(session, suspects, truth.reading))
    refresh(session, index)
    return [
        Difference(attribute, value, tuple(more & suspects), tuple(less & suspects))
        for attribute, value, more, less in _compared(index, truth)
        if (more | less) & suspects
    ]


_Compared = tuple[str, str, BitMap, BitMap]


def _compared(index: SegmentIndex, truth: SegmentIndex) -> Iterator[_Compared]:
    """Yield attribute, value, who is only in the index, and who only in the database."""
    for attribute, value, ours, theirs in _pairs(index, truth):
        if ours != theirs:
            yield attribute, value, ours - theirs, theirs - ours
    ours, theirs = index.births.differing(truth.births)
    if ours or theirs:
        yield Attribute.BIRTH, "", ours, theirs


def _pairs(index: SegmentIndex, truth: SegmentIndex) -> Iterator[_Compared]:
    yield BASE, "", index.base, truth.base
    for attribute in Attribute:
        ours, theirs = index.sets[attribute], truth.sets[attribute]
        for value in sorted(ours.keys() | theirs.keys()):
            told = "/".join(value)
            yield attribute, told, ours.get(value, BitMap()), theirs.get(value, BitMap())
    for years in range(OLDEST + 2):
        yield AGE, str(years), index.births.at_least(years), truth.births.at_least(years)
