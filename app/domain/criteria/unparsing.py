"""Criteria written as plain data again: what `parse_criterion` reads back as the same tree."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import time, timedelta
from decimal import Decimal
from typing import Any, Final

from app.domain.criteria import population, tree, trends
from app.domain.criteria.tree import All, Answered, Criterion, Not
from app.domain.profile.observation_kinds import OBSERVATION_KINDS

_WORDS: Final[Mapping[type, str]] = {
    tree.Latest: "latest",
    tree.Count: "count",
    tree.Change: "change",
    tree.Absent: "absent",
    tree.ActiveCondition: "condition",
    tree.HasTag: "tag",
    tree.Answered: "answer",
    tree.Missed: "missed",
    tree.Age: "age",
    trends.OfLast: "of_last",
    trends.Mean: "mean",
    trends.Rise: "rise",
    trends.Slope: "slope",
    trends.Growth: "growth",
    trends.Dip: "dip",
    population.IsGender: "gender",
    population.InDepartment: "department",
    population.LivesIn: "region",
    population.Visited: "visited",
    population.OnPlan: "plan",
    population.Medicated: "medication",
    population.Measured: "measured",
    population.Scored: "score",
    population.Reachable: "reachable",
    population.Interacted: "interaction",
    population.AtRisk: "risk",
    population.Prefers: "preference",
}
# Where a leaf's own name for something is not the one that is written.
_KEYS: Final = {"prefix": "code", "encounter_class": "class"}
# Numbers in a unit, which is written with them: a wrong one shows.
_IN_A_UNIT: Final = (
    tree.Latest,
    tree.Count,
    tree.Change,
    trends.OfLast,
    trends.Mean,
    trends.Rise,
    trends.Slope,
)


def unparse(criterion: Criterion) -> dict[str, Any]:
    """Return a tree as JSON and YAML can hold it; numbers of results are exact, as text."""
    match criterion:
        case All(items):
            return {"all": [unparse(item) for item in items]}
        case tree.Any(items):
            return {"any": [unparse(item) for item in items]}
        case Not(item):
            return {"not": unparse(item)}
    body = {
        _KEYS.get(field.name, field.name): _plain(getattr(criterion, field.name))
        for field in fields(criterion)
        if getattr(criterion, field.name) is not None
    }
    if isinstance(criterion, Answered) and isinstance(criterion.value, Decimal):
        body["value"] = _number(criterion.value)  # as text it would be a choice
    if isinstance(criterion, _IN_A_UNIT):
        body["unit"] = OBSERVATION_KINDS[criterion.code].unit
    return {_WORDS[type(criterion)]: body}


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return _duration(value)
        case time():
            return f"{value:%H:%M}"
        case Decimal():
            return f"{value:f}"
        case bool() | int():
            return value
    return str(value)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _duration(span: timedelta) -> str:
    """Return ISO 8601 days, hours and minutes."""
    minutes = span.seconds // 60
    days = f"{span.days}D" if span.days else ""
    hours = f"{minutes // 60}H" if minutes >= 60 else ""
    rest = f"{minutes % 60}M" if minutes % 60 else ""
    return f"P{days}T{hours}{rest}" if minutes else f"P{days}"
