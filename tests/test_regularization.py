"""Penalties against numerical gradients, bounds of norms, and the running average."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.layers import Conv1D, Dense, Flatten, LayerNormalization, Maxout
from model.network.network import Network
from model.training.regularization import Average, bound_norms, penalize

LAYERS: list[Any] = [Conv1D(3, 2, 1, "tanh"), Flatten(), LayerNormalization(), Maxout(4), Dense(2)]
NETWORK = Network(LAYERS, inputs=6, loss="mean_squared_error")
WEIGHTS = NETWORK.layout.weights_mask()


def drawn(*lead: int, dtype: str = "float64") -> Array:
    shape = (*lead, NETWORK.layout.size)
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def penalty(theta: Array, l1: float, l2: float) -> float:
    weights = theta[..., WEIGHTS]
    return float(l1 * np.abs(weights).sum() + l2 / 2 * np.square(weights).sum())


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_penalties_have_their_numerical_gradient(
    lead: tuple[int, ...], l1: float, l2: float
) -> None:
    theta = drawn(*lead)
    gradient = start = np.random.default_rng(1).standard_normal(theta.shape)
    gradient = start.copy()
    for call in penalize(theta, gradient, NETWORK.layout, l1, l2):
        call()
    added, step = gradient - start, 1e-6
    for index in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[index] += step
        down[index] -= step
        numerical = (penalty(up, l1, l2) - penalty(down, l1, l2)) / (2 * step)
        assert added[index] == pytest.approx(numerical, abs=1e-7)
    assert not added[..., ~WEIGHTS].any()


def test_no_penalty_costs_nothing() -> None:
    assert penalize(drawn(), drawn(), NETWORK.layout, 0, 0) == []


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_norms_are_bounded(lead: tuple[int, ...], dtype: str) -> None:
    theta = drawn(*lead, dtype=dtype)
    theta[..., :3] = 0  # a unit without weights stays so
    before = theta.copy()
    with np.errstate(all="ignore"):
        for call in bound_norms(theta, NETWORK.layout, 1.2):
            call()
    assert np.isfinite(theta).all()
    assert (theta[..., ~WEIGHTS] == before[..., ~WEIGHTS]).all()
    scaled = 0
    views = (NETWORK.layout.views(each) for each in (before, theta))
    for block, was, now in zip(NETWORK.layout.blocks, *views, strict=True):
        if not block.penalized:
            assert (was == now).all()
            continue
        norms = np.linalg.norm(was[..., :-1], axis=-1)
        within = norms < 1.2
        assert (now[within] == was[within]).all()
        factors = np.where(within, 1, 1.2 / np.maximum(norms, 1e-30))
        np.testing.assert_allclose(now[..., :-1], was[..., :-1] * factors[..., None], rtol=1e-5)
        scaled += int((~within).sum())
    assert scaled


def test_the_average_begins_with_the_first_weights() -> None:
    theta = drawn()
    average, expected = Average(theta, 0.8), None
    assert (average.theta == theta).all()
    for step in range(5):
        theta += step + 1
        average()
        expected = theta.copy() if expected is None else 0.8 * expected + 0.2 * theta
        np.testing.assert_allclose(average.theta, expected, rtol=1e-12)
    assert average.updates == 5
