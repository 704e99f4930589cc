"""Training without a database: honest on noise, useful on signal, equal to the library."""

import csv
import math
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from app.domain.profile.risk.prediction import Featuriser, Prediction
from app.domain.profile.risk.training_set import Columns, Part, TrainingSet, read_table
from app.services.profile.risk_training import NotEnough, train
from app.services.profile.risk_training.fitting import TRUST
from app.services.profile.risk_training.measuring import auc, calibration, fitted_line
from tests.conftest import NOON


def cases(
    count: int, signal: float, *, seed: int = 1, shift: float = 1.0, rate: float = -0.4
) -> list[dict[str, str]]:
    """Made-up follow-ups; `signal` is how much the past says, `shift` multiplies it later on."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        missed, age = draw.randint(0, 3), draw.gauss(58, 15)
        ward, lead = draw.choice("ABC"), draw.expovariate(1 / 30)
        later = shift if number > 0.7 * count else 1.0
        pull = 0.8 * (missed - 1.5) + 0.04 * (age - 58) + (0.6 if ward == "C" else 0.0)
        pull += 0.02 * (lead - 30)
        lost = draw.random() < 1 / (1 + math.exp(-(rate + later * signal * pull)))
        found.append(
            {
                "date": f"{2020 + number * 5 // count}-{1 + number * 60 // count % 12:02}-01",
                "missed_before": str(missed),
                "age": "" if draw.random() < 0.05 else f"{age:.1f}",
                "ward": ward,
                "lead_days": f"{lead:.0f}",
                "priority": str(missed),
                "lost": "yes" if lost else "no",
            }
        )
    return found


def set_of(table: Sequence[dict[str, str]]) -> TrainingSet:
    return read_table(table, "loss-to-follow-up", Columns(subgroups=("ward",)))


def test_a_real_signal_may_be_used() -> None:
    report = train(set_of(cases(4000, 1.0)), "loss-to-follow-up", NOON).report
    assert report["refusals"] == []
    assert report["split"]["by"] == "time"
    assert report["auc"]["low"] < report["auc"]["value"] < report["auc"]["high"]
    assert report["auc"]["value"] > report["baseline"]["auc"]
    assert 0.8 < report["calibration"]["slope"] < 1.2
    assert "priority" in report["dropped"]  # the list is what it is held against, no feature
    groups = {(row["column"], row["group"]) for row in report["subgroups"]}
    assert {("ward", "A"), ("age", ">=75"), ("age", "45-59"), ("age", "不明")} <= groups
    assert (
        sum(row["n"] for row in report["subgroups"] if row["column"] == "ward")
        == (report["split"]["parts"]["test"]["n"])
    )


def test_noise_is_refused() -> None:
    report = train(set_of(cases(4000, 0.0)), "loss-to-follow-up", NOON).report
    assert any("AUC" in reason for reason in report["refusals"])
    assert any("不比对照清单" in reason for reason in report["refusals"])


def test_a_model_that_the_list_equals_is_refused() -> None:
    told = ("date", "missed_before", "lost", "priority")
    table = [{name: row[name] for name in told} for row in cases(4000, 2.0)]
    given = read_table(table, "loss-to-follow-up", Columns())
    report = train(given, "loss-to-follow-up", NOON).report
    assert report["auc"]["value"] > 0.65
    (reason,) = report["refusals"]
    assert "不比对照清单" in reason


def test_a_world_that_changed_is_seen_in_the_slope() -> None:
    report = train(set_of(cases(6000, 2.5, shift=0.3)), "loss-to-follow-up", NOON).report
    assert report["calibration"]["slope"] < 0.7
    assert any("校准斜率" in reason for reason in report["refusals"])


def test_readmission_that_is_too_well_foretold_looks_like_a_leak() -> None:
    table = [
        {"n_inpatient": row["missed_before"], "age": row["age"], "readmitted": row["lost"],
         "told_later": str(random.Random(n).gauss(0, 1) + (2 if row["lost"] == "yes" else 0))}
        for n, row in enumerate(cases(3000, 1.0))
    ]  # fmt: skip
    report = train(read_table(table, "readmission", Columns()), "readmission", NOON).report
    (reason,) = report["refusals"]
    assert "泄露" in reason


def test_too_few_are_refused_before_anything_is_learnt() -> None:
    with pytest.raises(NotEnough) as refused:
        train(set_of(cases(400, 1.0)), "loss-to-follow-up", NOON)
    assert "至少要 200 例" in refused.value.title
    many = [{**row, **{f"c{n}": str(random.Random(f"{n}{k}").random()) for n in range(60)}}
            for k, row in enumerate(cases(1200, 1.0))]  # fmt: skip
    with pytest.raises(NotEnough) as refused:
        train(set_of(many), "loss-to-follow-up", NOON)
    assert "每个参数至少 10 例" in refused.value.title


def test_the_same_cases_make_the_same_model() -> None:
    one, other = (train(set_of(cases(2000, 1.0)), "loss-to-follow-up", NOON) for _ in range(2))
    assert one.prediction == other.prediction
    assert one.report == other.report


# ---------------------------------------------------------------- held against the library


@pytest.mark.parametrize("uses_steps", [False, True])
def test_asking_gives_what_the_library_gives(uses_steps: bool) -> None:
    given = set_of(cases(3000, 1.0))
    model = Prediction.from_json(
        train(given, "loss-to-follow-up", NOON, uses_steps=uses_steps).prediction.as_json()
    )
    chosen = {part: [n for n, one in enumerate(given.parts) if one is part] for part in Part}
    featuriser = Featuriser.learn([given.rows[n] for n in chosen[Part.TRAIN]], given.features)
    features = np.asarray([featuriser.encode(row) for row in given.rows])
    truths = np.asarray(given.outcomes)
    fitted = LogisticRegression(C=TRUST, max_iter=2000).fit(
        features[chosen[Part.TRAIN]], truths[chosen[Part.TRAIN]]
    )
    raw = fitted.decision_function(features)
    assert [model.log_odds(row) for row in given.rows] == pytest.approx(raw, abs=1e-9)
    inside, asked = chosen[Part.CALIBRATE], chosen[Part.TEST]
    if uses_steps:
        steps = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip")
        expected = steps.fit(raw[inside], truths[inside]).predict(raw[asked])
    else:
        line: Any = LogisticRegression(C=math.inf, tol=1e-12, max_iter=10_000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            line.fit(raw[inside, None], truths[inside])
        assert (model.calibration.intercept, model.calibration.slope) == pytest.approx(  # type: ignore[union-attr]
            (line.intercept_[0], line.coef_[0, 0]), abs=1e-4
        )
        x = model.calibration.slope * raw[asked] + model.calibration.intercept  # type: ignore[union-attr]
        expected = 1 / (1 + np.exp(-x))
    found = [model.probability(given.rows[n]) for n in asked]
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_measures_are_those_of_the_library() -> None:
    draw = np.random.default_rng(3)
    truths = draw.random(2000) < 0.3
    scores = np.round(draw.random(2000) + 0.3 * truths, 1)  # many ties
    assert auc(scores, truths) == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)
    weights = draw.integers(0, 4, 2000).astype(float)
    assert auc(scores, truths, weights) == pytest.approx(
        roc_auc_score(truths, scores, sample_weight=weights), abs=1e-12
    )


def test_probabilities_that_are_true_are_called_calibrated() -> None:
    draw = np.random.default_rng(4)
    true = draw.random(40_000)
    seen = draw.random(40_000) < true
    found = calibration(true, seen)
    assert found["slope"] == pytest.approx(1.0, abs=0.03)
    assert found["intercept"] == pytest.approx(0.0, abs=0.03)
    bold = 1 / (1 + np.exp(-2 * np.log(true / (1 - true))))
    assert calibration(bold, seen)["slope"] == pytest.approx(0.5, abs=0.02)
    assert fitted_line(np.zeros(10), np.asarray([True] * 5 + [False] * 5), slope=1.0)[
        0
    ] == pytest.approx(0.0)


@pytest.mark.shared
def test_the_readmission_sample_is_honest_and_refused(shared_data: Path) -> None:
    file = shared_data / "clinical" / "readmission" / "uci130_readmission.csv"
    with file.open(newline="", encoding="utf-8") as lines:
        table = list(csv.DictReader(lines))
    report = train(read_table(table, "readmission", Columns()), "readmission", NOON).report
    assert report["split"]["by"] == "hash"
    assert 0.60 < report["auc"]["value"] < 0.70
    assert 0.8 < report["calibration"]["slope"] < 1.2
    assert report["baseline"]["name"] == "n_inpatient"
    assert report["baseline"]["auc"] < report["auc"]["value"]
    assert bool(report["refusals"]) == (report["auc"]["value"] < 0.65)
