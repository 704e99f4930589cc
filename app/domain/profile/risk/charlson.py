"""The Charlson groups of LACE, found in ICD-10 codes.

Weights: van Walraven et al., CMAJ 2010;182:551 (the update of Schneeweiss 2003 that LACE uses; not
those of 1987). ICD-10 codes of each group: Quan et al., Medical Care 2005;43:1130. LACE splits
kidney disease into mild and moderate-or-severe and the coding paper does not: here stages 4 and 5,
dialysis, transplant and hypertensive kidney failure are severe, the rest mild.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of disease; `under` is the graver group that makes this one not count."""

    key: str
    name: str
    weight: int
    codes: tuple[str, ...]
    under: str | None = None


def _codes(text: str) -> tuple[str, ...]:
    """Return the beginnings of codes; `I60-I69` names every category between."""
    found: list[str] = []
    for word in text.split():
        first, _, last = word.partition("-")
        if last:
            letter = first[0]
            found += [f"{letter}{n:02}" for n in range(int(first[1:]), int(last[1:]) + 1)]
        else:
            found.append(first)
    return tuple(found)


def _diabetes(digits: str) -> str:
    return " ".join(f"E{n}.{digit}" for n in range(10, 15) for digit in digits)


GROUPS: Final = (
    Group("infarction", "心肌梗死", 1, _codes("I21 I22 I25.2")),
    Group("cerebrovascular", "脑血管病", 1, _codes("G45 G46 H34.0 I60-I69")),
    Group(
        "peripheral",
        "周围血管病",
        1,
        _codes("I70 I71 I73.1 I73.8 I73.9 I77.1 I79.0 I79.2 K55.1 K55.8 K55.9 Z95.8 Z95.9"),
    ),
    # A bare category (E11) says no more than that there is diabetes.
    Group("diabetes", "糖尿病", 1, _codes("E10-E14"), "diabetic-damage"),
    Group(
        "heart-failure",
        "心力衰竭",
        2,
        _codes("I09.9 I11.0 I13.0 I13.2 I25.5 I42.0 I42.5 I42.6 I42.7 I42.8 I42.9 I43 I50 P29.0"),
    ),
    Group("diabetic-damage", "糖尿病伴靶器官损害", 2, _codes(_diabetes("23457"))),
    Group("lung", "慢性肺病", 2, _codes("I27.8 I27.9 J40-J47 J60-J67 J68.4 J70.1 J70.3")),
    Group(
        "mild-liver-kidney",
        "轻度肝病或肾病",
        2,
        _codes(
            "B18 K70.0 K70.1 K70.2 K70.3 K70.9 K71.3 K71.4 K71.5 K71.7 K73 K74 K76.0 K76.2 K76.3 "
            "K76.4 K76.8 K76.9 Z94.4 N03.2 N03.3 N03.4 N03.5 N03.6 N03.7 N05.2 N05.3 N05.4 N05.5 "
            "N05.6 N05.7 N18 N19"
        ),
        "severe-liver-kidney",
    ),
    Group(
        "tumour",
        "恶性肿瘤（含白血病、淋巴瘤）",
        2,
        _codes("C00-C26 C30-C34 C37-C41 C43 C45-C58 C60-C76 C81-C85 C88 C90-C97"),
        "metastasis",
    ),
    Group("dementia", "痴呆", 3, _codes("F00-F03 F05.1 G30 G31.1")),
    Group("connective", "结缔组织病", 3, _codes("M05 M06 M31.5 M32-M34 M35.1 M35.3 M36.0")),
    Group("aids", "艾滋病", 4, _codes("B20-B22 B24")),
    Group(
        "severe-liver-kidney",
        "中重度肝病或肾病",
        4,
        _codes(
            "I85.0 I85.9 I86.4 I98.2 K70.4 K71.1 K72.1 K72.9 K76.5 K76.6 K76.7 "
            "N18.4 N18.5 N18.6 N25.0 I12.0 I13.1 Z49 Z94.0 Z99.2"
        ),
    ),
    Group("metastasis", "转移性肿瘤", 6, _codes("C77-C80")),
)


def groups_of(codes: Iterable[str]) -> tuple[Group, ...]:
    """Return the groups that ICD-10 codes fall in; of two grades of one disease the graver."""
    held = [code.upper() for code in codes]
    found = {
        group.key: group for group in GROUPS if any(code.startswith(group.codes) for code in held)
    }
    return tuple(group for group in found.values() if group.under not in found)


def charlson(codes: Iterable[str]) -> int:
    """Return the sum of weights of the groups."""
    return sum(group.weight for group in groups_of(codes))
