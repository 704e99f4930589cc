"""Criteria: the typed tree in which rules, tags and plans say about whom they speak.

A tree is data and never code. A leaf that has nothing to look at does not hold, so a `not`
around it does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

from app.domain.criteria.comparing import Comparator
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
from app.domain.criteria.trends import Dip, Growth, Mean, OfLast, Rise, Slope, TrendLeaf
from app.domain.profile.vital_signs import MeasurementContext

CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class All:
    items: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Any:
    items: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: "Criterion"


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of `code` (in `context`, if given) compares so and is not too old.

    LO is less than any number and HI is more, so "<3.0" holds for LO.
    """

    code: str
    op: Comparator
    value: Decimal
    within: timedelta
    context: MeasurementContext | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """At least so many values of `code` within the time compare so."""

    code: str
    op: Comparator
    value: Decimal
    within: timedelta
    at_least: int
    context: MeasurementContext | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Newest minus oldest number within `over` is at least `by` (at most, if `by` is negative)."""

    code: str
    over: timedelta
    by: Decimal


@dataclass(frozen=True, slots=True)
class Absent:
    """On each of the last `days` scheduled days, all over by now, nothing was measured."""

    code: str
    days: int


@dataclass(frozen=True, slots=True)
class ActiveCondition:
    """A diagnosis whose ICD-10 code begins with `prefix` is active."""

    prefix: str


@dataclass(frozen=True, slots=True)
class HasTag:
    """The patient bears the tag, or one below it in the tree of tags."""

    key: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The newest response to a questionnaire answers `link_id` so."""

    questionnaire: str
    link_id: str
    op: Comparator
    value: Decimal | str | bool
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Of the last `of` settled tasks of this kind at least `at_least` were missed."""

    kind: str
    at_least: int
    of: int


@dataclass(frozen=True, slots=True)
class Age:
    op: Comparator
    years: int


Leaf: TypeAlias = (
    Latest
    | Count
    | Change
    | Absent
    | ActiveCondition
    | HasTag
    | Answered
    | Missed
    | Age
    | TrendLeaf
    | PopulationLeaf
)
Criterion: TypeAlias = All | Any | Not | Leaf


def leaves(criterion: Criterion) -> Iterator[Leaf]:
    """Yield every leaf, in the order written."""
    match criterion:
        case All(items) | Any(items):
            for item in items:
                yield from leaves(item)
        case Not(item):
            yield from leaves(item)
        case _:
            yield criterion


def count_nodes(criterion: Criterion) -> int:
    match criterion:
        case All(items) | Any(items):
            return 1 + sum(count_nodes(item) for item in items)
        case Not(item):
            return 1 + count_nodes(item)
        case _:
            return 1


def wakes(criterion: Criterion, negated: bool = False) -> frozenset[str]:
    """Return what may make the criterion begin to hold.

    Triggers are `observation:CODE`, `response:QUESTIONNAIRE`, `condition`, `tag:KEY`,
    `task:KIND`, `patient`, `encounter`, `plan:KEY`, `medication`, `reach`, `interaction:KIND`,
    `risk:SCORE`, `preference:KIND` and `clock`. Time passing matters to absence, and to a look
    back under `not`; a mean or a trend that moves only because old values leave its window is no
    news that should wake anybody.
    """
    match criterion:
        case All(items) | Any(items):
            return frozenset().union(*(wakes(item, negated) for item in items))
        case Not(item):
            return wakes(item, not negated)
        case Latest(code=code) | Count(code=code) | Change(code=code):
            return frozenset({f"observation:{code}"} | ({CLOCK} if negated else set()))
        case OfLast() | Mean() | Rise() | Slope() | Growth() | Dip():
            return frozenset({f"observation:{criterion.code}"} | ({CLOCK} if negated else set()))
        case Absent():
            return frozenset({CLOCK})
        case ActiveCondition():
            return frozenset({"condition"})
        case HasTag(key):
            return frozenset({f"tag:{key}"})
        case Answered(questionnaire=key, within=within):
            return frozenset({f"response:{key}"} | ({CLOCK} if negated and within else set()))
        case Missed(kind=kind):
            return frozenset({f"task:{kind}"})
        case Age():
            return frozenset({CLOCK})
        case Visited() | Measured() | Scored() | Interacted():
            return frozenset({_happening(criterion)} | ({CLOCK} if negated else set()))
        case _:
            return frozenset({_standing(criterion)})


def _happening(leaf: Visited | Measured | Scored | Interacted) -> str:
    match leaf:
        case Visited():
            return "encounter"
        case Measured(code=code):
            return f"observation:{code}"
        case Scored(questionnaire=key):
            return f"response:{key}"
        case Interacted(kind=kind):
            return f"interaction:{kind}"


def _standing(
    leaf: IsGender | InDepartment | LivesIn | OnPlan | Medicated | Reachable | AtRisk | Prefers,
) -> str:
    match leaf:
        case IsGender() | InDepartment() | LivesIn():
            return "patient"
        case OnPlan(key=key):
            return f"plan:{key}"
        case Medicated():
            return "medication"
        case Reachable():
            return "reach"
        case AtRisk(score=score):
            return f"risk:{score}"
        case Prefers(kind=kind):
            return f"preference:{kind}"


def look_back(criterion: Criterion) -> dict[str, timedelta]:
    """Return how far back observations of each code must be fetched."""
    needed: dict[str, timedelta] = {}
    for leaf in leaves(criterion):
        match leaf:
            case Latest(code=code, within=span) | Count(code=code, within=span):
                needed[code] = max(span, needed.get(code, span))
            case Change(code=code, over=span) | Measured(code=code, within=span):
                needed[code] = max(span, needed.get(code, span))
            case OfLast(code=code, within=span) | Mean(code=code, within=span):
                needed[code] = max(span, needed.get(code, span))
            case (
                Rise(code=code, over=span)
                | Slope(code=code, over=span)
                | Growth(code=code, over=span)
                | Dip(code=code, over=span)
            ):
                needed[code] = max(span, needed.get(code, span))
            case Absent(code=code):
                # A plan may ask only weekly; a quarter holds the days any plan counts.
                needed[code] = max(timedelta(days=92), needed.get(code, timedelta()))
    return needed
