"""CDRS, the Chinese diabetes risk score: who should be tested by an oral glucose tolerance test.

Chinese Diabetes Society, guideline for type 2 diabetes (2013, kept in 2017 and 2020); 20 to 74
years, nobody known to have diabetes. 0–51 points, 25 and more: test. A public app prints 31 where
these tables give 28 (wrong points for age and body mass).
"""

from datetime import timedelta
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
    step,
)

_YEAR: Final = timedelta(days=365)
BODY_MASS: Final = Need(
    "body_mass", "体重指数", "kg/m2", ("39156-5",), max_age=_YEAR,
    wakes=("observation:29463-7", "observation:8302-2"),
)  # fmt: skip
WAIST: Final = Need("waist", "腰围", "cm", ("8280-0", "56086-2"), max_age=_YEAR)
NO_DIABETES: Final = Need(
    "has_diabetes", "糖尿病", icd10=("E10", "E11", "E12", "E13", "E14"), wakes=("condition",)
)


def cdrs(
    age: int,
    pressure: Decimal,
    body_mass: Decimal,
    waist: Decimal,
    *,
    is_male: bool,
    has_family_history: bool,
) -> int:
    """Return the sum; systolic pressure in mmHg, body mass in kg/m², waist in cm."""
    items = _items(
        age, pressure, body_mass, waist, is_male=is_male, has_family_history=has_family_history
    )
    return sum(items.values())


def _items(
    age: int,
    pressure: Decimal,
    body_mass: Decimal,
    waist: Decimal,
    *,
    is_male: bool,
    has_family_history: bool,
) -> dict[str, int]:
    # Women's steps lie five centimetres lower.
    as_mans = waist if is_male else waist + 5
    return {
        AGE: step(
            Decimal(age), ("25", 4), ("35", 8), ("40", 11), ("45", 12), ("50", 13), ("55", 15),
            ("60", 16), ("65", 18),
        ),
        "systolic": step(
            pressure, ("110", 1), ("120", 3), ("130", 6), ("140", 7), ("150", 8), ("160", 10)
        ),
        "body_mass": step(body_mass, ("22", 1), ("24", 3), ("30", 5)),
        "waist": step(as_mans, ("75", 3), ("80", 5), ("85", 7), ("90", 8), ("95", 10)),
        "family_diabetes": 6 if has_family_history else 0,
        GENDER: 2 if is_male else 0,
    }  # fmt: skip


def _rate(known: Known) -> Result:
    return points(
        known,
        _items(
            known.age, known.number("systolic"), known.number("body_mass"), known.number("waist"),
            is_male=known.is_male, has_family_history=known.truth("family_diabetes"),
        ),
    )  # fmt: skip


def _meaning(value: Decimal, band: Band) -> str:
    if band.key == "high":
        return (
            f"糖尿病风险评分 {plain(value)} 分（满分 51），达到 25 分，建议做口服葡萄糖耐量试验。"
        )
    return f"糖尿病风险评分 {plain(value)} 分（满分 51），未达到 25 分的筛查线。"


def unless_diabetic(known: Known) -> str | None:
    return "已有糖尿病诊断，这个评分只用于筛查" if known.truth("has_diabetes") else None


CDRS: Final = Score(
    key="cdrs",
    name="中国糖尿病风险评分",
    version="2013",
    source="中华医学会糖尿病学分会. 中国2型糖尿病防治指南（2020年版）",
    needs=(
        Need("systolic", "收缩压", "mm[Hg]", ("8480-6",), max_age=_YEAR),
        BODY_MASS,
        WAIST,
        Need(
            "family_diabetes", "糖尿病家族史", icd10=("Z83.3",), social="family-diabetes",
            wakes=("condition", "social-history"),
        ),
        NO_DIABETES,
    ),
    rate=_rate,
    bands=(Band("low", "未达筛查线"), Band("high", "建议筛查", Decimal(25))),
    meaning=_meaning,
    anchors=("waist", "body_mass"),
    unit="{score}",
    least_age=20,
    most_age=74,
    needs_gender=True,
    unfit=unless_diabetic,
)  # fmt: skip
