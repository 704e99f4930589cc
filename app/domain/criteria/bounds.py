"""What every leaf may name, and how far back any of them may look."""

from datetime import timedelta
from decimal import Decimal

from app.domain.definitions import Fields, InvalidDefinition
from app.domain.profile.observation_kinds import OBSERVATION_KINDS, ObservationKind
from app.domain.profile.vital_signs import MeasurementContext

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


def read_unit(fields: Fields, kind: ObservationKind) -> None:
    """Refuse numbers in another unit than the one the code is judged in."""
    if fields.text("unit") != kind.unit:
        raise InvalidDefinition(fields.at("unit"), f"must be {kind.unit}")


def read_threshold(fields: Fields, kind: ObservationKind) -> Decimal:
    """Return the number compared with; a wrong unit shows as an implausible number."""
    read_unit(fields, kind)
    value = fields.decimal("value")
    if not kind.is_plausible(value):
        raise InvalidDefinition(fields.at("value"), f"is not plausible in {kind.unit}")
    return value


def read_context(fields: Fields) -> MeasurementContext | None:
    return fields.optional("context", lambda key: fields.choice(key, MeasurementContext))
