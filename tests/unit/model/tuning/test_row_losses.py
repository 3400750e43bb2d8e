"""Losses of rows: their mean is the score that reports have."""

import numpy as np
import pytest

from model.arrays import Array
from model.evaluation.metrics import scores
from model.metrics.threshold_metrics import regression_metrics
from model.prediction.predictor import ScoredRows
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target
from model.tuning.row_losses import loss_name, row_losses


@pytest.mark.parametrize(
    ("target", "columns"),
    [
        (Binary(negative="no", positive="yes"), 1),
        (MultiLabel(labels=("a", "b", "c")), 3),
        (MultiClass(classes=("a", "b", "c")), 3),
    ],
)
def test_mean_is_the_log_loss(target: Target, columns: int) -> None:
    generator = np.random.default_rng(0)
    p = generator.uniform(0.01, 0.99, (40, columns))
    truth: Array = generator.random((40, columns)) < 0.5
    if isinstance(target, MultiClass):
        p /= p.sum(axis=1, keepdims=True)
        truth = generator.integers(3, size=(40, 1))
    losses = row_losses(target, truth, p, np.zeros(columns))
    assert losses.shape == (40,)
    assert losses.mean() == pytest.approx(
        scores(target, ScoredRows.ungrouped(truth, p))["log_loss"]
    )
    assert loss_name(target) == "log-loss"


def test_a_certain_error_is_finite() -> None:
    target = Binary(negative="no", positive="yes")
    [loss] = row_losses(target, np.array([[True]]), np.array([[0.0]]), np.zeros(1))
    assert 30 < loss < 40


def test_mean_of_numbers_is_the_unexplained_share_of_the_variance() -> None:
    target = Regression.model_validate({"task": "regression", "outputs": ["y"], "unit": None})
    generator = np.random.default_rng(0)
    truth = generator.normal(50, 9, (40, 1))
    predictions = truth + generator.normal(0, 3, (40, 1))
    losses = row_losses(target, truth, predictions, truth.var(axis=0))
    r_squared = regression_metrics(truth[:, 0], predictions[:, 0])["r_squared"]
    assert r_squared is not None
    assert losses.mean() == pytest.approx(1 - r_squared)
    assert loss_name(target) == "squared error / variance"


def test_constant_numbers_have_a_finite_loss() -> None:
    target = Regression.model_validate({"task": "regression", "outputs": ["y"], "unit": None})
    assert row_losses(target, np.ones((2, 1)), np.zeros((2, 1)), np.zeros(1)).tolist() == [1, 1]
