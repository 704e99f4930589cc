"""How text and numbers compare, the same on every database as in the domain."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, and_, func, literal

from app.domain.criteria.comparing import COMPARE, Comparator


def is_exactly(column: Any, text: str) -> ColumnElement[bool]:
    """Return that a column of text holds this and no blank behind it, which MariaDB overlooks."""
    return and_(column == text, func.length(column) == func.length(literal(text)))


def begins_with(column: Any, prefix: str) -> ColumnElement[bool]:
    """Return that a column begins so, as a range: it finds an index, and never folds case.

    (LIKE folds the case of letters on SQLite.)
    """
    return and_(column >= prefix, column < prefix[:-1] + chr(ord(prefix[-1]) + 1))


def compares(column: Any, op: Comparator, value: Decimal | int) -> ColumnElement[bool]:
    """Return the test of a column of numbers; NULL compares with none."""
    compare: Callable[[Any, Any], Any] = COMPARE[op]
    met: ColumnElement[bool] = compare(column, literal(value, Numeric(18, 6)))
    return met
