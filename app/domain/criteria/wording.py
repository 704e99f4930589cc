"""Criteria in Chinese, for the person who approves a rule and the nurse who asks why."""

from decimal import Decimal
from zoneinfo import ZoneInfo

from app.domain.criteria.evidence import Evidence
from app.domain.criteria.leaf_wording import describe_leaf
from app.domain.criteria.names import NO_NAMES, Names
from app.domain.criteria.negation import deny
from app.domain.criteria.tree import Age, All, Answered, Any, Change, Count, Criterion, Latest, Not
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.words import CONTEXTS, unit_label
from app.domain.profile.observation_kinds import OBSERVATION_KINDS

__all__ = ["CONTEXTS", "describe", "explain"]


def describe(criterion: Criterion, names: Names = NO_NAMES) -> str:
    """Return one Chinese sentence, without its full stop, that says when the criterion holds."""
    return _told(_plain(criterion), names)


def explain(evidence: Evidence, zone: ZoneInfo, names: Names = NO_NAMES) -> str:
    """Return what was seen, when (hospital time), and the criterion it met."""
    seen = evidence.shown or ""
    match evidence.criterion:
        case Latest() | Count() | Change() | OfLast() | Mean() | Rise() | Slope():
            kind = OBSERVATION_KINDS[evidence.criterion.code]
            seen = f"{kind.name} {seen} {unit_label(kind.unit)}"
        case Growth(code=code) | Dip(code=code):
            seen = f"{OBSERVATION_KINDS[code].name} {seen}"
        case Answered(value=value):
            seen = f"填写{seen}" if isinstance(value, Decimal) else "回答"
        case Age():
            seen = f"{seen}岁"
    when = f"（{evidence.at.astimezone(zone):%Y-%m-%d %H:%M}）" if evidence.at else ""
    told = f"{seen}{when}"
    met = describe(evidence.criterion, names)
    return f"{told}：{met}" if told else met


def _told(criterion: Criterion, names: Names) -> str:
    match criterion:
        case All(items):
            return "，并且".join(_bracketed(item, names) for item in items)
        case Any(items):
            return "，或者".join(_bracketed(item, names) for item in items)
        case Not(item):
            if isinstance(item, All):
                return f"不同时满足（{_told(item, names)}）"
            if isinstance(item, Any | Not):
                return f"任何一项都不满足（{_told(item, names)}）"
            return deny(item, names)
    return describe_leaf(criterion, names)


def _plain(criterion: Criterion) -> Criterion:
    """Return a tree that means the same, without groups of one and groups or denials in their like.

    Builders make such trees; told as they are, they would be all brackets.
    """
    match criterion:
        case Not(item):
            inner = _plain(item)
            return inner.item if isinstance(inner, Not) else Not(inner)
        case All(items) | Any(items):
            plain = tuple(one for item in items for one in _opened(_plain(item), type(criterion)))
            return plain[0] if len(plain) == 1 else type(criterion)(plain)
    return criterion


def _opened(item: Criterion, kind: type[All | Any]) -> tuple[Criterion, ...]:
    return item.items if isinstance(item, All | Any) and isinstance(item, kind) else (item,)


def _bracketed(item: Criterion, names: Names) -> str:
    told = _told(item, names)
    return f"（{told}）" if isinstance(item, All | Any) else told
