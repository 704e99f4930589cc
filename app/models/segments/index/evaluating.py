"""Answering a tree of criteria with bitmaps.

A conjunction is its positive members, the smallest first, without its negative ones; `not` is
what remains of everybody whom a segment may mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from pyroaring import BitMap

from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    Prefers,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.tree import (
    Absent,
    ActiveCondition,
    Age,
    All,
    Answered,
    Any,
    Change,
    Count,
    Criterion,
    HasTag,
    Latest,
    Leaf,
    Missed,
    Not,
    leaves,
)
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.models.segments.index.attributes import Attribute
from app.models.segments.index.bitmaps import SegmentIndex
from app.models.segments.index.packing import union_of

# What depends on times and values is no bitmap: whoever evaluates supplies the ids.
ASKED: Final = frozenset(
    {
        Latest, Count, Change, OfLast, Mean, Rise, Slope, Growth, Dip, Absent, Answered, Missed,
        Visited, Measured, Scored, Interacted,
    }
)  # fmt: skip
Ask: TypeAlias = Callable[[Leaf], BitMap]


def asked_leaves(criterion: Criterion) -> list[Leaf]:
    """Return the leaves that the index does not know, each once."""
    return list(dict.fromkeys(leaf for leaf in leaves(criterion) if type(leaf) in ASKED))


def evaluate(index: SegmentIndex, criterion: Criterion, day: date, ask: Ask) -> BitMap:
    """Return whom a tree means on a day of the hospital, as a bitmap of the caller's own.

    `ask` supplies the patients of each of `asked_leaves`; it is called under the index's lock.
    """
    with index.lock:
        index.move_to(day)
        return _Evaluation(index, ask).ids(criterion)


def count(index: SegmentIndex, criterion: Criterion, day: date, ask: Ask) -> int:
    """Return how many a tree means, without building the last set."""
    with index.lock:
        index.move_to(day)
        return _Evaluation(index, ask).count(criterion)


@dataclass(slots=True)
class _Members:
    """A conjunction: who is in every one of `within` and in none of `without`."""

    within: list[BitMap] = field(default_factory=list)
    without: list[BitMap] = field(default_factory=list)
    has_age_above: bool = False
    has_age_below: bool = False


_Step: TypeAlias = tuple[bool, BitMap]  # whether to keep or to take away whoever is in it


class _Evaluation:
    def __init__(self, index: SegmentIndex, ask: Ask) -> None:
        self._index = index
        self._ask = ask

    def ids(self, criterion: Criterion) -> BitMap:
        """Return a bitmap that nobody else holds."""
        if isinstance(criterion, Any):
            return union_of([self._whole(item) for item in criterion.items])
        first, steps = self._ordered(self._members(criterion))
        return _build(first, steps) if steps else first.copy()

    def count(self, criterion: Criterion) -> int:
        match criterion:
            case Any(items) if len(items) == 2:
                one, other = (self._whole(item) for item in items)
                return int(one.union_cardinality(other))
            case Any():
                return len(self.ids(criterion))
            case Not(item):
                return len(self._index.base) - self.count(item)
        first, steps = self._ordered(self._members(criterion))
        if not steps:
            return len(first)
        *before, (keeps, last) = steps
        found = _build(first, before) if before else first
        if keeps:
            return int(found.intersection_cardinality(last))
        return int(found.difference_cardinality(last))

    def _ordered(self, members: _Members) -> tuple[BitMap, list[_Step]]:
        """Return the parts in the order that keeps what is built between them small."""
        within = members.within
        if members.has_age_below and not members.has_age_above:
            within = [*within, self._index.births.known]
        first, *kept = sorted(within, key=len) or [self._index.base]
        taken = sorted(members.without, key=len, reverse=True)
        return first, [*((True, one) for one in kept), *((False, one) for one in taken)]

    def _members(self, criterion: Criterion) -> _Members:
        members = _Members()
        self._add(criterion, members)
        return members

    def _add(self, criterion: Criterion, members: _Members) -> None:
        match criterion:
            case All(items):
                for item in items:
                    self._add(item, members)
            case Not(Not(item)):
                self._add(item, members)
            case Not(Any(items)):
                for item in items:
                    self._add(Not(item), members)
            case Not(item):
                members.without.append(self._whole(item))
            case Age():
                self._add_age(criterion, members)
            case _:
                members.within.append(self._whole(criterion))

    def _add_age(self, leaf: Age, members: _Members) -> None:
        at_least, years = self._index.births.at_least, leaf.years
        if leaf.op in (Comparator.AT_LEAST, Comparator.MORE, Comparator.EQUAL):
            members.has_age_above = True
            members.within.append(at_least(years + (leaf.op is Comparator.MORE)))
        if leaf.op in (Comparator.LESS, Comparator.AT_MOST, Comparator.EQUAL):
            members.has_age_below = True
            members.without.append(at_least(years + (leaf.op is not Comparator.LESS)))

    def _whole(self, criterion: Criterion) -> BitMap:
        """Return a bitmap that may be the index's own: it is not to be changed."""
        match criterion:
            case Age(Comparator.AT_LEAST, years):
                return self._index.births.at_least(years)
            case Age(Comparator.MORE, years):
                return self._index.births.at_least(years + 1)
            case All() | Any() | Not() | Age():
                return self.ids(criterion)
            case HasTag(key):
                return self._index.tagged(key)
            case ActiveCondition(prefix):
                return self._index.beginning(Attribute.CONDITION, prefix)
            case Medicated(prefix):
                return self._index.beginning(Attribute.MEDICATION, prefix)
            case LivesIn(region):
                return self._index.beginning(Attribute.REGION, region)
            case _:
                return self._state(criterion)

    def _state(self, leaf: Leaf) -> BitMap:
        having = self._index.having
        match leaf:
            case IsGender(gender):
                return having(Attribute.GENDER, gender.value)
            case InDepartment(code):
                return having(Attribute.DEPARTMENT, code)
            case OnPlan(key, state):
                return having(Attribute.PLAN, key, state.value)
            case Reachable(by):
                return having(Attribute.REACH, by.value)
            case AtRisk(score, band):
                return having(Attribute.RISK, score, band)
            case Prefers(kind, value):
                return having(Attribute.PREFERENCE, kind.value, value)
            case _:
                return self._ask(leaf) & self._index.base


def _build(first: BitMap, steps: Sequence[_Step]) -> BitMap:
    (keeps, other), *more = steps
    found = first & other if keeps else first - other
    for keeps, other in more:
        if keeps:
            found &= other
        else:
            found -= other
    return found
