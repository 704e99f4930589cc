"""Which questions are asked, given what was answered before them (FHIR enableWhen)."""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from app.domain.plans.questionnaires.definition import (
    Answer,
    Condition,
    EnableWhen,
    Item,
    Operator,
)

_COMPARE: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


def is_asked(item: Item, answers: Mapping[str, Answer]) -> bool:
    """Tell whether a question is asked; `answers` hold only those to questions that are asked."""
    return all(_holds(branch, answers) for branch in item.branches)


def _holds(branch: EnableWhen, answers: Mapping[str, Answer]) -> bool:
    found = (_is_met(one, answers.get(one.link_id)) for one in branch.conditions)
    return all(found) if branch.is_all else any(found)


def _is_met(condition: Condition, answer: Answer | None) -> bool:
    if condition.op is Operator.EXISTS:
        return (answer is not None) is condition.value
    if condition.op is Operator.NOT_EQUAL:
        # R4: holds unless an answer equals, so also where there is none.
        return not _any(Operator.EQUAL, answer, condition.value)
    return _any(condition.op, answer, condition.value)


def _any(op: Operator, answer: Answer | None, value: object) -> bool:
    if answer is None:
        return False
    given = answer if isinstance(answer, tuple) else (answer,)
    return any(_is_comparable(one, value) and _COMPARE[op](one, value) for one in given)


def _is_comparable(answer: object, value: object) -> bool:
    """Keep True from equalling 1, and a code from meeting a number."""
    if isinstance(answer, bool) or isinstance(value, bool):
        return isinstance(answer, bool) and isinstance(value, bool)
    return isinstance(answer, str) == isinstance(value, str) and isinstance(
        answer, str | int | Decimal
    )
