"""The criteria of a segment, read from what somebody wrote."""

from app.domain.criteria.for_segments import for_segments
from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.parsing import parse_criterion
from app.domain.criteria.tree import Criterion
from app.domain.definitions import InvalidDefinition
from app.domain.segments.errors import InvalidSegment


def read_tree(tree: object, names: Names = NO_NAMES) -> Criterion:
    """Return the criterion of plain data.

    :raises InvalidSegment: naming the part that is wrong
    :raises NotForSegments: a leaf that no segment may ask
    """
    try:
        criterion = parse_criterion(tree)
    except InvalidDefinition as error:
        raise InvalidSegment.of(error) from None
    for_segments(criterion, names)
    return criterion
