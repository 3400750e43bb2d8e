"""Sequential: define, fit, predict."""

from typing import Any

import numpy as np
import pytest

from model.errors import NetworkError
from model.network.layers import Conv1D, Dense, Flatten
from model.network.losses import BinaryCrossEntropy, SparseCategoricalCrossEntropy
from model.training.fitting.loop import DivergedError
from model.training.fitting.sequential import Fitted, Sequential
from model.training.optimizers.registry import Adam

LAYERS = [Dense(25, "relu"), Dense(15, "relu"), Dense(1)]


def circle(rows: int = 400) -> tuple[Any, Any]:
    inputs = np.random.default_rng(0).uniform(-1, 1, (rows, 2))
    return inputs, (inputs**2).sum(axis=1) < 0.5


def test_fit_and_predict() -> None:
    rows, labels = circle()
    network = Sequential(LAYERS)
    loss = BinaryCrossEntropy()
    fitted = network.fit(rows, labels, loss, Adam(0.01), epochs=30)
    assert isinstance(fitted, Fitted)
    correct = (fitted.predict(rows)[:, 0] > 0.5) == labels
    assert correct.mean() > 0.95
    assert fitted.history.records[-1].metrics == {"accuracy": correct.mean()}
    assert fitted.loss(rows, labels) == pytest.approx(fitted.history.records[-1].train_loss)


def test_objects_names_and_tables_give_the_same_result() -> None:
    rows, labels = circle(60)
    objects = Sequential(LAYERS).fit(rows, labels, BinaryCrossEntropy(), Adam(0.01), epochs=2)
    plain: list[Any] = [{"units": 25, "activation": "relu"}, *LAYERS[1:]]
    optimizer = {"name": "adam", "learning_rate": 0.01}
    tables = Sequential(plain).fit(rows, labels, "binary_cross_entropy", optimizer, epochs=2)
    named = Sequential(LAYERS).fit(
        rows, labels, "binary_cross_entropy", "adam", learning_rate=0.01, epochs=2
    )
    assert (objects.theta == tables.theta).all()
    assert (objects.theta == named.theta).all()


def test_fitting_twice_starts_from_the_initial_weights() -> None:
    rows, labels = circle(60)
    network = Sequential(LAYERS)
    once, twice = (network.fit(rows, labels, BinaryCrossEntropy(), Adam()) for _ in range(2))
    assert (once.theta == twice.theta).all()
    other = network.fit(rows, labels, BinaryCrossEntropy(), Adam(), seed=1)
    assert (other.theta != once.theta).any()


def test_classes_and_signals() -> None:
    generator = np.random.default_rng(0)
    rows, classes = generator.standard_normal((90, 12)), generator.integers(0, 3, 90)
    rows[:, 0] += 3 * classes
    network = Sequential([Conv1D(4, 3), Flatten(), Dense(3)], channels=2, dtype="float32")
    loss = SparseCategoricalCrossEntropy(label_smoothing=0.05)
    fitted = network.fit(rows, classes, loss, "adam", learning_rate=0.01, epochs=60)
    probabilities = fitted.predict(rows)
    assert probabilities.shape == (90, 3)
    assert probabilities.dtype == np.float32
    assert (probabilities.argmax(axis=1) == classes).mean() > 0.8


def test_numbers_with_weights_and_validation() -> None:
    rows = np.linspace(-1, 1, 80)[:, None]
    targets, weights = 3 * rows[:, 0] + 1, np.ones(80)
    targets[:5], weights[:5] = 100, 0
    fitted = Sequential([Dense(1)]).fit(
        rows,
        targets,
        "mean_squared_error",
        "gradient_descent",
        learning_rate=0.2,
        batch_size="full",
        weights=weights,
        validation=(rows[5:], targets[5:]),
        early_stopping={"patience": 3},
    )
    assert fitted.theta == pytest.approx([3, 1], abs=1e-3)
    assert fitted.history.best.metrics["r_squared"] > 0.999


def test_invalid_arguments_are_rejected() -> None:
    rows, labels = circle(20)
    network = Sequential(LAYERS)
    with pytest.raises(
        NetworkError, match=r"^rows must have shape \(rows, features\), got \(20,\)"
    ):
        network.fit(rows[:, 0], labels, "binary_cross_entropy", "adam")
    with pytest.raises(NetworkError, match="targets and weights must be as many as the rows"):
        network.fit(rows, labels[:-1], "binary_cross_entropy", "adam")
    with pytest.raises(NetworkError, match="loss must be one of"):
        network.fit(rows, labels, "entropy", "adam")
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        network.fit(rows, labels, "binary_cross_entropy", "adam", epoch=3)
    with pytest.raises(DivergedError, match="with learning rate 1e"):
        network.fit(rows, labels, "mean_squared_error", "gradient_descent", learning_rate=1e200)
