"""How two values compare."""

import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Any


class Comparator(StrEnum):
    LESS = "<"
    AT_MOST = "<="
    AT_LEAST = ">="
    MORE = ">"
    EQUAL = "=="


COMPARE: dict[Comparator, Callable[[Any, Any], bool]] = {
    Comparator.LESS: operator.lt,
    Comparator.AT_MOST: operator.le,
    Comparator.AT_LEAST: operator.ge,
    Comparator.MORE: operator.gt,
    Comparator.EQUAL: operator.eq,
}
