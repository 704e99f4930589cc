"""Total calcium as it would be with 40 g/L albumin: Ca + 0.02 × (40 − albumin).

Payne et al., BMJ 1973;4:643, in SI units. Both from one blood sample, or nearly so. The bands are
those of WS/T 404.6-2015 for total calcium. Ionised calcium decides where the two disagree.
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

# Further apart they are two states of one patient.
SAME_SAMPLE: Final = timedelta(hours=24)
_MONTH: Final = timedelta(days=30)


def corrected_calcium(calcium: Decimal, albumin: Decimal) -> Decimal:
    """Return mmol/L from calcium in mmol/L and albumin in g/L."""
    return calcium + Decimal("0.02") * (40 - albumin)


def _rate(known: Known) -> Result:
    calcium, albumin = known.number("calcium"), known.number("albumin")
    corrected = corrected_calcium(calcium, albumin)
    shares = (
        Contribution("calcium", calcium, Effect.TERM),
        Contribution("albumin", rounded(corrected - calcium, "0.01"), Effect.TERM),
    )
    return Result(rounded(corrected, "0.01"), shares)


def _meaning(value: Decimal, band: Band) -> str:
    return f"按白蛋白校正的血钙 {plain(value)} mmol/L（{band.name}）；有疑问时以离子钙为准。"


CORRECTED_CALCIUM: Final = Score(
    key="corrected-calcium",
    name="校正血钙",
    version="1973",
    source="Payne RB, et al. BMJ 1973;4:643-646",
    needs=(
        Need("calcium", "总钙", "mmol/L", ("2000-8",), max_age=_MONTH),
        Need("albumin", "同一天的白蛋白", "g/L", ("1751-7",), max_age=_MONTH),
    ),
    rate=_rate,
    bands=(
        Band("low", "偏低"),
        Band("normal", "参考区间内", Decimal("2.11")),
        Band("high", "偏高", Decimal("2.53")),
    ),
    meaning=_meaning,
    anchors=("calcium",),
    unit="mmol/L",
    least_age=18,
)
