"""QT corrected for rate by Fridericia's formula: QT ÷ RR^⅓.

Fridericia, Acta Med Scand 1920;53:469. QT in ms, RR in seconds, both of one tracing; without RR it
is 60 ÷ heart rate. Bands as AHA/ACCF/HRS 2009 read them: long from 450 (men) and 460 ms (women);
500 and more is the level at which drugs are stopped. Here one limit, 460, stands for both.
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

# What was measured further apart than this is not one tracing.
SAME_TRACING: Final = timedelta(minutes=10)
_QT_AGE: Final = timedelta(days=90)


def qtcf(qt: float, rr: float) -> float:
    """Return ms from QT in ms and RR in seconds."""
    return float(qt / rr ** (1 / 3))


def _rate(known: Known) -> Result:
    rr = float(known.number("rr")) / 1000
    share = Contribution("rr", rounded(rr ** (-1 / 3), "0.001"), Effect.FACTOR)
    return Result(rounded(qtcf(float(known.number("qt")), rr)), (share,))


def _meaning(value: Decimal, band: Band) -> str:
    return f"按心率校正的 QT 间期（Fridericia）{plain(value)} ms（{band.name}）。"


QTCF: Final = Score(
    key="qtcf",
    name="校正 QT 间期",
    version="Fridericia-1920",
    source="Fridericia LS. Acta Med Scand 1920;53:469-486",
    needs=(
        Need("qt", "QT 间期", "ms", ("8634-8",), max_age=_QT_AGE),
        Need(
            "rr", "同一份心电图的 RR 间期", "ms", ("8637-1",), max_age=_QT_AGE,
            wakes=("observation:8867-4",),
        ),
    ),
    rate=_rate,
    bands=(
        Band("normal", "未见延长"),
        Band("long", "延长", Decimal(460)),
        Band("very-long", "明显延长", Decimal(500)),
    ),
    meaning=_meaning,
    anchors=("qt",),
    unit="ms",
)  # fmt: skip
