"""What criteria read: so that nobody fetches what nobody asks for."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Self, TypeVar

from app.domain.criteria.bounds import LONGEST_LOOK_BACK
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    InteractionKind,
    IsGender,
    LivesIn,
    Medicated,
    OnPlan,
    Prefers,
    Reachable,
    Scored,
    Visited,
)
from app.domain.criteria.tree import (
    Absent,
    ActiveCondition,
    Age,
    Answered,
    Criterion,
    HasTag,
    Missed,
    leaves,
    look_back,
)
from app.domain.profile.observation_kinds import OBSERVATION_KINDS

Key = TypeVar("Key", bound=Hashable)


class FactGroup(StrEnum):
    """What is fetched together, besides observations and interactions."""

    PERSON = "person"  # birth, gender, department, region
    REACH = "reach"
    CONDITIONS = "conditions"
    MEDICATIONS = "medications"
    TAGS = "tags"
    VISITS = "visits"
    PLANS = "plans"
    CALENDAR = "calendar"  # when the plan asks for which measurement
    TASKS = "tasks"
    SCORES = "scores"  # of forms
    ANSWERS = "answers"  # of forms, which are sealed one by one
    RISKS = "risks"
    PREFERENCES = "preferences"


_GROUPS: Mapping[type, FactGroup] = {
    Age: FactGroup.PERSON,
    IsGender: FactGroup.PERSON,
    InDepartment: FactGroup.PERSON,
    LivesIn: FactGroup.PERSON,
    Reachable: FactGroup.REACH,
    ActiveCondition: FactGroup.CONDITIONS,
    Medicated: FactGroup.MEDICATIONS,
    HasTag: FactGroup.TAGS,
    Visited: FactGroup.VISITS,
    OnPlan: FactGroup.PLANS,
    Absent: FactGroup.CALENDAR,
    Missed: FactGroup.TASKS,
    Scored: FactGroup.SCORES,
    Answered: FactGroup.ANSWERS,
    AtRisk: FactGroup.RISKS,
    Prefers: FactGroup.PREFERENCES,
}


@dataclass(frozen=True, slots=True)
class FactNeeds:
    """Groups of facts, and how far back observations (by LOINC code) and interactions are read."""

    groups: frozenset[FactGroup] = frozenset()
    observations: Mapping[str, timedelta] = field(default_factory=dict)
    interactions: Mapping[InteractionKind, timedelta] = field(default_factory=dict)

    @classmethod
    def of(cls, *trees: Criterion) -> Self:
        """Return what a set of trees reads."""
        every = [leaf for tree in trees for leaf in leaves(tree)]
        return cls(
            groups=frozenset(_GROUPS[type(leaf)] for leaf in every if type(leaf) in _GROUPS),
            observations=_furthest(look_back(tree) for tree in trees),
            interactions=_furthest(
                {leaf.kind: leaf.within} for leaf in every if isinstance(leaf, Interacted)
            ),
        )

    @classmethod
    def joined(cls, every: Iterable[Self]) -> Self:
        """Return what several need between them."""
        needs = list(every)
        return cls(
            groups=frozenset().union(*(one.groups for one in needs)),
            observations=_furthest(one.observations for one in needs),
            interactions=_furthest(one.interactions for one in needs),
        )


EVERYTHING = FactNeeds(
    groups=frozenset(FactGroup),
    observations=dict.fromkeys(OBSERVATION_KINDS, LONGEST_LOOK_BACK),
    interactions=dict.fromkeys(InteractionKind, LONGEST_LOOK_BACK),
)


def _furthest(every: Iterable[Mapping[Key, timedelta]]) -> dict[Key, timedelta]:
    found: dict[Key, timedelta] = {}
    for spans in every:
        for key, span in spans.items():
            found[key] = max(span, found.get(key, span))
    return found
