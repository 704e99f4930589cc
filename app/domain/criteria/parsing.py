"""Criteria read from plain data: strictly, and never past 200 nodes or a depth of 10."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from app.domain.criteria.bounds import read_context, read_kind, read_span, read_threshold, read_unit
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population_parsing import POPULATION_LEAVES
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
)
from app.domain.criteria.trend_parsing import TREND_LEAVES
from app.domain.definitions import Fields, InvalidDefinition, only, read_decimal

MOST_NODES = 200
DEEPEST = 10
ICD10_PREFIX = re.compile(r"[A-Z]\d{2}(?:\.\w{1,8})?")


def parse_criterion(data: object, path: str = "condition") -> Criterion:
    """Read a tree from plain data; a node is a mapping with one key.

    :raises InvalidDefinition: with the path, also past 200 nodes or depth 10
    """
    return _Parser().node(data, path, depth=1)


class _Parser:
    """Counts the nodes of one tree while it reads, so that no tree is read past its bounds."""

    def __init__(self) -> None:
        self._nodes = 0

    def node(self, data: object, path: str, depth: int) -> Criterion:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise InvalidDefinition(path, f"the tree has more than {MOST_NODES} nodes")
        if depth > DEEPEST:
            raise InvalidDefinition(path, f"the tree is deeper than {DEEPEST}")
        name, body, at = only(data, path, {"all", "any", "not", *_LEAVES})
        if name == "not":
            return Not(self.node(body, at, depth + 1))
        if name in _LEAVES:
            with Fields(body, at) as fields:
                return _LEAVES[name](fields)
        if not isinstance(body, list) or not body:
            raise InvalidDefinition(at, "must be a list that is not empty")
        items = tuple(
            self.node(item, f"{at}[{index}]", depth + 1) for index, item in enumerate(body)
        )
        return All(items) if name == "all" else Any(items)


def _latest(fields: Fields) -> Latest:
    kind = read_kind(fields)
    return Latest(
        code=kind.code,
        op=fields.choice("op", Comparator),
        value=read_threshold(fields, kind),
        within=read_span(fields, "within"),
        context=read_context(fields),
    )


def _count(fields: Fields) -> Count:
    kind = read_kind(fields)
    return Count(
        code=kind.code,
        op=fields.choice("op", Comparator),
        value=read_threshold(fields, kind),
        within=read_span(fields, "within"),
        at_least=fields.integer("at_least", 1, 1000),
        context=read_context(fields),
    )


def _change(fields: Fields) -> Change:
    kind = read_kind(fields)
    read_unit(fields, kind)
    by = fields.decimal("by")
    if by == 0:
        raise InvalidDefinition(fields.at("by"), "must not be 0")
    return Change(code=kind.code, over=read_span(fields, "over"), by=by)


def _absent(fields: Fields) -> Absent:
    return Absent(code=read_kind(fields).code, days=fields.integer("days", 1, 31))


def _active_condition(fields: Fields) -> ActiveCondition:
    prefix = fields.text("code")
    if not ICD10_PREFIX.fullmatch(prefix):
        raise InvalidDefinition(fields.at("code"), "must be an ICD-10 code such as E11 or E11.9")
    return ActiveCondition(prefix)


def _has_tag(fields: Fields) -> HasTag:
    return HasTag(fields.key("key"))


def _answered(fields: Fields) -> Answered:
    op = fields.choice("op", Comparator)
    raw = fields.take("value")
    value: Decimal | str | bool
    if isinstance(raw, str | bool):
        value = raw
        if op is not Comparator.EQUAL:
            raise InvalidDefinition(fields.at("op"), "must be == for a choice or a yes/no")
    else:
        value = read_decimal(raw, fields.at("value"))
    return Answered(
        questionnaire=fields.key("questionnaire"),
        link_id=fields.key("link_id"),
        op=op,
        value=value,
        within=fields.optional("within", lambda key: read_span(fields, key)),
    )


def _missed(fields: Fields) -> Missed:
    of = fields.integer("of", 1, 100)
    return Missed(fields.key("kind"), fields.integer("at_least", 1, of), of)


def _age(fields: Fields) -> Age:
    return Age(fields.choice("op", Comparator), fields.integer("years", 0, 130))


_LEAVES: Mapping[str, Callable[[Fields], Leaf]] = {
    **POPULATION_LEAVES,
    **TREND_LEAVES,
    "latest": _latest,
    "count": _count,
    "change": _change,
    "absent": _absent,
    "condition": _active_condition,
    "tag": _has_tag,
    "answer": _answered,
    "missed": _missed,
    "age": _age,
}
