"""From which unit a value of which code may be converted, and how: the whole table.

Rows are (LOINC code, UCUM unit) → conversion into the unit in which the code is judged. Decimal
throughout; a power of ten is exact and not rounded. Factors: molar masses as laboratories use
them, the IFCC–NGSP master equation for HbA1c, KDIGO 2024 for UACR.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Conversion:
    """`value / divisor * factor + offset`, rounded half up to a multiple of `step` if given."""

    step: Decimal | None = None
    factor: Decimal = Decimal(1)
    divisor: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)

    def apply(self, value: Decimal) -> Decimal:
        exact = value / self.divisor * self.factor + self.offset
        return exact if self.step is None else exact.quantize(self.step, ROUND_HALF_UP)


def _times(factor: str, step: str | None = None) -> Conversion:
    return Conversion(Decimal(step) if step else None, factor=Decimal(factor))


_SAME: Final = Conversion()
# Molar mass of glucose 180.156 g/mol. One decimal, because meters and guidelines state mmol/L
# so: then 70, 54, 126 and 300 mg/dL are 3.9, 3.0, 7.0 and 16.7 and stand on the same side of every
# limit in both units. (Dividing by 18.02 would make 300 mg/dL 16.6 and miss the upper limit.)
_GLUCOSE: Final = Conversion(step=Decimal("0.1"), divisor=Decimal("18.0156"))
_KILOPASCAL: Final = Conversion(step=Decimal(1), factor=Decimal("7.50062"))
_CHOLESTEROL: Final = _times("0.02586", "0.01")

# Units that say the same of a whole family of tests, by the unit in which these are judged.
_FAMILIES: Mapping[str, Mapping[str, Conversion]] = {
    "10*9/L": {
        "10*3/uL": _SAME, "10*6/mL": _SAME,
        "/uL": _times("0.001"), "10*6/L": _times("0.001"), "10*3/mL": _times("0.001"),
    },
    "10*12/L": {"10*6/uL": _SAME, "10*9/L": _times("0.001")},
    # One unit of an enzyme is one micromole a minute; a katal is a mole a second.
    "U/L": {"[IU]/L": _SAME, "ukat/L": _times("60")},
}  # fmt: skip
_COUNTS: Final = ("6690-2", "26499-4", "26474-7", "26484-6", "26449-9", "26444-0", "777-3")
_ENZYMES: Final = ("1742-6", "1920-8", "6768-6", "2324-2", "2532-0", "2157-6", "1798-8")
_FAMILY_OF: Mapping[str, tuple[str, ...]] = {
    "10*9/L": _COUNTS,
    "10*12/L": ("789-8",),
    "U/L": _ENZYMES,
}

_OF_TEST: Mapping[str, Mapping[str, Conversion]] = {
    # blood
    "718-7": {"g/dL": _times("10")},
    "4544-3": {"%": _times("0.01")},
    "786-4": {"g/dL": _times("10")},
    # coagulation: 1 is the unit of a ratio, and so is none (see `units.standardise`)
    "6301-6": {"1": _SAME},
    "3255-7": {"mg/dL": _times("0.01"), "mg/L": _times("0.001")},
    "48065-7": {
        "ug{FEU}/mL": _SAME, "ug{FEU}/L": _times("0.001"), "ng{FEU}/mL": _times("0.001"),
        "mg{DDU}/L": _times("2"), "ug{DDU}/mL": _times("2"),
        "ug{DDU}/L": _times("0.002"), "ng{DDU}/mL": _times("0.002"),
    },
    # The code itself says DDU, so that a bare unit is enough.
    "48066-5": {
        "mg/L": _times("2"), "ug/mL": _times("2"), "ug/L": _times("0.002"),
        "ng/mL": _times("0.002"),
    },
    # inflammation
    "1988-5": {"mg/dL": _times("10"), "ug/mL": _SAME},
    "33959-8": {"ug/L": _SAME, "ng/L": _times("0.001"), "pg/mL": _times("0.001")},
    "2276-4": {"ng/mL": _SAME},
    # liver
    "2885-2": {"g/dL": _times("10")},
    "1751-7": {"g/dL": _times("10"), "mg/dL": _times("0.01")},
    "14631-6": {"mg/dL": _times("17.1", "0.1")},
    "14629-0": {"mg/dL": _times("17.1", "0.1")},
    # Kidney. A bare mg/dL of "urea" may weigh the molecule or its nitrogen, 2.14 times less: only
    # a unit or a code that says which is converted.
    "22664-7": {"mg{urea nitrogen}/dL": _times("0.357", "0.1")},
    "3094-0": {"mg/dL": _times("0.357", "0.1")},
    "3091-6": {"mg/dL": _times("0.1665", "0.1")},
    "14682-9": {"mg/dL": _times("88.4", "0.1"), "mg/L": _times("8.84", "0.1"),
                "mmol/L": _times("1000")},
    "14933-6": {"mg/dL": _times("59.48", "0.1"), "mmol/L": _times("1000")},
    "14959-1": {"mg/mmol": _times("8.84", "0.01"), "ug/mg": _SAME},
    # minerals
    "2823-3": {"meq/L": _SAME},
    "2951-2": {"meq/L": _SAME},
    "2075-0": {"meq/L": _SAME},
    "2000-8": {"mg/dL": _times("0.2495", "0.01"), "meq/L": _times("0.5")},
    "14879-1": {"mg/dL": _times("0.3229", "0.01")},
    "2601-3": {"mg/dL": _times("0.4114", "0.01"), "meq/L": _times("0.5")},
    # metabolism
    "14749-6": {"mg/dL": _GLUCOSE},
    "4548-4": {
        # NGSP % = 0.09148 x IFCC mmol/mol + 2.152 (the IFCC-NGSP master equation).
        "mmol/mol": Conversion(
            step=Decimal("0.1"), factor=Decimal("0.09148"), offset=Decimal("2.152")
        ),
    },
    "14647-2": {"mg/dL": _CHOLESTEROL},
    "14646-4": {"mg/dL": _CHOLESTEROL},
    "22748-8": {"mg/dL": _CHOLESTEROL},
    "14927-8": {"mg/dL": _times("0.01129", "0.01")},
    # heart and thyroid
    "89579-7": {"ng/mL": _times("1000"), "ug/L": _times("1000"), "pg/mL": _SAME},
    "33762-6": {"pg/mL": _SAME, "ng/mL": _times("1000")},
    "3016-3": {"u[IU]/mL": _SAME, "mU/L": _SAME, "uU/mL": _SAME},
    "14920-3": {
        "ng/dL": _times("12.87", "0.01"), "pg/mL": _times("1.287", "0.01"),
        "ng/L": _times("1.287", "0.01"),
    },
    "14928-6": {"pg/mL": _times("1.536", "0.01"), "ng/L": _times("1.536", "0.01")},
    # at the bedside
    "8302-2": {"m": _times("100"), "mm": _times("0.1")},
    "8280-0": {"m": _times("100"), "mm": _times("0.1")},
    "56086-2": {"m": _times("100"), "mm": _times("0.1")},
    "8634-8": {"s": _times("1000")},
    "8637-1": {"s": _times("1000")},
    "97507-8": {"mmol/L": _times("18.0156", "0.1")},
    # at home
    "15074-8": {"mg/dL": _GLUCOSE},
    "8480-6": {"kPa": _KILOPASCAL},
    "8462-4": {"kPa": _KILOPASCAL},
    "29463-7": {
        "g": Conversion(step=Decimal("0.001"), divisor=Decimal(1000)),
        "[lb_av]": _times("0.45359237", "0.01"),
    },
    "8310-5": {
        # (F - 32) * 5 / 9 with the offset taken out of the brackets.
        "[degF]": Conversion(
            step=Decimal("0.1"),
            factor=Decimal(5),
            divisor=Decimal(9),
            offset=Decimal(-160) / Decimal(9),
        ),
    },
}  # fmt: skip


def _table() -> Iterator[tuple[tuple[str, str], Conversion]]:
    for unit, codes in _FAMILY_OF.items():
        for code in codes:
            for spoken, conversion in _FAMILIES[unit].items():
                yield (code, spoken), conversion
    for code, conversions in _OF_TEST.items():
        for spoken, conversion in conversions.items():
            yield (code, spoken), conversion


CONVERSIONS: Mapping[tuple[str, str], Conversion] = MappingProxyType(dict(_table()))
