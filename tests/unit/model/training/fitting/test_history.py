"""Records, their metrics, and early stopping."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.losses import LOSSES
from model.training.fitting.history import (
    History,
    Record,
    accuracy_of_classes,
    accuracy_of_labels,
    default_metric,
    r_squared,
)
from model.training.regularization.early_stopping import EarlyStopping


def record(epoch: int, train: float, validation: float | None) -> Record:
    metrics = {"accuracy": epoch / 10}
    return Record(epoch, 2 * epoch, train, validation, metrics, rate=0.1, gradient_norm=None)


def test_best_record_is_the_first_with_the_lowest_monitored_loss() -> None:
    losses = [3.0, 1.0, 2.0, 1.0]
    history = History([record(i, 10 - i, loss) for i, loss in enumerate(losses)])
    assert history.best.epoch == 1
    without = History([record(i, 10 - i, None) for i in range(4)])
    assert without.best.epoch == 3
    bagged = [replace(record(i, 9, 1.0 + i), out_of_bag_loss=abs(i - 2.0)) for i in range(4)]
    assert History(bagged).best.epoch == 2


def test_column_returns_a_field_or_a_metric() -> None:
    history = History([record(i, 1.0, None) for i in range(3)])
    assert history.column("epoch") == [0, 1, 2]
    assert history.column("accuracy") == [0, 0.1, 0.2]
    assert history.column("validation_loss") == [None] * 3


def test_accuracy() -> None:
    p = np.array([[0.9, 0.6], [0.2, 0.5], [0.7, 0.1]])
    labels = np.array([[1, 0], [0, 0], [0, 0]])
    assert accuracy_of_labels(labels, p) == 4 / 6
    assert accuracy_of_labels(labels[:, 0], p[:, :1]) == 2 / 3
    assert accuracy_of_classes(np.array([0, 1, 1]), p) == 2 / 3
    assert accuracy_of_classes(np.eye(2)[[0, 1, 1]], p) == 2 / 3


def test_r_squared() -> None:
    y = np.array([1.0, 2.0, 3.0])
    assert r_squared(y, y[:, None]) == 1
    assert r_squared(y, np.full((3, 1), 2.0)) == 0
    assert r_squared(y, y[:, None] + 1) == pytest.approx(1 - 3 / 2)
    assert r_squared(np.ones(3), np.ones((3, 1))) == 1
    assert r_squared(np.ones(3), np.zeros((3, 1))) == 0


def test_r_squared_of_equal_targets_whose_mean_is_rounded() -> None:
    y = np.full(3, 0.1)  # their mean is 0.10000000000000002
    assert r_squared(y, np.full((3, 1), 0.1)) == 1
    assert r_squared(y, np.full((3, 1), 0.2)) == 0


@given(st.integers(1, 20), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_metrics_match_their_formulas(count: int, outputs: int, seed: int) -> None:
    """The formulas of scikit-learn's accuracy_score and r2_score (of one output), row by row."""
    generator = np.random.default_rng(seed)
    p = generator.uniform(size=(count, outputs))
    labels, classes = generator.integers(0, 2, p.shape), generator.integers(0, outputs, count)
    correct = [(p[i, j] > 0.5) == labels[i, j] for i in range(count) for j in range(outputs)]
    assert accuracy_of_labels(labels, p) == pytest.approx(sum(correct) / len(correct))
    hits = [p[i, classes[i]] == max(p[i]) for i in range(count)]
    assert accuracy_of_classes(classes, p) == pytest.approx(sum(hits) / count)
    y, mean = labels + p**2, [sum((labels + p**2)[:, j]) / count for j in range(outputs)]
    error = sum((y[i, j] - p[i, j]) ** 2 for i in range(count) for j in range(outputs))
    spread = sum((y[i, j] - mean[j]) ** 2 for i in range(count) for j in range(outputs))
    if count > 1:
        assert r_squared(y, p) == pytest.approx(1 - error / spread, rel=1e-6)


def test_default_metric_of_each_loss() -> None:
    found = {name: default_metric(kind()) for name, kind in LOSSES.items()}
    assert found["binary_cross_entropy"] == ("accuracy", accuracy_of_labels)
    assert found["sparse_categorical_cross_entropy"] == ("accuracy", accuracy_of_classes)
    assert found["categorical_cross_entropy"] == ("accuracy", accuracy_of_classes)
    for name in ("mean_squared_error", "mean_absolute_error", "huber"):
        assert found[name] == ("r_squared", r_squared)


@given(
    st.lists(st.floats(0, 10), max_size=30),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.5]),
)
def test_early_stopping_tolerates_patience_records(
    losses: list[float], patience: int, min_delta: float
) -> None:
    stopping = EarlyStopping(patience, min_delta)
    best, last_better = math.inf, -1
    for index, loss in enumerate(losses):
        if loss < best - min_delta:
            best, last_better = loss, index
    assert stopping.should_stop(stopping.state_after(losses)) == (
        len(losses) - 1 - last_better > patience
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"patience": 0}, "early_stopping: patience must be a positive integer, got 0"),
        ({"patience": 1.5}, "early_stopping: patience must be a positive integer"),
        ({"min_delta": -1}, "early_stopping: min_delta must be a number from 0"),
    ],
)
def test_invalid_early_stopping_is_rejected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        EarlyStopping(**values)


@pytest.mark.parametrize("count", [1, 199, 200, 201, 1000])
def test_a_thinned_history_ends_with_the_last_record(count: int) -> None:
    records = [Record(n, n, 1 / (n + 1), 0.5, {}, 0.1, None) for n in range(count)]
    found = History(records).thinned()
    assert len(found) <= 200
    assert found[-1] == {"epoch": count - 1, "train": 1 / count, "validation": 0.5}
    epochs = [each["epoch"] for each in found]
    assert epochs == sorted(set(epochs))
    assert count > 200 or len(found) == count
