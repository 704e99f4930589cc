"""Training a linear model per label from labelled sentences, and saying honestly how good it is.

Of use to the command line alone: nothing that serves patients imports scikit-learn.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.text.evaluating import Count
from app.domain.text.labelled import Labelled
from app.domain.text.learned import BUCKETS, LinearModel, features, model_from
from app.domain.text.phrases import Adherence, Flag, Sentiment
from app.domain.text.reading import Reading
from app.models.profile.risk import ModelKind, TrainedModel

FEWEST_POSITIVES: Final = 30
FEWEST_HELD_OUT: Final = 5  # positives below which a comparison says nothing
_FOLDS: Final = 5
_SEED: Final = 20261122
_STRENGTHS: Final = (1.0, 4.0, 16.0)  # inverse of the L2 penalty
_SPEAKS_FROM: Final = 0.6

Vector = NDArray[np.float64]
IsLabelled = Callable[[Labelled], bool]
IsRead = Callable[[Reading], bool]


@dataclass(frozen=True, slots=True)
class Label:
    """Something worth modelling: whether a person labelled it, and whether the rules read it."""

    key: str
    is_labelled: IsLabelled
    is_read: IsRead


def _adherence(kind: Adherence) -> Label:
    return Label(kind, lambda one: one.adherence is kind, lambda read: read.adherence is kind)


def _mood(kind: Sentiment) -> Label:
    key = f"mood-{kind}"
    return Label(key, lambda one: one.sentiment is kind, lambda read: read.sentiment is kind)


def _flag(flag: Flag) -> Label:
    return Label(flag, lambda one: flag in one.flags, lambda read: flag in read.flags)


LABELS: Final = (
    *(_adherence(one) for one in Adherence if one is not Adherence.NONE),
    _mood(Sentiment.NEGATIVE),
    _mood(Sentiment.POSITIVE),
    *(_flag(one) for one in (
        Flag.COMPLAINT, Flag.ANXIETY, Flag.LOW_MOOD, Flag.SIDE_EFFECT, Flag.NEED_REFILL,
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled texts with what the rules read in them."""

    texts: Sequence[Labelled]
    readings: Sequence[Reading]
    names: tuple[str, ...]  # of the files

    @property
    def digest(self) -> str:
        told = hashlib.sha256()
        for one in self.texts:
            told.update(repr(one).encode())
        return told.hexdigest()


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with its report; `refused` says why it may not be activated."""

    label: str
    weights: Mapping[str, Any]
    report: Mapping[str, Any]
    refused: str | None


def train(corpus: Corpus, held_out: Corpus, label: Label) -> Trained:
    """Return the model of a label, measured by cross-validation and on what was held out.

    The measure that counts is the product's own: rules, and the model where they are silent. A
    model that adds nothing to the rules is refused, however good it is alone.
    """
    truth = np.array([label.is_labelled(one) for one in corpus.texts])
    report: dict[str, Any] = {
        "n": len(truth), "positives": int(truth.sum()), "files": list(corpus.names),
        "sha256": corpus.digest, "held_out_files": list(held_out.names),
        "held_out_sha256": held_out.digest,
    }  # fmt: skip
    if truth.sum() < FEWEST_POSITIVES:
        why = f"{int(truth.sum())} positives, {FEWEST_POSITIVES} are needed"
        return Trained(label.key, {}, report, why)
    rows = _matrix(corpus.texts)
    strength, scores = _best_strength(rows, truth)
    slope, shift = _calibrated(scores, truth)
    final = _regression(strength).fit(rows, truth)
    weights = {
        "buckets": BUCKETS,
        "weights": {str(at): round(float(w), 5) for at, w in enumerate(final.coef_[0]) if w},
        "bias": float(final.intercept_[0]), "slope": slope, "shift": shift,
    }  # fmt: skip
    chances = 1 / (1 + np.exp(-(slope * scores + shift)))
    report |= {
        "strength": strength,
        "cross_validated": {
            **_told(chances >= 0.5, truth),
            "auc": round(float(roc_auc_score(truth, scores)), 4),
            "brier": round(float(brier_score_loss(truth, chances)), 4),
        },
        "held_out": _compare(held_out, label, model_from(label.key, 0, weights)),
    }
    return Trained(label.key, weights, report, _refusal(report["held_out"]))


def keep(session: Session, trained: Trained, now: datetime, *, activate: bool) -> TrainedModel:
    """Keep a model as the next version of its label; activated, it takes over from the last."""
    newest = session.scalar(
        select(func.max(TrainedModel.version)).filter_by(kind=ModelKind.TAG, key=trained.label)
    )
    row = TrainedModel(
        kind=ModelKind.TAG, key=trained.label, version=(newest or 0) + 1,
        weights=dict(trained.weights), report={**trained.report, "refused": trained.refused},
        is_active=None, trained_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if activate and trained.refused is None:
        use(session, row)
    return row


def use(session: Session, row: TrainedModel) -> None:
    """Make one version the one in use; the version before it rests."""
    for other in session.scalars(
        select(TrainedModel).filter_by(kind=row.kind, key=row.key, is_active=True)
    ):
        other.is_active = None
    session.flush()
    row.is_active = True
    session.flush()


def _matrix(texts: Sequence[Labelled]) -> Any:
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for one in texts:
        found = features(one.text)
        columns += found.keys()
        values += found.values()
        ends.append(len(columns))
    return csr_matrix((values, columns, ends), shape=(len(texts), BUCKETS))


def _regression(strength: float) -> Any:
    # liblinear: one thread, quick on few and wide rows; the scaled intercept is hardly penalised.
    return LogisticRegression(
        C=strength, class_weight="balanced", solver="liblinear", intercept_scaling=10,
        random_state=_SEED, max_iter=1000,
    )  # fmt: skip


def _best_strength(rows: Any, truth: NDArray[np.bool_]) -> tuple[float, Vector]:
    tried = [(strength, _out_of_fold(rows, truth, strength)) for strength in _STRENGTHS]
    return max(tried, key=lambda one: float(roc_auc_score(truth, one[1])))


def _out_of_fold(rows: Any, truth: NDArray[np.bool_], strength: float) -> Vector:
    scores = np.zeros(len(truth))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for learn, judge in folds.split(rows, truth):
        fitted = _regression(strength).fit(rows[learn], truth[learn])
        scores[judge] = fitted.decision_function(rows[judge])
    return scores


def _calibrated(scores: Vector, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return Platt's two numbers, fitted on scores of texts the model had not seen."""
    fitted = LogisticRegression(C=1e6, solver="liblinear", intercept_scaling=10).fit(
        scores.reshape(-1, 1), truth
    )
    return float(fitted.coef_[0][0]), float(fitted.intercept_[0])


def _compare(held_out: Corpus, label: Label, model: LinearModel) -> dict[str, Any]:
    truth = np.array([label.is_labelled(one) for one in held_out.texts], dtype=bool)
    rules = np.array([label.is_read(one) for one in held_out.readings], dtype=bool)
    chances = np.array([model.probability(features(one.text)) for one in held_out.texts])
    return {
        "n": len(truth),
        "positives": int(truth.sum()),
        "rules": _told(rules, truth),
        "model": _told(chances >= 0.5, truth),
        "combined": _told(rules | (chances >= _SPEAKS_FROM), truth),
    }


def _told(read: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, Any]:
    count = Count(int((read & truth).sum()), int((read & ~truth).sum()), int((truth & ~read).sum()))
    return count.told()


def _refusal(held_out: Mapping[str, Any]) -> str | None:
    if held_out["positives"] < FEWEST_HELD_OUT:
        return f"{held_out['positives']} positives held out, {FEWEST_HELD_OUT} are needed"
    combined, rules = held_out["combined"]["f1"] or 0, held_out["rules"]["f1"] or 0
    if combined <= rules:
        return f"no better than the rules on held-out texts: F1 {combined} with, {rules} without"
    return None
