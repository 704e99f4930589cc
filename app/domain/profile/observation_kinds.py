"""The observations that rules may read: LOINC code, Chinese name, UCUM unit, plausible range.

Codes follow LOINC, units UCUM. A value of another code is kept and shown, never judged. What is
measured at home or at the bedside stands here; what a laboratory measures comes from its catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from app.domain.profile.laboratory import LABORATORY_TESTS


@dataclass(frozen=True, slots=True)
class ObservationKind:
    """What a code measures; `least` and `most` are the plausibility gate, both included."""

    code: str
    name: str
    unit: str
    least: Decimal
    most: Decimal

    def is_plausible(self, value: Decimal) -> bool:
        """Tell whether `value`, in this kind's unit, can be true of a living person."""
        return self.least <= value <= self.most


def _kind(code: str, name: str, unit: str, least: str, most: str) -> ObservationKind:
    return ObservationKind(code, name, unit, Decimal(least), Decimal(most))


# Ranges for glucose, pressure, rate, saturation and temperature are the product's plausibility
# gate (a default each department signs off); weight and pain only stop slips of the finger.
_AT_HOME = (
    _kind("15074-8", "血糖", "mmol/L", "0.6", "33.3"),
    _kind("8480-6", "收缩压", "mm[Hg]", "50", "280"),
    _kind("8462-4", "舒张压", "mm[Hg]", "30", "180"),
    _kind("8867-4", "心率", "/min", "20", "250"),
    _kind("29463-7", "体重", "kg", "0.3", "400"),
    _kind("8310-5", "体温", "Cel", "32", "43"),
    _kind("59408-5", "血氧饱和度", "%", "50", "100"),
    _kind("72514-3", "疼痛评分", "{score}", "0", "10"),
)

# What scores ask besides: the ranges stop slips of the finger and of the unit.
_AT_THE_BEDSIDE = (
    _kind("8302-2", "身高", "cm", "30", "250"),
    _kind("8280-0", "腰围", "cm", "30", "250"),
    _kind("56086-2", "腰围", "cm", "30", "250"),  # by the protocol of the NHANES
    _kind("39156-5", "体重指数", "kg/m2", "8", "100"),
    _kind("8634-8", "QT 间期", "ms", "150", "800"),
    _kind("8637-1", "RR 间期", "ms", "240", "3000"),
    _kind("97507-8", "动态血糖平均值", "mg/dL", "40", "400"),
)

OBSERVATION_KINDS: Mapping[str, ObservationKind] = MappingProxyType(
    {
        **{kind.code: kind for kind in (*_AT_HOME, *_AT_THE_BEDSIDE)},
        **{
            test.code: ObservationKind(test.code, test.name, test.unit, test.least, test.most)
            for test in LABORATORY_TESTS.values()
        },
    }
)
