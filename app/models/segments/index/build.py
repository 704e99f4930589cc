"""Building the index from the database: every attribute, some patients at a time.

The database groups the patients by value: one row a value with its ids as text is read ten times
as fast as a row each.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.models.profile.patient import Patient
from app.models.profile.tag_tree import tag_tree
from app.models.segments.index.attributes import (
    SOURCES,
    Attribute,
    Source,
    Value,
    base_between,
)
from app.models.segments.index.births import Births
from app.models.segments.index.bitmaps import Reading, SegmentIndex, Sets
from app.models.segments.index.events import starting_point
from app.models.segments.index.id_lists import BLOCK, allow_long_lists, read_list

Progress = Callable[[int, int], None]


def build(
    session: Session, on_progress: Progress = lambda done, total: None, block: int = BLOCK
) -> SegmentIndex:
    """Return the index of everybody, read in a transaction of the caller's own.

    What changes meanwhile is among the events after its position: `tail` brings it in. `block`
    is how many ids a statement spans; `on_progress` is told steps done and of how many.

    :raises PatientIdTooLarge: an id is past 32 bits
    :raises IncompleteAnswer: the server cuts long values
    """
    allow_long_lists(session)
    reading: Reading = starting_point(session)
    tree = tag_tree(session)
    blocks = list(_blocks(session, block))
    base, births = BitMap(), Births()
    sets: defaultdict[Attribute, dict[Value, BitMap]] = defaultdict(dict)
    for place, (first, last) in enumerate(blocks):
        for source in SOURCES:
            for value, patients in _grouped(session, source, first, last):
                if source.attribute is Attribute.BIRTH:
                    births.put(patients, int(value[0]))
                else:
                    _join(sets[source.attribute], value, patients)
        for count, ids in _stream(session, base_between(first, last)):
            base |= read_list(count, ids)
        on_progress(place + 1, len(blocks))
    return SegmentIndex(base, _within(sets, base), births, tree, reading)


def _grouped(
    session: Session, source: Source, first: int, last: int
) -> Iterator[tuple[Value, BitMap]]:
    for *parts, count, ids in _stream(session, source.grouped(first, last)):
        yield source.value(parts), read_list(count, ids)


def _join(bitmaps: dict[Value, BitMap], value: Value, patients: BitMap) -> None:
    if value in bitmaps:
        bitmaps[value] |= patients
    else:
        bitmaps[value] = patients


def _within(sets: Sets, base: BitMap) -> Sets:
    """Leave out the dead and the merged away, and whom nothing remains of."""
    found: Sets = {}
    for attribute, bitmaps in sets.items():
        for bitmap in bitmaps.values():
            bitmap &= base  # in place
        found[attribute] = {value: bitmap for value, bitmap in bitmaps.items() if bitmap}
    return found


def _blocks(session: Session, size: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids in which there are patients."""
    after = 0
    while True:
        first = session.scalar(select(func.min(Patient.id)).where(Patient.id > after))
        if first is None:
            return
        after = first + size - 1
        yield first, after


def _stream(session: Session, statement: Select[Any]) -> Iterator[Any]:
    with session.execute(statement, execution_options={"stream_results": True}) as rows:
        yield from rows
