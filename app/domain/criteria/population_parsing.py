"""The leaves about who a patient is and what they do, read from plain data."""

import re
from collections.abc import Callable, Mapping

from app.domain.criteria.bounds import read_kind, read_span
from app.domain.criteria.comparing import Comparator
from app.domain.criteria.population import (
    AtRisk,
    InDepartment,
    Interacted,
    InteractionKind,
    IsGender,
    LivesIn,
    Measured,
    Medicated,
    OnPlan,
    PlanState,
    PopulationLeaf,
    PreferenceKind,
    Prefers,
    Reach,
    Reachable,
    Scored,
    Visited,
)
from app.domain.definitions import Fields, InvalidDefinition
from app.domain.intake.hospital_records import EncounterClass, Gender

_CODE = re.compile(r"[\w.\-]{1,64}")
_REGION = re.compile(r"[\u4e00-\u9fff]{2,40}")
_MOST_TIMES = 1000


def _code(fields: Fields, key: str) -> str:
    """Return a code of ours or of a standard: letters, digits, dots and hyphens."""
    text = fields.text(key, 64)
    if not _CODE.fullmatch(text):
        raise InvalidDefinition(fields.at(key), "must be a code without spaces")
    return text


def _region(fields: Fields) -> LivesIn:
    region = fields.text("region", 40)
    if not _REGION.fullmatch(region):
        raise InvalidDefinition(fields.at("region"), "must be a place in Chinese, province first")
    return LivesIn(region)


def _visited(fields: Fields) -> Visited:
    return Visited(
        within=read_span(fields, "within"),
        at_least=_times(fields),
        encounter_class=fields.optional("class", lambda key: fields.choice(key, EncounterClass)),
        department=fields.optional("department", lambda key: _code(fields, key)),
    )


def _times(fields: Fields) -> int:
    return fields.optional("at_least", lambda key: fields.integer(key, 1, _MOST_TIMES)) or 1


def _plan(fields: Fields) -> OnPlan:
    state = fields.optional("state", lambda key: fields.choice(key, PlanState))
    return OnPlan(fields.key("key"), state or PlanState.ACTIVE)


def _scored(fields: Fields) -> Scored:
    return Scored(
        questionnaire=fields.key("questionnaire"),
        op=fields.choice("op", Comparator),
        value=fields.integer("value", 0, 1000),
        within=read_span(fields, "within"),
    )


def _interacted(fields: Fields) -> Interacted:
    return Interacted(
        kind=fields.choice("kind", InteractionKind),
        within=read_span(fields, "within"),
        at_least=_times(fields),
        subject=fields.optional("subject", fields.key),
    )


POPULATION_LEAVES: Mapping[str, Callable[[Fields], PopulationLeaf]] = {
    "gender": lambda fields: IsGender(fields.choice("gender", Gender)),
    "department": lambda fields: InDepartment(_code(fields, "code")),
    "region": _region,
    "visited": _visited,
    "plan": _plan,
    "medication": lambda fields: Medicated(_code(fields, "code")),
    "measured": lambda fields: Measured(read_kind(fields).code, read_span(fields, "within")),
    "score": _scored,
    "reachable": lambda fields: Reachable(fields.choice("by", Reach)),
    "interaction": _interacted,
    "risk": lambda fields: AtRisk(fields.key("score"), fields.key("band")),
    "preference": lambda fields: Prefers(
        fields.choice("kind", PreferenceKind), fields.text("value", 64)
    ),
}
