"""Criteria made callable: nested closures, built once per version from the typed tree.

A check returns the evidence that made it hold, or None; evidence is only built when a leaf
holds, so the common "nothing is wrong" costs a lookup and a comparison.
"""

from decimal import Decimal
from typing import Final

from app.domain.criteria.comparing import COMPARE
from app.domain.criteria.evidence import Check, Evidence
from app.domain.criteria.population_checks import compile_population
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
    Missed,
    Not,
    count_nodes,
    leaves,
)
from app.domain.criteria.trend_checks import compile_trend
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope
from app.domain.criteria.windows import (
    STEP_BUDGET,
    StepBudgetExceeded,
    off_scale_held,
    shown,
    window,
)
from app.domain.profile.patient_facts import Facts, ObservedValue

_LOOKING_BACK: Final = (Latest, Count, Change, Absent, OfLast, Mean, Rise, Slope, Growth, Dip)


def compile_criterion(criterion: Criterion) -> Check:
    """Return the check of a tree; calling it costs at most `STEP_BUDGET` steps.

    Every node is one step; what remains is shared out among the leaves that look back.

    :raises StepBudgetExceeded: when called, a leaf would read past its share
    """
    looking_back = sum(isinstance(leaf, _LOOKING_BACK) for leaf in leaves(criterion))
    share = (STEP_BUDGET - count_nodes(criterion)) // max(looking_back, 1)
    return _compile(criterion, share)


def _compile(criterion: Criterion, share: int) -> Check:
    match criterion:
        case All(items):
            return _all(tuple(_compile(item, share) for item in items))
        case Any(items):
            return _any(tuple(_compile(item, share) for item in items))
        case Not(item):
            return _not(criterion, _compile(item, share))
        case Latest() | Count() | Change() | Absent():
            return _compile_look_back(criterion, share)
        case OfLast() | Mean() | Rise() | Slope() | Growth() | Dip():
            return compile_trend(criterion, share)
        case ActiveCondition() | HasTag() | Answered() | Missed() | Age():
            return _compile_state(criterion)
        case _:
            return compile_population(criterion)


def _compile_look_back(leaf: Latest | Count | Change | Absent, share: int) -> Check:
    match leaf:
        case Latest():
            return _latest(leaf, share)
        case Count():
            return _count(leaf, share)
        case Change():
            return _change(leaf, share)
        case Absent():
            return _absent(leaf, share)


def _compile_state(leaf: ActiveCondition | HasTag | Answered | Missed | Age) -> Check:
    match leaf:
        case ActiveCondition():
            return _active_condition(leaf)
        case HasTag():
            return _has_tag(leaf)
        case Answered():
            return _answered(leaf)
        case Missed():
            return _missed(leaf)
        case Age():
            return _age(leaf)


def _all(checks: tuple[Check, ...]) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found: tuple[Evidence, ...] = ()
        for item in checks:
            evidence = item(facts)
            if evidence is None:
                return None
            found += evidence
        return found

    return check


def _any(checks: tuple[Check, ...]) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        for item in checks:
            evidence = item(facts)
            if evidence is not None:
                return evidence
        return None

    return check


def _not(criterion: Not, inner: Check) -> Check:
    held = (Evidence(criterion),)
    return lambda facts: held if inner(facts) is None else None


def _latest(leaf: Latest, share: int) -> Check:
    code, within, context, wanted = leaf.code, leaf.within, leaf.context, leaf.value
    compare, off_scale = COMPARE[leaf.op], off_scale_held(leaf.op)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        values = facts.observations.get(code)
        if not values:
            return None
        newest = values[0] if context is None else _newest(facts, leaf, share)
        if newest is None:
            return None
        value = newest.value
        holds = compare(value, wanted) if value is not None else newest.off_scale in off_scale
        if not holds or newest.effective_at < facts.now - within:
            return None
        return (Evidence(leaf, shown(newest), newest.effective_at),)

    return check


def _count(leaf: Count, share: int) -> Check:
    compare, off_scale = COMPARE[leaf.op], off_scale_held(leaf.op)

    def holds(observed: ObservedValue) -> bool:
        if leaf.context is not None and observed.context is not leaf.context:
            return False
        if observed.value is None:
            return observed.off_scale in off_scale
        return compare(observed.value, leaf.value)

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        values = window(facts, leaf.code, facts.now - leaf.within, share)
        found = [observed for observed in values if holds(observed)]
        if len(found) < leaf.at_least:
            return None
        return tuple(Evidence(leaf, shown(one), one.effective_at) for one in found[:10])

    return check


def _change(leaf: Change, share: int) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        values = window(facts, leaf.code, facts.now - leaf.over, share)
        numbers = [(one.value, one.effective_at) for one in values if one.value is not None]
        if len(numbers) < 2:
            return None
        (newest, at), (oldest, _) = numbers[0], numbers[-1]
        moved = newest - oldest
        if (moved < leaf.by) if leaf.by > 0 else (moved > leaf.by):
            return None
        return (Evidence(leaf, f"{oldest:f} → {newest:f}", at),)

    return check


def _absent(leaf: Absent, share: int) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        if len(facts.scheduled.get(leaf.code, ())) > share:
            raise StepBudgetExceeded(f"more than {share} scheduled slots of {leaf.code}")
        days = facts.days_scheduled(leaf.code)[: leaf.days]
        if len(days) < leaf.days or facts.has_reading_since(leaf.code, days[-1]):
            return None
        return (Evidence(leaf, f"{days[-1]} – {days[0]}"),)

    return check


def _active_condition(leaf: ActiveCondition) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = sorted(code for code in facts.conditions if code.startswith(leaf.prefix))
        return (Evidence(leaf, found[0]),) if found else None

    return check


def _has_tag(leaf: HasTag) -> Check:
    held = (Evidence(leaf),)
    return lambda facts: held if leaf.key in facts.tags else None


def _answered(leaf: Answered) -> Check:
    compare = COMPARE[leaf.op]

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        answers = facts.answers.get(leaf.questionnaire)
        if answers is None:
            return None
        if leaf.within is not None and answers.authored_at < facts.now - leaf.within:
            return None
        answer = answers.by_link_id.get(leaf.link_id)
        # Of several options chosen one is enough.
        for one in answer if isinstance(answer, list | tuple) else (answer,):
            if _is_same_kind(one, leaf.value) and compare(one, leaf.value):
                return (Evidence(leaf, str(one), answers.authored_at),)
        return None

    return check


def _missed(leaf: Missed) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        last = facts.settled_tasks.get(leaf.kind, ())[: leaf.of]
        missed = [task for task in last if task.is_missed]
        if len(missed) < leaf.at_least:
            return None
        return (Evidence(leaf, f"{len(missed)}/{len(last)}", missed[0].due_at),)

    return check


def _age(leaf: Age) -> Check:
    compare = COMPARE[leaf.op]

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        age = facts.age()
        if age is None or not compare(age, leaf.years):
            return None
        return (Evidence(leaf, str(age)),)

    return check


def _newest(facts: Facts, leaf: Latest, share: int) -> ObservedValue | None:
    values = window(facts, leaf.code, facts.now - leaf.within, share)
    return next((observed for observed in values if observed.context is leaf.context), None)


def _is_same_kind(answer: object, wanted: Decimal | str | bool) -> bool:
    """Keep True from equalling 1 and a choice code from meeting a number."""
    if isinstance(wanted, bool) or isinstance(answer, bool):
        return isinstance(wanted, bool) and isinstance(answer, bool)
    if isinstance(wanted, str):
        return isinstance(answer, str)
    return isinstance(answer, int | Decimal)
