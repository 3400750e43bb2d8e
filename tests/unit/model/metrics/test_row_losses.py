"""Losses of single rows against the scores that are their means."""

import numpy as np
import pytest

from model.evaluation.metrics import log_loss, log_loss_of_classes
from model.metrics.row_losses import loss_name, overall_loss, relative_losses, row_losses
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression

generator = np.random.default_rng(0)
NUMBERS = Regression(outputs=("a", "b"))


def test_means_are_the_log_loss() -> None:
    p, labels = generator.uniform(size=(50, 3)), generator.random((50, 3)) < 0.5
    one = row_losses(Binary(negative="n", positive="y"), labels[:, :1], p[:, :1])
    assert one.mean() == pytest.approx(log_loss(labels[:, :1], p[:, :1]))
    several = row_losses(MultiLabel(labels=("a", "b", "c")), labels, p)
    assert several.mean() == pytest.approx(log_loss(labels, p))
    classes, shares = generator.integers(0, 3, (50, 1)), p / p.sum(axis=1, keepdims=True)
    target = MultiClass(classes=("a", "b", "c"))
    found = overall_loss(target, row_losses(target, classes, shares))
    assert float(found) == pytest.approx(log_loss_of_classes(classes[:, 0], shares))
    assert loss_name(target) == "log_loss"


def test_loss_of_numbers_is_the_root_mean_squared_error() -> None:
    truth, predictions = np.array([[0.0, 0], [0, 0]]), np.array([[3.0, 4], [0, 1]])
    assert row_losses(NUMBERS, truth, predictions).tolist() == [12.5, 0.5]
    assert float(overall_loss(NUMBERS, np.array([12.5, 0.5]))) == pytest.approx(np.sqrt(6.5))
    assert loss_name(NUMBERS) == "root_mean_squared_error"
    # 3 of a mean error of 1.5, and 4 of 2.5
    assert relative_losses(NUMBERS, truth, predictions).tolist() == [2, 0.4]
