"""eGFR of adults from creatinine, without race: CKD-EPI 2021.

Inker et al., N Engl J Med 2021;385:1737: 142 × min(Scr/κ,1)^α × max(Scr/κ,1)^−1.200 ×
0.9938^age (× 1.012 if female); κ 0.7 and α −0.241 for women, 0.9 and −0.302 for men; creatinine in
mg/dL (µmol/L ÷ 88.4). Powers are floats: the result is told in whole mL/min/1.73 m². Stages G1 to
G5: KDIGO 2012 and 2024.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import (
    AGE,
    GENDER,
    Band,
    Contribution,
    Effect,
    Known,
    Need,
    Result,
    Score,
    plain,
    rounded,
)

MICROMOLES_PER_MG_DL: Final = 88.4
GFR_UNIT: Final = "mL/min/{1.73_m2}"
CREATININE: Final = Need(
    "creatinine", "血肌酐", "umol/L", ("14682-9", "2160-0"), max_age=timedelta(days=365)
)
STAGES: Final = (
    Band("g5", "G5 期，肾衰竭"),
    Band("g4", "G4 期，重度下降", Decimal(15)),
    Band("g3b", "G3b 期，中重度下降", Decimal(30)),
    Band("g3a", "G3a 期，轻中度下降", Decimal(45)),
    Band("g2", "G2 期，轻度下降", Decimal(60)),
    Band("g1", "G1 期，正常或偏高", Decimal(90)),
)


def ckd_epi_2021(creatinine: float, age: int, *, is_male: bool) -> float:
    """Return mL/min/1.73 m² from creatinine in mg/dL."""
    of_creatinine, of_age, of_sex = _factors(creatinine, age, is_male=is_male)
    return 142 * of_creatinine * of_age * of_sex


def _factors(creatinine: float, age: int, *, is_male: bool) -> tuple[float, float, float]:
    kappa, alpha = (0.9, -0.302) if is_male else (0.7, -0.241)
    ratio = creatinine / kappa
    of_creatinine = min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.200
    return of_creatinine, 0.9938**age, 1.0 if is_male else 1.012


def _rate(known: Known) -> Result:
    in_mg_dl = float(known.number("creatinine")) / MICROMOLES_PER_MG_DL
    factors = _factors(in_mg_dl, known.age, is_male=known.is_male)
    value = ckd_epi_2021(in_mg_dl, known.age, is_male=known.is_male)
    shares = tuple(
        Contribution(key, rounded(factor, "0.001"), Effect.FACTOR)
        for key, factor in zip(("creatinine", AGE, GENDER), factors, strict=True)
    )
    return Result(rounded(value), shares)


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"估算肾小球滤过率 {plain(value)} mL/min/1.73m²（{band.name}）；"
        "持续 3 个月以上低于 60 才考虑慢性肾脏病。"
    )


CKD_EPI: Final = Score(
    key="ckd-epi",
    name="估算肾小球滤过率",
    version="2021",
    source="Inker LA, et al. N Engl J Med 2021;385:1737-1749",
    needs=(CREATININE,),
    rate=_rate,
    bands=STAGES,
    meaning=_meaning,
    anchors=("creatinine",),
    unit=GFR_UNIT,
    least_age=18,
    needs_gender=True,
)
