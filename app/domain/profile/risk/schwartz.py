"""eGFR of children from height and creatinine: the bedside Schwartz formula.

Schwartz et al., J Am Soc Nephrol 2009;20:629: 0.413 × height (cm) ÷ creatinine (mg/dL), that is
36.5 × cm ÷ µmol/L. Ages 1 to 17; children grow, so the height must be of the last months.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.ckd_epi import CREATININE, GFR_UNIT, STAGES
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


def bedside_schwartz(height: Decimal, creatinine: Decimal) -> Decimal:
    """Return mL/min/1.73 m² from cm and µmol/L."""
    return Decimal("36.5") * height / creatinine


def _rate(known: Known) -> Result:
    height, creatinine = known.number("height"), known.number("creatinine")
    shares = (
        Contribution("height", rounded(height, "0.1"), Effect.FACTOR),
        Contribution("creatinine", rounded(1 / creatinine, "0.0001"), Effect.FACTOR),
    )
    return Result(rounded(bedside_schwartz(height, creatinine), "0.1"), shares)


def _meaning(value: Decimal, band: Band) -> str:
    return f"儿童估算肾小球滤过率 {plain(value)} mL/min/1.73m²（{band.name}）。"


SCHWARTZ: Final = Score(
    key="schwartz",
    name="儿童估算肾小球滤过率",
    version="2009-bedside",
    source="Schwartz GJ, et al. J Am Soc Nephrol 2009;20:629-637",
    needs=(
        Need("height", "身高", "cm", ("8302-2",), least=Decimal(50), max_age=timedelta(days=90)),
        CREATININE,
    ),
    rate=_rate,
    bands=STAGES,
    meaning=_meaning,
    anchors=("creatinine",),
    unit=GFR_UNIT,
    least_age=1,
    most_age=17,
)
