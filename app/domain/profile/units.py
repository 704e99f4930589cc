"""Units a value may arrive in, and the one unit in which it is judged.

Conversion is by this table alone: a pair that is not in it is not converted, so the value is
kept as it came and never compared with a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from app.domain.profile.observation_kinds import OBSERVATION_KINDS


class UnitNotConvertible(ValueError):
    """No row of the table leads from this unit to the one in which the code is judged."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value / divisor * factor + offset`, rounded half up to a multiple of `step`."""

    step: Decimal
    factor: Decimal = Decimal(1)
    divisor: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)

    def apply(self, value: Decimal) -> Decimal:
        return (value / self.divisor * self.factor + self.offset).quantize(self.step, ROUND_HALF_UP)


# How devices, laboratories and phones spell a UCUM unit.
SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "mmol/l": "mmol/L",
        "mg/dl": "mg/dL",
        "mmHg": "mm[Hg]",
        "bpm": "/min",
        "次/分": "/min",
        "℃": "Cel",
        "°C": "Cel",
        "°F": "[degF]",
        "KG": "kg",
        "Kg": "kg",
    }
)

# Molar mass of glucose 180.156 g/mol. One decimal, because meters and guidelines state mmol/L
# so: then 70, 54 and 300 mg/dL are 3.9, 3.0 and 16.7 and stand on the same side of every limit
# in both units. (Dividing by 18.02 would make 300 mg/dL 16.6 and miss the upper limit.)
_GLUCOSE = Conversion(step=Decimal("0.1"), divisor=Decimal("18.0156"))
_KILOPASCAL = Conversion(step=Decimal(1), factor=Decimal("7.50062"))

CONVERSIONS: Mapping[tuple[str, str], Conversion] = MappingProxyType(
    {
        ("15074-8", "mg/dL"): _GLUCOSE,
        ("8480-6", "kPa"): _KILOPASCAL,
        ("8462-4", "kPa"): _KILOPASCAL,
        ("29463-7", "g"): Conversion(step=Decimal("0.001"), divisor=Decimal(1000)),
        ("29463-7", "[lb_av]"): Conversion(step=Decimal("0.01"), factor=Decimal("0.45359237")),
        # (F - 32) * 5 / 9 with the offset taken out of the brackets.
        ("8310-5", "[degF]"): Conversion(
            step=Decimal("0.1"),
            factor=Decimal(5),
            divisor=Decimal(9),
            offset=Decimal(-160) / Decimal(9),
        ),
        # NGSP % = 0.09148 x IFCC mmol/mol + 2.152 (the IFCC-NGSP master equation).
        ("4548-4", "mmol/mol"): Conversion(
            step=Decimal("0.1"), factor=Decimal("0.09148"), offset=Decimal("2.152")
        ),
    }
)


def in_judged_unit(code: str, value: Decimal, unit: str | None) -> Decimal:
    """Return `value` in the unit in which `code` is judged (`OBSERVATION_KINDS[code].unit`).

    :raises UnitNotConvertible: no unit, an unknown code, or a pair that is not in the table
    """
    kind = OBSERVATION_KINDS.get(code)
    if kind is None or not unit:
        raise UnitNotConvertible(f"{code} without a known unit")
    unit = SPELLINGS.get(unit.strip(), unit.strip())
    if unit == kind.unit:
        return value
    conversion = CONVERSIONS.get((code, unit))
    if conversion is None:
        raise UnitNotConvertible(f"{code} in {unit}")
    return conversion.apply(value)
