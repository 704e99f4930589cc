"""A probability of the hospital's own model, as it is shown: beside the list, never instead."""

from decimal import Decimal
from typing import Final

from app.domain.profile.risk.frame import Band, plain, rounded
from app.domain.profile.risk.loss_to_follow_up import OUTCOME

# The one outcome for which the record has the features; one model a department, or one for all.
KEY: Final = OUTCOME
NAME: Final = "失访概率（本院模型）"
SOURCE: Final = "本院数据训练的模型，仅在启用期间显示；不得用于拒绝号源或服务"
BANDS: Final = (
    Band("low", "较低"),
    Band("mid", "中等", Decimal(10)),
    Band("high", "较高", Decimal(30)),
)


def model_key(outcome: str, department: str | None) -> str:
    """Return the name under which a model is kept: of one department, or of all."""
    return f"{outcome}:{department}" if department else outcome


def as_percent(probability: float) -> Decimal:
    return rounded(100 * probability, "0.1")


def band_of(percent: Decimal) -> Band:
    return next(band for band in reversed(BANDS) if band.least is None or percent >= band.least)


def meaning(percent: Decimal) -> str:
    return (
        f"本院模型估计，接下来一个随访窗口内失访的概率约 {plain(percent)}%；"
        "只用于多联系，不用于拒绝任何服务。"
    )
