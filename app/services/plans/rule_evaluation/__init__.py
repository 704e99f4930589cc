"""Rules at work: asked when something happens, opening, worsening and clearing alerts."""

from app.services.plans.rule_evaluation.episodes import withdraw_alerts_of
from app.services.plans.rule_evaluation.evaluating import (
    evaluate,
    evaluate_absences,
    review_implausible,
    review_photo,
)

__all__ = [
    "evaluate",
    "evaluate_absences",
    "review_implausible",
    "review_photo",
    "withdraw_alerts_of",
]
