"""`enable_when` read from plain data: it may look only at questions that stand before it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from app.domain.definitions import Fields, InvalidDefinition, only
from app.domain.plans.questionnaires.definition import (
    Condition,
    EnableWhen,
    Item,
    ItemType,
    Operator,
)

_ORDERED: Final = (Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST)


def parse_branch(fields: Fields, earlier: Sequence[Item]) -> EnableWhen | None:
    """Return when a question or group is asked; None where it always is."""
    if not fields.has("enable_when"):
        return None
    path = fields.at("enable_when")
    name, _, at = only(fields.take("enable_when"), path, ("all", "any"))
    with Fields(fields.take("enable_when"), path) as inner:
        conditions = inner.each(name, lambda one, place: _condition(one, place, earlier))
    if not conditions:
        raise InvalidDefinition(at, "must look at something")
    return EnableWhen(is_all=name == "all", conditions=conditions)


def _condition(data: object, path: str, earlier: Sequence[Item]) -> Condition:
    with Fields(data, path) as fields:
        link_id = fields.key("link_id")
        op = fields.choice("op", Operator)
        value = fields.take("value")
    item = next((one for one in earlier if one.link_id == link_id), None)
    if item is None:
        raise InvalidDefinition(f"{path}.link_id", f"{link_id} is not asked before")
    if op is Operator.EXISTS:
        if not isinstance(value, bool):
            raise InvalidDefinition(f"{path}.value", "must be true or false")
        return Condition(link_id, op, value)
    return Condition(link_id, op, _value(item, op, value, path))


def _value(item: Item, op: Operator, value: object, path: str) -> str | bool | Decimal:
    wrong = InvalidDefinition(f"{path}.value", f"{value} is no answer to {item.link_id}")
    if op in _ORDERED and not (item.type.is_number or item.type is ItemType.DATE):
        raise InvalidDefinition(f"{path}.op", "only numbers and dates have an order")
    if item.type is ItemType.BOOLEAN and isinstance(value, bool):
        return value
    if item.type.has_options and isinstance(value, str) and item.option(value):
        return value
    if item.type is ItemType.DATE and isinstance(value, str):
        return value
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if item.type.is_number and is_number:
        return Decimal(str(value))
    raise wrong
