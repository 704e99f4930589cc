"""Fit a logistic model with an L2 penalty, calibrate it on a second part, judge it on a third."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from app.domain.errors import DomainError
from app.domain.profile.risk.activation import refusals, too_few
from app.domain.profile.risk.prediction import (
    Featuriser,
    Isotonic,
    Platt,
    Prediction,
    Row,
)
from app.domain.profile.risk.training_set import SEED, Part, TrainingSet
from app.services.profile.risk_training.measuring import (
    BOOTSTRAPS,
    bootstrapped,
    calibration,
    decisions,
    fitted_line,
    subgroups,
)

# How much is trusted to the data: scikit-learn's C, the inverse of the penalty.
TRUST: Final = 0.1


class NotEnough(DomainError):
    """Too few events to learn anything; `title` says how many there are and must be."""

    code = "not-enough-events"

    def __init__(self, title: str) -> None:
        super().__init__(self.code)
        self.title = title


@dataclass(frozen=True, slots=True)
class Trained:
    """A model and how good it is; `report["refusals"]` says why it may not be used, if so."""

    prediction: Prediction
    report: dict[str, Any]


def train(
    given: TrainingSet, outcome: str, now: datetime, *, uses_steps: bool = False, seed: int = SEED
) -> Trained:
    """Return the model of a training set with its report; the same set gives the same model.

    `uses_steps` calibrates by isotonic steps instead of a line (Platt).

    :raises NotEnough: fewer than 200 events, or than 10 for each parameter
    """
    truths = np.asarray(given.outcomes, dtype=bool)
    parts = np.asarray([int(part) for part in given.parts])
    to_train, to_calibrate, to_test = (parts == int(part) for part in Part)
    featuriser = Featuriser.learn(_chosen(given.rows, to_train), given.features)
    parameters = len(featuriser.features)
    events = int(truths.sum())
    why = too_few(events, len(truths) - events, _rarer(truths[to_train]), parameters)
    if why is None and min(_rarer(truths[to_calibrate]), _rarer(truths[to_test])) < 10:
        why = "校准或检验部分的结局不足 10 例，请用更长时间的数据"
    if why is not None:
        raise NotEnough(why)
    # It takes a second to load, which whoever does not train should not wait for.
    from sklearn.linear_model import LogisticRegression

    features = np.asarray([featuriser.encode(row) for row in given.rows])
    fitted = LogisticRegression(C=TRUST, max_iter=2000).fit(features[to_train], truths[to_train])
    raw = features @ fitted.coef_[0] + fitted.intercept_[0]
    calibrated = _calibrate(raw[to_calibrate], truths[to_calibrate], uses_steps=uses_steps)
    prediction = Prediction(
        featuriser,
        float(fitted.intercept_[0]),
        tuple(float(one) for one in fitted.coef_[0]),
        calibrated,
    )
    probabilities = np.asarray([calibrated.apply(float(one)) for one in raw[to_test]])
    report = _report(given, outcome, probabilities, truths, parts, featuriser, seed)
    report["calibrated_by"] = "isotonic" if uses_steps else "platt"
    report["trained_at"] = now.isoformat()
    report["strongest"] = _strongest(prediction)
    report["refusals"] = list(refusals(report))
    return Trained(prediction, report)


def _calibrate(raw: Any, truths: Any, *, uses_steps: bool) -> Platt | Isotonic:
    if not uses_steps:
        intercept, slope = fitted_line(raw, truths)
        return Platt(slope, intercept)
    from sklearn.isotonic import IsotonicRegression  # as above

    steps = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip").fit(raw, truths)
    return Isotonic(
        tuple(float(one) for one in steps.X_thresholds_),
        tuple(float(one) for one in steps.y_thresholds_),
    )


def _report(
    given: TrainingSet,
    outcome: str,
    probabilities: Any,
    truths: Any,
    parts: Any,
    featuriser: Featuriser,
    seed: int,
) -> dict[str, Any]:
    to_test = parts == int(Part.TEST)
    seen = truths[to_test]
    rows = _chosen(given.rows, to_test)
    baseline = None if given.baseline is None else np.asarray(given.baseline)[to_test]
    found = bootstrapped(probabilities, baseline, seen, seed)
    report: dict[str, Any] = {
        "outcome": outcome,
        "source": given.source,
        "n": len(truths),
        "events": int(truths.sum()),
        "columns": list(given.features),
        "dropped": dict(given.dropped),
        "parameters": len(featuriser.features),
        "split": {
            "by": given.split,
            "seed": None if given.split == "time" else seed,
            "parts": {
                part.name.lower(): {
                    "n": int((parts == int(part)).sum()),
                    "events": int(truths[parts == int(part)].sum()),
                }
                for part in Part
            },
        },
        "bootstraps": BOOTSTRAPS,
        "auc": found["auc"],
        "calibration": calibration(probabilities, seen),
        "decisions": decisions(probabilities, seen),
        "subgroups": [
            line
            for column in given.subgroups
            for line in subgroups(column, [row.get(column) for row in rows], probabilities, seen)
        ],
    }
    if "baseline" in found:
        report["baseline"] = {"name": given.baseline_name, **found["baseline"]}
    return report


def _strongest(prediction: Prediction, most: int = 12) -> list[list[Any]]:
    named = zip(prediction.featuriser.features, prediction.coefficients, strict=True)
    return [[name, weight] for name, weight in sorted(named, key=lambda one: -abs(one[1]))[:most]]


def _rarer(truths: Any) -> int:
    events = int(truths.sum())
    return min(events, len(truths) - events)


def _chosen(rows: Sequence[Row], which: Any) -> list[Row]:
    return [row for row, is_in in zip(rows, which.tolist(), strict=True) if is_in]
