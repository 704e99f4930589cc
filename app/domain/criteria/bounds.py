"""What every leaf may name, and how far back any of them may look."""

from datetime import timedelta

from app.domain.definitions import Fields, InvalidDefinition
from app.domain.profile.observation_kinds import OBSERVATION_KINDS, ObservationKind

LONGEST_LOOK_BACK = timedelta(days=366)


def read_kind(fields: Fields) -> ObservationKind:
    code = fields.text("code")
    if code not in OBSERVATION_KINDS:
        raise InvalidDefinition(fields.at("code"), "is not an observation that rules may read")
    return OBSERVATION_KINDS[code]


def read_span(fields: Fields, key: str) -> timedelta:
    span = fields.duration(key)
    if not timedelta() < span <= LONGEST_LOOK_BACK:
        raise InvalidDefinition(fields.at(key), "must be more than nothing and at most P366D")
    return span
