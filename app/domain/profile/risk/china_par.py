"""China-PAR: atherosclerotic cardiovascular disease within ten years.

Yang et al., Circulation 2016;134:1430; ages 35 to 74, without the disease so far. Risk = 1 −
S0^exp(Σ − mean), with natural logarithms of age (years), systolic pressure (mmHg), total and HDL
cholesterol (mg/dL) and waist (cm). The paper prints two decimals, which do not give back its own
table; the coefficients here do (men of 40, 50, 60, 70 years in its example 2.2, 5.4, 11.0, 19.6 %;
women 2.4, 5.4, 10.1, 17.1 %). Those of treated pressure, smoking and family history are known to
two decimals only.

The coefficient of men's waist is negative: a thicker waist would seem to protect. It belongs to
the equation and is nobody's advice, so it is never shown as something to change.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import (
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

# mmol/L of cholesterol per mg/dL, as in `unit_conversions`.
_CHOLESTEROL: Final = 0.02586
_YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the equation asks; cholesterol in mg/dL, waist in cm, pressure in mmHg."""

    age: int
    pressure: float
    total_cholesterol: float
    hdl_cholesterol: float
    waist: float
    is_treated: bool = False
    smokes: bool = False
    has_diabetes: bool = False
    is_north: bool = False
    is_urban: bool = False
    has_family_history: bool = False


@dataclass(frozen=True, slots=True)
class Equation:
    """Coefficients of one sex; 0 where the equation does not ask."""

    age: float
    pressure: float
    pressure_treated: float
    total: float
    hdl: float
    waist: float
    smoking: float
    diabetes: float
    north: float
    urban: float
    family: float
    age_pressure: float
    age_pressure_treated: float
    age_smoking: float
    age_family: float
    mean: float
    survival: float

    def terms(self, one: Profile) -> dict[str, float]:
        """Return each input's part of the sum; what goes with age counts to the other input."""
        age, pressure = math.log(one.age), math.log(one.pressure)
        slope, with_age = (
            (self.pressure_treated, self.age_pressure_treated)
            if one.is_treated
            else (self.pressure, self.age_pressure)
        )
        return {
            "age": self.age * age,
            "systolic": (slope + with_age * age) * pressure,
            "total_cholesterol": self.total * math.log(one.total_cholesterol),
            "hdl_cholesterol": self.hdl * math.log(one.hdl_cholesterol),
            "waist": self.waist * math.log(one.waist),
            "smokes": (self.smoking + self.age_smoking * age) * one.smokes,
            "has_diabetes": self.diabetes * one.has_diabetes,
            "is_north": self.north * one.is_north,
            "is_urban": self.urban * one.is_urban,
            "family_ascvd": (self.family + self.age_family * age) * one.has_family_history,
        }

    def risk(self, one: Profile) -> float:
        """Return the probability within ten years, 0 to 1."""
        total = sum(self.terms(one).values())
        return float(1 - self.survival ** math.exp(total - self.mean))


MEN: Final = Equation(
    age=31.96604, pressure=26.14876, pressure_treated=27.39, total=0.62090, hdl=-0.69373,
    waist=-0.71200, smoking=3.96, diabetes=0.36, north=0.48, urban=-0.16, family=6.22,
    age_pressure=-5.73074, age_pressure_treated=-6.02, age_smoking=-0.94, age_family=-1.53,
    mean=140.68, survival=0.9707,
)  # fmt: skip
WOMEN: Final = Equation(
    age=24.87, pressure=19.98, pressure_treated=20.71, total=0.06, hdl=-0.22,
    waist=1.48, smoking=0.49, diabetes=0.57, north=0.54, urban=0.0, family=0.0,
    age_pressure=-4.36, age_pressure_treated=-4.53, age_smoking=0.0, age_family=0.0,
    mean=117.26, survival=0.9851,
)  # fmt: skip


def china_par(one: Profile, *, is_male: bool) -> float:
    """Return the probability within ten years, 0 to 1."""
    return (MEN if is_male else WOMEN).risk(one)


def _reference(one: Profile) -> Profile:
    """Return the same person at what prevention aims for (our choice, for comparison only)."""
    return Profile(
        age=one.age, pressure=120.0, total_cholesterol=180.0, hdl_cholesterol=50.0,
        waist=one.waist, is_north=one.is_north, is_urban=one.is_urban,
    )  # fmt: skip


