"""Body surface by Mosteller's formula: √(cm × kg ÷ 3600), in m².

Mosteller, N Engl J Med 1987;317:1098. A number for doses, without bands.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import (
    Band,
    Known,
    Need,
    Result,
    Score,
    plain,
    rounded,
)


def body_surface(height: Decimal, weight: Decimal) -> Decimal:
    """Return m² from cm and kg."""
    return (height * weight / 3600).sqrt()


def _rate(known: Known) -> Result:
    return Result(rounded(body_surface(known.number("height"), known.number("weight")), "0.01"))


def _meaning(value: Decimal, band: Band) -> str:
    return f"体表面积约 {plain(value)} m²（Mosteller），用药剂量由医生核定。"


BODY_SURFACE: Final = Score(
    key="body-surface",
    name="体表面积",
    version="Mosteller-1987",
    source="Mosteller RD. N Engl J Med 1987;317:1098",
    needs=(
        Need("height", "身高", "cm", ("8302-2",), max_age=timedelta(days=365)),
        Need("weight", "体重", "kg", ("29463-7",), max_age=timedelta(days=30)),
    ),
    rate=_rate,
    bands=(Band("value", "数值"),),
    meaning=_meaning,
    anchors=("height",),
    unit="m2",
)
