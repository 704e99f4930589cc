"""Checks of the leaves about who a patient is and what they do."""

from collections.abc import Callable
from datetime import datetime

from app.domain.criteria.comparing import COMPARE
from app.domain.criteria.evidence import Check, Evidence
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    PopulationLeaf,
    Prefers,
    Reachable,
    Scored,
    Visited,
)
from app.domain.profile.patient_facts import Facts


def compile_population(leaf: PopulationLeaf) -> Check:
    """Return the check of one leaf."""
    match leaf:
        case Visited():
            return _visited(leaf)
        case Medicated(prefix):
            return _first(leaf, lambda facts: _beginning(facts, prefix))
        case Measured():
            return _measured(leaf)
        case Scored():
            return _scored(leaf)
        case Interacted():
            return _interacted(leaf)
        case _:
            return _state(leaf)


def _state(
    leaf: IsGender | InDepartment | LivesIn | OnPlan | Reachable | AtRisk | Prefers,
) -> Check:
    match leaf:
        case IsGender(gender):
            return _first(leaf, lambda facts: facts.gender is gender)
        case InDepartment(code):
            return _first(leaf, lambda facts: facts.department == code)
        case LivesIn(region):
            return _first(
                leaf, lambda facts: facts.region is not None and facts.region.startswith(region)
            )
        case OnPlan(key, state):
            return _first(leaf, lambda facts: facts.plans.get(key) is state)
        case Reachable(by):
            return _first(leaf, lambda facts: by in facts.reach)
        case AtRisk(score, band):
            return _first(leaf, lambda facts: facts.risks.get(score) == band)
        case Prefers(kind, value):
            return _first(leaf, lambda facts: (kind, value) in facts.preferences)


def _first(leaf: PopulationLeaf, holds: Callable[[Facts], bool | str | None]) -> Check:
    """Return a check whose evidence is the leaf, with what was found if that is a word."""

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        found = holds(facts)
        if not found:
            return None
        return (Evidence(leaf, found if isinstance(found, str) else None),)

    return check


def _beginning(facts: Facts, prefix: str) -> str | None:
    return next((code for code in sorted(facts.medications) if code.startswith(prefix)), None)


def _visited(leaf: Visited) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        since = facts.now - leaf.within
        found = [
            visit.started_at
            for visit in facts.visits
            if since <= visit.started_at <= facts.now
            and leaf.encounter_class in (None, visit.encounter_class)
            and leaf.department in (None, visit.department)
        ]
        return _enough(leaf, found, leaf.at_least)

    return check


def _interacted(leaf: Interacted) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        since = facts.now - leaf.within
        found = [
            one.at
            for one in facts.interactions
            if since <= one.at <= facts.now
            and one.kind is leaf.kind
            and leaf.subject in (None, one.subject)
        ]
        return _enough(leaf, found, leaf.at_least)

    return check


def _enough(
    leaf: Visited | Interacted, found: list[datetime], at_least: int
) -> tuple[Evidence, ...] | None:
    if len(found) < at_least:
        return None
    return (Evidence(leaf, f"{len(found)}次", max(found)),)


def _measured(leaf: Measured) -> Check:
    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        values = facts.observations.get(leaf.code)
        if not values or values[0].effective_at < facts.now - leaf.within:
            return None
        return (Evidence(leaf, None, values[0].effective_at),)

    return check


def _scored(leaf: Scored) -> Check:
    compare = COMPARE[leaf.op]

    def check(facts: Facts) -> tuple[Evidence, ...] | None:
        answers = facts.answers.get(leaf.questionnaire)
        if answers is None or answers.score is None:
            return None
        if answers.authored_at < facts.now - leaf.within or not compare(answers.score, leaf.value):
            return None
        return (Evidence(leaf, str(answers.score), answers.authored_at),)

    return check