def _rate(known: Known) -> Result:
    equation = MEN if known.is_male else WOMEN
    one = Profile(
        age=known.age,
        pressure=float(known.number("systolic")),
        total_cholesterol=float(known.number("total_cholesterol")) / _CHOLESTEROL,
        hdl_cholesterol=float(known.number("hdl_cholesterol")) / _CHOLESTEROL,
        waist=float(known.number("waist")),
        is_treated=known.truth("is_treated"),
        smokes=known.truth("smokes"),
        has_diabetes=known.truth("has_diabetes"),
        is_north=known.truth("is_north"),
        is_urban=known.is_male and known.truth("is_urban"),
        has_family_history=known.is_male and known.truth("family_ascvd"),
    )
    mine, aims = equation.terms(one), equation.terms(_reference(one))
    shares = tuple(
        Contribution(key, rounded(math.exp(mine[key] - aims[key]), "0.01"), Effect.FACTOR)
        for key in (
            "systolic", "total_cholesterol", "hdl_cholesterol", "smokes", "has_diabetes",
            "family_ascvd",
        )
        if key != "family_ascvd" or known.is_male
    )  # fmt: skip
    # Nobody chooses where they live for this, and the waist of men is the equation's, not advice.
    shares += tuple(
        Contribution(key, rounded(math.exp(mine[key]), "0.01"), Effect.FACTOR, is_lever=False)
        for key in ("is_north", "is_urban")
        if key != "is_urban" or known.is_male
    )
    return Result(rounded(100 * equation.risk(one), "0.1"), shares)


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"未来 10 年发生心肌梗死、冠心病死亡或脑卒中的估计风险为 {plain(value)}%（{band.name}）。"
    )


def _unfit(known: Known) -> str | None:
    if known.truth("has_ascvd"):
        return "已有冠心病或脑卒中诊断，这个评分只用于尚未发病的人"
    if known.is_male:
        missing = [
            name
            for key, name in (("is_urban", "城乡居住地"), ("family_ascvd", "心血管病家族史"))
            if not known.has(key)
        ]
        if missing:
            return f"缺少{'、'.join(missing)}"
    return None


CHINA_PAR: Final = Score(
    key="china-par",
    name="China-PAR 心血管风险",
    version="2016",
    source="Yang X, et al. Circulation 2016;134:1430-1440",
    needs=(
        Need("systolic", "收缩压", "mm[Hg]", ("8480-6",), max_age=_YEAR),
        Need("is_treated", "正在服降压药", wakes=("medication", "condition")),
        Need("total_cholesterol", "总胆固醇", "mmol/L", ("14647-2", "2093-3"), max_age=_YEAR),
        Need("hdl_cholesterol", "高密度脂蛋白胆固醇", "mmol/L", ("14646-4", "2085-9"),
             max_age=_YEAR),
        Need("waist", "腰围", "cm", ("8280-0", "56086-2"), max_age=_YEAR),
        Need("smokes", "吸烟", social="72166-2", wakes=("social-history",)),
        Need("has_diabetes", "糖尿病", icd10=("E10", "E11", "E12", "E13", "E14"),
             wakes=("condition",)),
        Need("is_north", "住在长江以北", wakes=("patient",)),
        Need("is_urban", "住在城市", social="residence", is_optional=True,
             wakes=("patient", "social-history")),
        Need("family_ascvd", "心血管病家族史", icd10=("Z82.3", "Z82.4"), social="family-ascvd",
             is_optional=True, wakes=("condition", "social-history")),
        Need("has_ascvd", "冠心病或脑卒中", icd10=("I20", "I21", "I22", "I23", "I24", "I25",
             "I60", "I61", "I63", "I64"), wakes=("condition",)),
    ),
    rate=_rate,
    bands=(
        Band("low", "低危"),
        Band("mid", "中危", Decimal(5)),
        Band("high", "高危", Decimal(10)),
    ),
    meaning=_meaning,
    anchors=("total_cholesterol", "hdl_cholesterol"),
    unit="%",
    least_age=35,
    most_age=74,
    needs_gender=True,
    unfit=_unfit,
)  # fmt: skip
