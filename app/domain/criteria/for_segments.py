"""Which leaves a segment may ask: those that can be answered of a whole hospital at once."""

from collections.abc import Iterator
from typing import Final

from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.tree import Absent, Answered, Criterion, Leaf, leaves
from app.domain.criteria.trends import Dip, Growth, Slope
from app.domain.criteria.wording import describe
from app.domain.errors import DomainError

_FOR_ONE_ALONE: Final = (Absent, Answered, Slope, Growth, Dip)


class NotForSegments(DomainError):
    """A leaf reads what no query of the database can.

    Answers to forms are sealed, a row at a time; what a plan asks for on which day is known to its
    calendar alone; a line through values, shares and the hours of a hospital's nights are sums no
    two databases do alike. Rules and tags may ask all of them.
    """

    code = "not-for-segments"
    title = "人群条件不能使用问卷的单项回答、“计划内没有记录”、每天变化多少、变化的百分比和昼夜差别"

    def __init__(self, leaf: Leaf, names: Names = NO_NAMES) -> None:
        super().__init__(type(leaf).__name__)
        self.leaf = leaf
        self.title = f"人群条件里不能使用：{describe(leaf, names)}"


def not_for_segments(criterion: Criterion) -> Iterator[Leaf]:
    """Yield the leaves of a tree that segments may not ask."""
    return (leaf for leaf in leaves(criterion) if isinstance(leaf, _FOR_ONE_ALONE))


def for_segments(criterion: Criterion, names: Names = NO_NAMES) -> None:
    """Refuse a tree that no segment can be.

    :raises NotForSegments: with the first leaf of that kind
    """
    for leaf in not_for_segments(criterion):
        raise NotForSegments(leaf, names)
