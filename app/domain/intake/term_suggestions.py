"""What a person may be asked to confirm for an unmapped code, and why it is suggested.

A suggestion is never applied by itself: PCT is procalcitonin in one laboratory and plateletcrit in
the next.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.domain.intake.hospital_records import Coded
from app.domain.intake.term_names import names_of, plain
from app.domain.intake.terminology import (
    ICD_10,
    LOINC,
    OUR_DEPARTMENTS,
    UCUM,
    TermKind,
    Unmapped,
    is_icd_10,
)
from app.domain.profile.laboratory import LABORATORY_TESTS
from app.domain.profile.laboratory_entry import LaboratoryTest
from app.domain.profile.unit_spellings import SPELLINGS
from app.domain.profile.units import UnitNotConvertible, standardise

MOST_SUGGESTIONS: Final = 3
MOST_FOUND: Final = 20
# What laboratories hang on a name without meaning another test.
_HANGERS: Final = re.compile(r"^(?:血清|血浆|全血|静脉血)|(?:测定|检测|定量|测量|试验|浓度|含量)$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A standard code, and in Chinese what speaks for it."""

    target: Coded
    why: str
    weight: int


def suggest(unmapped: Unmapped, departments: Mapping[str, str]) -> tuple[Suggestion, ...]:
    """Return at most three suggestions for a code, the likeliest first."""
    found: Iterator[Suggestion]
    match unmapped.kind:
        case TermKind.OBSERVATION:
            found = _tests(unmapped)
        case TermKind.UNIT:
            found = _units(unmapped.code)
        case TermKind.DEPARTMENT:
            found = _departments(unmapped, departments)
        case TermKind.CONDITION:
            found = _conditions(unmapped)
        case TermKind.MEDICATION:
            found = iter(())
    likeliest = sorted(found, key=lambda one: (-one.weight, one.target.code))
    return tuple(likeliest[:MOST_SUGGESTIONS])


def search_tests(text: str) -> tuple[LaboratoryTest, ...]:
    """Return tests of the catalogue whose code begins with, or whose name contains, `text`."""
    wanted = plain(text)
    if not wanted:
        return ()
    found = [
        test
        for test in LABORATORY_TESTS.values()
        if test.code.startswith(wanted) or any(wanted in name for name in names_of(test.code))
    ]
    return tuple(sorted(found, key=lambda test: wanted not in names_of(test.code))[:MOST_FOUND])


def _tests(unmapped: Unmapped) -> Iterator[Suggestion]:
    code, name = plain(unmapped.code), plain(unmapped.display)
    bare = _HANGERS.sub("", _HANGERS.sub("", name))
    for test in LABORATORY_TESTS.values():
        known = names_of(test.code)
        reasons = []
        weight = 0
        if name and name in known:
            weight, reasons = 4, [f"名称“{unmapped.display}”相同"]
        elif bare and bare in known:
            weight, reasons = 3, [f"名称相近（{test.name}）"]
        if code in known:
            weight += 2
            reasons.append(f"代码与常用缩写“{test.abbreviation}”相同")
        if not weight:
            continue
        unit_fits = _fits(test, unmapped.unit)
        if unit_fits is not None:
            weight += 1 if unit_fits else -2
            reasons.append("单位可以换算" if unit_fits else "但单位对不上，请核对")
        # An abbreviation against the unit: that is how plateletcrit would become procalcitonin.
        if weight > 0:
            yield Suggestion(Coded(test.code, test.name, LOINC), "；".join(reasons), weight)


def _fits(test: LaboratoryTest, unit: str) -> bool | None:
    if not unit.strip():
        return None
    try:
        standardise(test.code, Decimal(1), unit)
    except UnitNotConvertible:
        return False
    return True


def _units(printed: str) -> Iterator[Suggestion]:
    folded = plain(printed)
    meant = {unit for text, unit in SPELLINGS.items() if plain(text) == folded}
    for unit in sorted(meant):
        yield Suggestion(Coded(unit, unit, UCUM), "只有大小写或空格不同", 1)


def _departments(unmapped: Unmapped, departments: Mapping[str, str]) -> Iterator[Suggestion]:
    name = plain(unmapped.display)
    for code, ours in departments.items():
        target = Coded(code, ours, OUR_DEPARTMENTS)
        if code == unmapped.code:
            yield Suggestion(target, "代码相同，名称不同", 2)
        elif name and name == plain(ours):
            yield Suggestion(target, f"名称“{ours}”相同", 3)
        elif name and (plain(ours) in name or name in plain(ours)):
            yield Suggestion(target, f"名称相近（{ours}）", 1)


def _conditions(unmapped: Unmapped) -> Iterator[Suggestion]:
    if is_icd_10(Coded(unmapped.code)):
        target = Coded(unmapped.code, unmapped.display, ICD_10)
        yield Suggestion(target, "代码本身是 ICD-10 的写法", 1)
