"""FINDRISC: type 2 diabetes within ten years, by questions.

Lindström and Tuomilehto, Diabetes Care 2003;26:725, in the eight questions of the Finnish Diabetes
Association. 0–26 points; expected within ten years: below 7 1 in 100, 7–11 1 in 25, 12–14 1 in 6,
15–20 1 in 3, above 20 1 in 2. 12 and more: test. Made in Finland; its steps of waist and body mass
are not those used in China, so CDRS goes first here.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.cdrs import BODY_MASS, NO_DIABETES, WAIST, unless_diabetic
from app.domain.profile.risk.frame import (
    AGE,
    Band,
    Known,
    Need,
    Result,
    Score,
    plain,
    points,
)

FIRST_DEGREE: Final = "first"  # parent, brother, sister, child
SECOND_DEGREE: Final = "second"  # grandparent, aunt, uncle, cousin
NO_FAMILY: Final = "none"

_EXPECTED: Final = {
    "low": "约 1/100", "slight": "约 1/25", "mid": "约 1/6", "high": "约 1/3", "highest": "约 1/2",
}  # fmt: skip


def _items(known: Known) -> dict[str, int]:
    age, body_mass, waist = known.age, known.number("body_mass"), known.number("waist")
    first, second = (94, 102) if known.is_male else (80, 88)
    return {
        AGE: 4 if age > 64 else 3 if age >= 55 else 2 if age >= 45 else 0,
        "body_mass": 3 if body_mass > 30 else 1 if body_mass >= 25 else 0,
        "waist": 4 if waist > second else 3 if waist >= first else 0,
        "is_active": 0 if known.truth("is_active") else 2,
        "eats_greens": 0 if known.truth("eats_greens") else 1,
        "is_treated": 2 if known.truth("is_treated") else 0,
        "had_high_glucose": 5 if known.truth("had_high_glucose") else 0,
        "family_degree": {FIRST_DEGREE: 5, SECOND_DEGREE: 3}.get(known.word("family_degree"), 0),
    }


def findrisc(known: Known) -> Decimal:
    """Return the sum for inputs that were looked at."""
    return Decimal(sum(_items(known).values()))


def _rate(known: Known) -> Result:
    return points(known, _items(known))


def _meaning(value: Decimal, band: Band) -> str:
    advice = "，建议检查血糖" if value >= 12 else ""
    return (
        f"FINDRISC {plain(value)} 分（{band.name}，满分 26）：原研究中 10 年内发生糖尿病的比例"
        f"{_EXPECTED[band.key]}{advice}。"
    )


FINDRISC: Final = Score(
    key="findrisc",
    name="FINDRISC 糖尿病风险",
    version="2003",
    source="Lindström J, Tuomilehto J. Diabetes Care 2003;26:725-731",
    needs=(
        BODY_MASS,
        WAIST,
        Need(
            "is_active", "每天活动 30 分钟", social="89555-7", wakes=("social-history",),
            max_age=timedelta(days=730),
        ),
        Need(
            "eats_greens", "每天吃蔬菜水果", social="daily-greens", wakes=("social-history",),
            max_age=timedelta(days=730),
        ),
        Need("is_treated", "正在服降压药", wakes=("medication", "condition")),
        Need(
            "had_high_glucose", "曾有血糖升高", icd10=("R73", "O24.4", "O24.9"),
            wakes=("condition",),
        ),
        Need(
            "family_degree", "糖尿病家族史（几级亲属）", social="family-diabetes",
            wakes=("social-history",),
        ),
        NO_DIABETES,
    ),
    rate=_rate,
    bands=(
        Band("low", "低"),
        Band("slight", "略高", Decimal(7)),
        Band("mid", "中", Decimal(12)),
        Band("high", "高", Decimal(15)),
        Band("highest", "很高", Decimal(21)),
    ),
    meaning=_meaning,
    anchors=("is_active", "eats_greens"),
    unit="{score}",
    least_age=18,
    needs_gender=True,
    unfit=unless_diabetic,
)  # fmt: skip
