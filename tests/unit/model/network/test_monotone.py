"""Networks with monotone inputs: no violation is found, whatever the weights and the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import NetworkError
from model.network.activations.registry import ACTIVATIONS
from model.network.layers import Dense, Dropout
from model.network.monotone import NON_DECREASING
from model.network.network import Network, network_from
from model.training.batches.rows import Rows
from model.training.config import Training
from model.training.fitting.loop import minimize

SIGNS = (1, -1, 0, 0)


def network(hidden: list[int], activation: str, dtype: str = "float64") -> Network:
    layers = [Dense(units, activation) for units in hidden]
    return Network([*layers, Dense(1)], 4, dtype=dtype, monotone=SIGNS)


@pytest.mark.parametrize("name", NON_DECREASING)
def test_listed_activations_do_not_decrease(name: str) -> None:
    values = ACTIVATIONS[name]().value(np.linspace(-30, 30, 100_001))
    assert (np.diff(values) >= 0).all()


@settings(deadline=None)
@given(
    hidden=st.lists(st.integers(1, 7), max_size=3),
    activation=st.sampled_from(NON_DECREASING),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 10_000),
    scale=st.floats(0.1, 10),
)
def test_no_row_violates_the_directions(
    hidden: list[int], activation: str, dtype: str, seed: int, scale: float
) -> None:
    built, generator = network(hidden, activation, dtype), np.random.default_rng(seed)
    assert built.bounds is not None
    theta = (scale * generator.normal(size=(2, built.layout.size))).astype(dtype)
    built.bounds.project(theta)
    assert built.bounds.hold(theta)
    rows = generator.normal(0, 3, (50, 4))
    steps = generator.exponential(2, 50)
    before = built.predict(theta, rows).mean(axis=0)
    for column, sign in enumerate(SIGNS[:2]):
        moved = rows.copy()
        moved[:, column] += sign * steps
        after = built.predict(theta, moved).mean(axis=0)
        # An exponential is rounded to the nearest numbers, not always to the same side.
        assert (after >= before - 8 * np.finfo(dtype).eps).all()


def test_free_inputs_may_go_both_ways() -> None:
    built = network([12], "relu")
    generator = np.random.default_rng(0)
    rows, more = generator.normal(size=(400, 4)), np.array([0, 0, 0.1, 0])
    theta = built.initial_parameters(generator)
    change = built.logits(theta, rows + more) - built.logits(theta, rows)
    assert (change > 0).any()
    assert (change < 0).any()


@pytest.mark.parametrize("average", [None, 0.9])
def test_training_keeps_the_directions_and_learns_curves(average: float | None) -> None:
    generator = np.random.default_rng(1)
    rows = generator.uniform(-2, 2, (400, 4))
    # Saturating in the first input, growing ever faster against the second, a wave in the third.
    z = np.tanh(3 * rows[:, 0]) - np.exp(rows[:, 1]) / 3 + np.sin(4 * rows[:, 2])
    targets = z + 0.1 * generator.normal(size=400)
    built = Network([Dense(32, "tanh"), Dense(1)], 4, "mean_squared_error", monotone=SIGNS)
    training = Training(
        optimizer="adam", epochs=200, learning_rate=0.01, batch_size=32, average=average
    )
    theta = built.initial_parameters(np.random.default_rng(2))
    assert built.bounds is not None
    assert built.bounds.hold(theta)
    outcome = minimize(built, theta, training, Rows(rows, targets))
    assert built.bounds.hold(outcome.theta)
    error = built.predict(outcome.theta, rows)[:, 0] - targets
    assert np.mean(error**2) < 0.2 * targets.var()


def test_description_keeps_the_directions() -> None:
    built = network([3], "relu")
    assert network_from(built.describe()).monotone == SIGNS
    assert "monotone" not in Network([Dense(1)], 4, monotone=(0, 0, 0, 0)).describe()


@pytest.mark.parametrize(
    ("layers", "loss", "monotone", "rule"),
    [
        ([Dense(3, "gelu"), Dense(1)], "binary_cross_entropy", SIGNS, "not gelu"),
        (["layer_normalization", Dense(1)], "binary_cross_entropy", SIGNS, "dense layers"),
        ([Dense(3)], "categorical_cross_entropy", SIGNS, "not for classes"),
        ([Dense(1)], "binary_cross_entropy", (1, 0), "monotone must be 4 numbers"),
        ([Dense(1)], "binary_cross_entropy", (1, 0, 2, 0), "monotone must be 4 numbers"),
    ],
)
def test_what_is_not_monotone_is_rejected(
    layers: list[Dense], loss: str, monotone: tuple[int, ...], rule: str
) -> None:
    with pytest.raises(NetworkError, match=rule):
        Network(layers, 4, loss, monotone=monotone)


def test_dropout_passes_the_directions_on() -> None:
    built = Network([Dense(4, "relu"), Dropout(0.5), Dense(1)], 4, monotone=SIGNS)
    assert built.bounds is not None
    assert built.bounds.hold(built.initial_parameters(np.random.default_rng(0)))
