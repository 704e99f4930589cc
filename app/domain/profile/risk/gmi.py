"""GMI: the HbA1c that a continuous glucose monitor would lead one to expect.

Bergenstal et al., Diabetes Care 2018;41:2275: GMI % = 3.31 + 0.02392 × mean glucose (mg/dL). The
mean must be that of a sensor over days (LOINC 97507-8); finger-pricks are no sample of a day.
"""

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


def gmi(mean_glucose: Decimal) -> Decimal:
    """Return % from the mean in mg/dL."""
    return Decimal("3.31") + Decimal("0.02392") * mean_glucose


def _rate(known: Known) -> Result:
    mean = known.number("mean_glucose")
    share = Contribution("mean_glucose", rounded(Decimal("0.02392") * mean, "0.01"), Effect.TERM)
    return Result(rounded(gmi(mean), "0.1"), (share,))


def _meaning(value: Decimal, band: Band) -> str:
    return (
        f"动态血糖推算的糖化血红蛋白约为 {plain(value)}%（{band.name}）；"
        "与化验的糖化血红蛋白可以不同。"
    )


GMI: Final = Score(
    key="gmi",
    name="血糖管理指标",
    version="2018",
    source="Bergenstal RM, et al. Diabetes Care 2018;41:2275-2280",
    needs=(
        Need("mean_glucose", "动态血糖平均值", "mg/dL", ("97507-8",), max_age=timedelta(days=30)),
    ),
    rate=_rate,
    bands=(
        Band("on-target", "低于 7%"),
        Band("above-target", "7% 及以上", Decimal(7)),
    ),
    meaning=_meaning,
    anchors=("mean_glucose",),
    unit="%",
)
