"""How good probabilities are, on rows that took no part in making them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]

BOOTSTRAPS: Final = 1000
THRESHOLDS: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
# Fewer events or others than this say nothing of a subgroup.
LEAST_IN_GROUP: Final = 20
_EDGES: Final = (30.0, 45.0, 60.0, 75.0)


def auc(scores: Numbers, outcomes: Truths, weights: Numbers | None = None) -> float:
    """Return the chance that an event scores above another row; ties count half."""
    return Ranking(scores, outcomes).auc(weights)


class Ranking:
    """Scores sorted once, so that each bootstrap costs one pass; a weight is how often drawn."""

    def __init__(self, scores: Numbers, outcomes: Truths) -> None:
        _, self._group = np.unique(scores, return_inverse=True)
        self._groups = int(self._group.max()) + 1
        self._outcomes = outcomes.astype(np.float64)

    def auc(self, weights: Numbers | None = None) -> float:
        drawn = np.ones_like(self._outcomes) if weights is None else weights
        events = np.bincount(self._group, drawn * self._outcomes, self._groups)
        others = np.bincount(self._group, drawn * (1 - self._outcomes), self._groups)
        below = np.cumsum(others) - others
        pairs = events.sum() * others.sum()
        if pairs == 0:
            return float("nan")
        return float((events * (below + others / 2)).sum() / pairs)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile."""
    low, high = np.nanpercentile(np.asarray(values), (2.5, 97.5))
    return float(low), float(high)


def bootstrapped(
    model: Numbers, baseline: Numbers | None, outcomes: Truths, seed: int
) -> dict[str, Any]:
    """Return AUC with its interval, and of the baseline the difference on the same draws."""
    draw = np.random.default_rng(seed)
    mine = Ranking(model, outcomes)
    other = None if baseline is None else Ranking(baseline, outcomes)
    size = len(outcomes)
    of_model, of_difference = [], []
    for _ in range(BOOTSTRAPS):
        weights = np.bincount(draw.integers(0, size, size), minlength=size).astype(np.float64)
        value = mine.auc(weights)
        of_model.append(value)
        if other is not None:
            of_difference.append(value - other.auc(weights))
    low, high = interval(of_model)
    found: dict[str, Any] = {"auc": {"value": mine.auc(), "low": low, "high": high}}
    if other is not None:
        low, high = interval(of_difference)
        gained = mine.auc() - other.auc()
        found["baseline"] = {
            "auc": other.auc(),
            "difference": {"value": gained, "low": low, "high": high},
        }
    return found


def fitted_line(x: Numbers, outcomes: Truths, *, slope: float | None = None) -> tuple[float, float]:
    """Return intercept and slope of the logistic line of outcomes on x, by Newton's method.

    With `slope` given only the intercept is fitted (calibration in the large).
    """
    truths = outcomes.astype(np.float64)
    if slope is None:
        design, offset = np.column_stack([np.ones_like(x), x]), np.zeros_like(x)
    else:
        design, offset = np.ones((len(x), 1)), slope * x
    weights = np.zeros(design.shape[1])
    for _ in range(100):
        probability = 1 / (1 + np.exp(-(design @ weights + offset)))
        curvature = probability * (1 - probability)
        gradient = design.T @ (truths - probability)
        # The ridge keeps a line that separates perfectly from running away.
        hessian = design.T @ (design * curvature[:, None]) + 1e-9 * np.eye(design.shape[1])
        change = np.linalg.solve(hessian, gradient)
        weights = weights + change
        if float(np.abs(change).max()) < 1e-10:
            break
    return float(weights[0]), float(weights[1]) if slope is None else slope


def log_odds(probabilities: Numbers) -> Numbers:
    inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
    found: Numbers = np.log(inside / (1 - inside))
    return found


def calibration(probabilities: Numbers, outcomes: Truths) -> dict[str, float]:
    """Return the slope (1: neither too bold nor too timid), and the intercept with slope 1
    (0: as many events as foretold), with what was foretold and seen."""
    x = log_odds(probabilities)
    return {
        "slope": fitted_line(x, outcomes)[1],
        "intercept": fitted_line(x, outcomes, slope=1.0)[0],
        "foretold": float(probabilities.mean()),
        "seen": float(outcomes.mean()),
        "brier": float(((probabilities - outcomes) ** 2).mean()),
    }


def decisions(probabilities: Numbers, outcomes: Truths) -> list[dict[str, float]]:
    """Return what each threshold would bring, per row "alert or not"."""
    found = []
    for threshold in THRESHOLDS:
        alerts = probabilities >= threshold
        if not alerts.any() or alerts.all():
            continue
        hits = float((alerts & outcomes).sum())
        found.append(
            {
                "threshold": threshold,
                "sensitivity": hits / float(outcomes.sum()),
                "specificity": float((~alerts & ~outcomes).sum() / (~outcomes).sum()),
                "ppv": hits / float(alerts.sum()),
                "alerts_per_100": 100 * float(alerts.mean()),
            }
        )
    return found


def subgroups(
    column: str, cells: Sequence[float | str | None], probabilities: Numbers, outcomes: Truths
) -> list[dict[str, Any]]:
    """Return how it does in each group of a column; ages in years become bands."""
    names = np.asarray([_group(cell) for cell in cells])
    found = []
    for name in sorted(set(names.tolist())):
        inside = names == name
        events = int(outcomes[inside].sum())
        others = int(inside.sum()) - events
        enough = min(events, others) >= LEAST_IN_GROUP
        found.append(
            {
                "column": column,
                "group": name,
                "n": int(inside.sum()),
                "events": events,
                "foretold": float(probabilities[inside].mean()),
                "seen": events / int(inside.sum()),
                "auc": auc(probabilities[inside], outcomes[inside]) if enough else None,
            }
        )
    return found


def _group(cell: float | str | None) -> str:
    if cell is None:
        return "不明"
    if isinstance(cell, str):
        return cell
    lower = max((edge for edge in _EDGES if cell >= edge), default=None)
    upper = min((edge for edge in _EDGES if cell < edge), default=None)
    if lower is None:
        return f"<{upper:g}"
    return f">={lower:g}" if upper is None else f"{lower:g}-{upper - 1:g}"
