"""The one unit in which a value is judged, and the way there from the unit it came in.

Conversion is by tables alone (`unit_spellings`, `unit_conversions`): what is not in them is not
converted, so the value is kept as it came and never compared with a number.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from app.domain.profile.laboratory import judged_code
from app.domain.profile.observation_kinds import OBSERVATION_KINDS
from app.domain.profile.unit_conversions import CONVERSIONS
from app.domain.profile.unit_spellings import read_unit

# What the columns of values hold: twelve digits before the point, six behind it.
_FINEST: Final = Decimal("0.000001")
_LARGEST: Final = Decimal(10) ** 12
# The unit of a ratio; reports print such a value without a unit because it has none.
_OF_RATIOS: Final = frozenset({"{INR}"})


class UnitNotConvertible(ValueError):
    """No row of the table leads from this unit to the one in which the code is judged."""


def standardise(code: str, value: Decimal, unit: str | None) -> tuple[Decimal, str]:
    """Return the value in the UCUM unit in which `code` (LOINC) is judged, and that unit.

    `unit` is as printed, in any spelling of the table. A sibling code (cholesterol in mg/dL) is
    judged as its own; see `laboratory.judged_code`.

    :raises UnitNotConvertible: no unit, an unknown one or an unknown code, or no row of the table
    """
    kind = OBSERVATION_KINDS.get(judged_code(code))
    if kind is None or not value.is_finite() or abs(value) >= _LARGEST:
        raise UnitNotConvertible(f"{code} is not judged")
    spoken = read_unit(unit)
    if spoken is None and not (unit or "").strip() and kind.unit in _OF_RATIOS:
        spoken = kind.unit
    if spoken is None:
        raise UnitNotConvertible(f"{code} without a known unit")
    conversion = CONVERSIONS.get((code, spoken)) or CONVERSIONS.get((kind.code, spoken))
    if spoken == kind.unit and (code, spoken) not in CONVERSIONS:
        return value, kind.unit
    if conversion is None:
        raise UnitNotConvertible(f"{code} in {spoken}")
    return _fitting(conversion.apply(value)), kind.unit


def in_judged_unit(code: str, value: Decimal, unit: str | None) -> Decimal:
    """Return `value` in the unit in which `code` is judged (`OBSERVATION_KINDS[code].unit`).

    :raises UnitNotConvertible: no unit, an unknown code, or a pair that is not in the table
    """
    return standardise(code, value, unit)[0]


def _fitting(value: Decimal) -> Decimal:
    """Return the value as its column can hold it."""
    if abs(value) >= _LARGEST:
        raise UnitNotConvertible("too large a number")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        return value.quantize(_FINEST, ROUND_HALF_UP)
    return value
