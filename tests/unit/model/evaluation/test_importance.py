"""Permutation importance: features that matter, and those that do not."""

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation import importance
from model.evaluation.importance import permutation_importance
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, Regression

NUMBER = Regression(outputs=("y",))


def measured(rows: Array, weights: list[float]) -> dict[int, tuple[float, list[float]]]:
    """Return value and interval by feature, of a linear model with these weights and no error."""

    def predict(given: Array) -> Array:
        return np.asarray(given @ np.array(weights)[:, None])

    scored = ScoredRows.ungrouped(predict(rows), predict(rows))
    found = permutation_importance(predict, NUMBER, rows, scored, 10)
    return {each["index"]: (each["value"], each["interval"]) for each in found["features"]}


def test_growth_of_the_error_is_that_of_a_linear_model() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 3))
    found = measured(rows, [2, 1, 0])
    assert list(found) == [0, 1, 2]  # the most important first
    for feature, weight in ((0, 2), (1, 1)):
        value, (low, high) = found[feature]
        # The difference of two values with a variance of 1 has a variance of 2.
        assert value == pytest.approx(np.sqrt(2) * weight, rel=0.1)
        assert low < value < high
    assert found[2] == (0, [0, 0])


def test_many_features_are_screened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "MAX_FEATURES", 2)
    rows = np.random.default_rng(1).normal(size=(200, 9))
    found = measured(rows, [0, 0, 0, 3, 0, 0, 0, 2, 0])
    assert list(found) == [3, 7]


def test_large_models_see_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "MIN_ROWS", 20)
    rows = np.random.default_rng(2).normal(size=(50, 2))
    labels, p = rows[:, :1] > 0, np.where(rows[:, :1] > 0, 0.9, 0.1)
    scored, seen = ScoredRows.ungrouped(labels, p), []

    def predict(given: Array) -> Array:
        seen.append(len(given))
        return np.where(given[:, :1] > 0, 0.9, 0.1)

    target = Binary(negative="n", positive="y")
    found = permutation_importance(predict, target, rows, scored, 10**12)
    assert set(seen) == {found["rows"]} == {20}
    assert len(seen) == 2 * found["repeats"]
