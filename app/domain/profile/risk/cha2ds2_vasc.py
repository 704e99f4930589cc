"""CHA2DS2-VASc: stroke in atrial fibrillation, in two versions that are kept apart by name.

2010: Lip et al., Chest 2010;137:263, 0–9 points, bands as ESC 2010 to 2020 read them (the point
for being a woman alone counts nothing). `-60`: the Chinese guideline on atrial fibrillation of
2023 gives a point from 60 and two from 65 years. Only for who has the diagnosis.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import (
    AGE,
    GENDER,
    Band,
    Known,
    Need,
    Result,
    Score,
    plain,
    points,
)

_DIAGNOSES: Final = (
    ("heart_failure", "心力衰竭", ("I50", "I11.0", "I13.0", "I13.2", "I42"), 1),
    ("hypertension", "高血压", ("I10", "I11", "I12", "I13", "I15"), 1),
    ("has_diabetes", "糖尿病", ("E10", "E11", "E12", "E13", "E14"), 1),
    (
        "stroke", "脑卒中、短暂性脑缺血发作或血栓栓塞",
        ("I63", "I64", "I69.3", "I69.4", "G45", "I74"), 2,
    ),
    ("vascular", "心肌梗死或外周动脉疾病", ("I21", "I22", "I25.2", "I70", "I73.9"), 1),
)  # fmt: skip


def age_points_2010(age: int) -> int:
    """Return 2 from 75 years, 1 from 65."""
    return 2 if age >= 75 else 1 if age >= 65 else 0


def age_points_60(age: int) -> int:
    """Return 2 from 65 years, 1 from 60."""
    return 2 if age >= 65 else 1 if age >= 60 else 0


def _rate(age_points: Callable[[int], int]) -> Callable[[Known], Result]:
    def rate(known: Known) -> Result:
        items = {key: weight if known.truth(key) else 0 for key, _, _, weight in _DIAGNOSES}
        items[AGE] = age_points(known.age)
        items[GENDER] = 0 if known.is_male else 1
        return points(known, items)

    return rate


def cha2ds2_vasc(known: Known, *, age_points: Callable[[int], int] = age_points_2010) -> Decimal:
    """Return the sum for inputs that were looked at."""
    return _rate(age_points)(known).value


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"房颤卒中评分 {plain(value)} 分（{band.name}，满分 9，其中女性 1 分）；"
        "是否抗凝由医生结合出血风险决定。"
    )


def _unfit(known: Known) -> str | None:
    return None if known.truth("fibrillation") else "没有房颤诊断，这个评分只用于房颤患者"


def _score(key: str, version: str, source: str, age_points: Callable[[int], int]) -> Score:
    return Score(
        key=key,
        name="房颤卒中评分（CHA2DS2-VASc" + ("-60）" if key.endswith("60") else "）"),
        version=version,
        source=source,
        needs=(
            Need("fibrillation", "心房颤动", icd10=("I48",), wakes=("condition",)),
            *(
                Need(diagnosis, name, icd10=codes, wakes=("condition",))
                for diagnosis, name, codes, _ in _DIAGNOSES
            ),
        ),
        rate=_rate(age_points),
        bands=(
            Band("low", "低"),
            Band("mid", "中", Decimal(1)),
            Band("high", "高", Decimal(2)),
        ),
        meaning=_meaning,
        anchors=("fibrillation",),
        unit="{score}",
        least_age=18,
        needs_gender=True,
        unfit=_unfit,
    )


CHA2DS2_VASC: Final = _score(
    "cha2ds2-vasc", "2010", "Lip GYH, et al. Chest 2010;137:263-272", age_points_2010
)
CHA2DS2_VASC_60: Final = _score(
    "cha2ds2-vasc-60", "CN-2023", "心房颤动诊断和治疗中国指南（2023）", age_points_60
)
