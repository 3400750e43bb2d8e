"""Suggestions of a range test: their formulas, and trainings with the suggested rates."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import DATA

from model.arrays import Array
from model.network.layers import Dense
from model.network.network import Network
from model.training.fitting.learning_rate_finder import find_learning_rate, minimum, steep, valley
from model.training.optimizers.registry import OPTIMIZERS, GradientDescent, optimizer_from

TABLE = DATA / "breast-cancer-wisconsin.csv"

curves = st.one_of(
    st.lists(st.integers(0, 9).map(float), min_size=2, max_size=40),  # with many ties
    st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=40),
).map(np.array)


def rising(count: int) -> Array:
    return np.geomspace(1e-5, 1, count)


def wisconsin() -> tuple[Array, Array]:
    cells = np.genfromtxt(TABLE, delimiter=",", skip_header=1, dtype=str)
    cells = cells[(cells != "").all(axis=1)]
    return cells[:, 1:10].astype(float) / 10, (cells[:, 10] == "malignant").astype(float)[:, None]


def train_loss(network: Network, theta: Array, x: Array, y: Array, optimizer: Any) -> float:
    """Return the loss after 300 full-batch steps."""
    theta = theta.copy()
    plan = network.compile(theta, len(x))
    plan.load(x, network.loss.encode(y, network.outputs, network.dtype))
    update = optimizer.bind(theta, plan.gradient)
    for _ in range(300):
        plan.step()
        for call in update:
            call()
    return float(network.loss_of(theta, x, y))


@given(curves)
def test_valley_is_in_the_longest_decreasing_subsequence(losses: Array) -> None:
    # Textbook algorithm: the longest subsequence that ends at each index, from all before it.
    lengths: list[int] = []
    for end, loss in enumerate(losses):
        shorter = [lengths[before] for before in range(end) if losses[before] > loss]
        lengths.append(1 + max(shorter, default=0))
    length = max(lengths)
    index = lengths.index(length) - length + int(length / 3) + int(length / 3 / 2)
    rates = rising(len(losses))
    assert index >= -1
    assert valley(rates, losses) == rates[max(index, 0)]


@given(curves)
def test_steep_and_minimum_match_their_formulas(losses: Array) -> None:
    rates = rising(len(losses))
    slopes = [
        (losses[i + 1] - losses[i]) / (math.log(rates[i + 1]) - math.log(rates[i]))
        for i in range(len(losses) - 1)
    ]
    assert slopes[rates.tolist().index(steep(rates, losses))] == pytest.approx(min(slopes))
    assert minimum(rates, losses) == rates[losses.tolist().index(losses.min())] / 10


@given(curves, st.floats(0.125, 8), st.floats(0.125, 8))
def test_suggestions_scale_with_the_rates_and_not_with_the_losses(
    losses: Array, scale: float, factor: float
) -> None:
    rates = rising(len(losses))
    scaled = losses * 2.0 ** round(math.log2(scale))
    for suggest in (valley, steep, minimum):
        assert suggest(rates, scaled) == suggest(rates, losses)
    for suggest in (valley, minimum):
        expected = suggest(rates, losses) * factor
        assert suggest(rates * factor, losses) == pytest.approx(expected)


def test_suggestions_of_a_known_curve() -> None:
    rates = 10.0 ** np.arange(-9, 3)
    losses = np.array([9, 9, 8, 7, 6, 5, 2, 1.5, 1.4, 3, 20, 90])
    assert valley(rates, losses) == rates[8 - 8 + 2 + 1]
    assert steep(rates, losses) == rates[5]
    assert minimum(rates, losses) == rates[8] / 10


@pytest.mark.parametrize("losses", [[1, 2, 3, 4, 5, 6.0], [2, 1, 3, 4, 5, 6.0], [1.0] * 6])
def test_valley_of_a_rising_loss_is_the_first_rate(losses: list[float]) -> None:
    assert valley(rising(6), np.array(losses)) == rising(6)[0]


def test_suggested_rates_are_below_the_stability_limit() -> None:
    generator = np.random.default_rng(5)
    x = generator.standard_normal((200, 2)) * [1, 3]
    y = x @ np.array([[2.0], [-1.0]]) + 0.1 * generator.standard_normal((200, 1))
    ones = np.column_stack([x, np.ones(len(x))])
    limit = 2 / np.linalg.eigvalsh(2 * ones.T @ ones / len(x)).max()  # of gradient descent
    network, theta = Network([Dense(1)], inputs=2, loss="mean_squared_error"), np.zeros(3)
    found = find_learning_rate(network, theta, x, y, GradientDescent(0.1), steps=200)
    assert max(found.valley, found.minimum) < limit < 2 * found.rates[-1]
    start = network.loss_of(theta, x, y)
    for rate in (found.valley, found.minimum):
        assert train_loss(network, theta, x, y, GradientDescent(rate)) < 0.05 * start
    assert train_loss(network, theta, x, y, GradientDescent(1.1 * limit)) > 1e6 * start


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_training_at_the_suggested_rate_reduces_the_loss(name: str) -> None:
    x, y = wisconsin()
    network = Network([Dense(15, "relu"), Dense(1)], inputs=9)
    theta = network.initial_parameters(np.random.default_rng(0))
    optimizer = optimizer_from({"name": name, "learning_rate": 0.1})
    found = find_learning_rate(network, theta, x, y, optimizer, highest=100)
    described = {"name": name, "learning_rate": found.valley}
    assert train_loss(network, theta, x, y, optimizer_from(described)) < 0.8 * network.loss_of(
        theta, x, y
    )
