"""Why a patient is in a segment or not: each node's yes or no, and what is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.domain.criteria.compiler import compile_criterion
from app.domain.criteria.names import Names
from app.domain.criteria.tree import All, Any, Criterion, HasTag, Not
from app.domain.criteria.wording import describe
from app.domain.profile.patient_facts import Facts
from app.domain.segments.knowledge import known


@dataclass(frozen=True, slots=True)
class Reason:
    """One node of a tree as it stands to one patient.

    `told` says what is asked, `seen` what is known of it (empty for a group). This is health
    data: show it to those who may read the record, never log it.
    """

    told: str
    holds: bool
    seen: str = ""
    items: tuple["Reason", ...] = ()


def reason_of(
    criterion: Criterion, facts: Facts, names: Names, borne: Mapping[str, str] | None = None
) -> Reason:
    """Return the reasons of a tree, node by node.

    `borne` has by tag how the patient came by it.
    """
    match criterion:
        case All(items):
            reasons = tuple(reason_of(item, facts, names, borne) for item in items)
            return Reason("以下全部满足", all(one.holds for one in reasons), items=reasons)
        case Any(items):
            reasons = tuple(reason_of(item, facts, names, borne) for item in items)
            return Reason("以下至少满足一条", any(one.holds for one in reasons), items=reasons)
        case Not(All() as group):
            inner = reason_of(group, facts, names, borne)
            return Reason("以下不全满足", not inner.holds, items=inner.items)
        case Not(Any() as group):
            inner = reason_of(group, facts, names, borne)
            return Reason("以下都不满足", not inner.holds, items=inner.items)
        case Not(item):
            inner = reason_of(item, facts, names, borne)
            return replace(inner, told=describe(criterion, names), holds=not inner.holds)
        case _:
            holds = compile_criterion(criterion)(facts) is not None
            seen = known(criterion, facts, names)
            if isinstance(criterion, HasTag) and holds:
                seen = (borne or {}).get(criterion.key, seen)
            return Reason(describe(criterion, names), holds, seen)
