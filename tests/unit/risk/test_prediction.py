"""Features and probabilities in plain Python."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.profile.risk.prediction import (
    CategoryColumn,
    Featuriser,
    Isotonic,
    NumberColumn,
    Platt,
    Prediction,
    logistic,
)


def test_a_number_is_centred_and_says_when_it_is_missing() -> None:
    found = Featuriser.learn([{"age": 40.0}, {"age": 60.0}, {"age": None}], ["age"])
    assert found.features == ("age", "age 缺失")
    assert found.encode({"age": 60.0}) == [1.0, 0.0]
    assert found.encode({"age": None}) == [0.0, 1.0]
    assert found.encode({}) == [0.0, 1.0]
    assert found.encode({"age": "sixty"}) == [0.0, 1.0]


def test_a_count_with_a_long_tail_becomes_its_logarithm() -> None:
    stays = [0.0] * 90 + [1.0] * 6 + [2.0, 3.0, 9.0, 12.0]
    (column,) = Featuriser.learn([{"stays": one} for one in stays], ["stays"]).columns
    assert isinstance(column, NumberColumn)
    assert column.is_log
    logarithms = [math.log1p(one) for one in stays]
    mean = sum(logarithms) / len(stays)
    assert column.mean == pytest.approx(mean)
    assert column.encode(3.0) == pytest.approx([(math.log(4.0) - mean) / column.deviation])
    step = column.encode(1.0)[0] - column.encode(0.0)[0]
    assert step > column.encode(10.0)[0] - column.encode(9.0)[0]
    (flag,) = Featuriser.learn([{"flag": float(n % 50 == 0)} for n in range(100)], ["flag"]).columns
    assert not getattr(flag, "is_log", True)  # of two values no third can have a tail


def test_rare_and_unseen_values_share_a_feature() -> None:
    rows = [{"ward": "A"}] * 150 + [{"ward": "B"}] * 60 + [{"ward": "C"}]
    found = Featuriser.learn(rows, ["ward"])
    assert found.features == ("ward=B", "ward=其他")
    assert found.encode({"ward": "A"}) == [0.0, 0.0]
    assert found.encode({"ward": "B"}) == [1.0, 0.0]
    assert found.encode({"ward": "C"}) == found.encode({"ward": "never seen"}) == [0.0, 1.0]


def test_where_nothing_was_rare_an_unseen_value_is_the_reference() -> None:
    rows = [{"sex": "male"}] * 60 + [{"sex": "female"}] * 40
    found = Featuriser.learn(rows, ["sex"])
    assert found.encode({"sex": "unknown"}) == found.encode({"sex": "male"}) == [0.0]


def test_a_column_without_two_values_teaches_nothing() -> None:
    rows = [{"a": 1.0, "b": "x", "c": None}] * 3
    assert Featuriser.learn(rows, ["a", "b", "c"]).columns == ()


@given(st.floats(-800, 800))
def test_the_logistic_neither_overflows_nor_leaves_its_range(x: float) -> None:
    assert 0.0 <= logistic(x) <= 1.0
    assert logistic(x) + logistic(-x) == pytest.approx(1.0)


def test_steps_are_joined_by_straight_lines() -> None:
    steps = Isotonic((-1.0, 1.0), (0.2, 0.6))
    assert [steps.apply(x) for x in (-9.0, -1.0, 0.0, 1.0, 9.0)] == pytest.approx(
        [0.2, 0.2, 0.4, 0.6, 0.6]
    )


@pytest.mark.parametrize("calibration", [Platt(0.9, -0.1), Isotonic((-1.0, 2.0), (0.1, 0.9))])
def test_a_model_survives_being_written_down(calibration: Platt | Isotonic) -> None:
    model = Prediction(
        Featuriser(
            (NumberColumn("age", 50.0, 10.0, True), CategoryColumn("ward", "A", ("B",)))
        ),
        -1.5,
        (0.3, 0.1, -0.7),
        calibration,
    )  # fmt: skip
    kept = Prediction.from_json(json.loads(json.dumps(model.as_json())))
    assert kept == model
    row = {"age": 70.0, "ward": "B"}
    assert model.log_odds(row) == pytest.approx(-1.5 + 0.6 - 0.7)
    assert sum(model.shares(row).values()) == pytest.approx(model.log_odds(row) + 1.5)
    assert math.isclose(kept.probability(row), calibration.apply(-1.6))
