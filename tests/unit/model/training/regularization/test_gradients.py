"""Penalties against numerical gradients; clipping of values, norms and members."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.layers import Conv1D, Dense, Flatten, LayerNormalization, Maxout
from model.network.network import Network
from model.training.regularization.gradients import clip_by_norm, clip_by_value, penalize

LAYERS: list[Any] = [Conv1D(3, 2, 1, "tanh"), Flatten(), LayerNormalization(), Maxout(4), Dense(2)]
NETWORK = Network(LAYERS, inputs=6, loss="mean_squared_error")
WEIGHTS = NETWORK.layout.weights_mask()


def random_theta(*lead: int, dtype: str = "float64") -> Array:
    shape = (*lead, NETWORK.layout.size)
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def penalty(theta: Array, l1: float, l2: float) -> float:
    weights = theta[..., WEIGHTS]
    return float(l1 * np.abs(weights).sum() + l2 / 2 * np.square(weights).sum())


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_penalty_matches_its_numerical_gradient(
    lead: tuple[int, ...], l1: float, l2: float
) -> None:
    theta = random_theta(*lead)
    gradient = start = np.random.default_rng(1).standard_normal(theta.shape)
    gradient = start.copy()
    for call in penalize(theta, gradient, WEIGHTS, l1, l2):
        call()
    added, step = gradient - start, 1e-6
    for index in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[index] += step
        down[index] -= step
        numerical = (penalty(up, l1, l2) - penalty(down, l1, l2)) / (2 * step)
        assert added[index] == pytest.approx(numerical, abs=1e-7)
    assert not added[..., ~WEIGHTS].any()


def test_weight_of_zero_has_no_penalty_gradient() -> None:
    theta, gradient = np.zeros(NETWORK.layout.size), np.zeros(NETWORK.layout.size)
    for call in penalize(theta, gradient, WEIGHTS, 0.3, 0.7):
        call()
    assert not gradient.any()


def test_penalty_reads_current_weights_and_does_not_change_them() -> None:
    """The calls are compiled once and read θ at each step."""
    theta, gradient = random_theta(), np.zeros(NETWORK.layout.size)
    calls = penalize(theta, gradient, WEIGHTS, 0.3, 0.7)
    for factor in (1, -2):
        theta *= factor
        gradient.fill(0)
        before = theta.copy()
        for call in calls:
            call()
        assert (theta == before).all()
        expected = np.where(WEIGHTS, 0.3 * np.sign(theta) + 0.7 * theta, 0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-14)


def test_zero_strengths_compile_to_no_calls() -> None:
    assert penalize(random_theta(), random_theta(), WEIGHTS, 0, 0) == []


def clipped(clip: Any, gradient: Array, limit: float) -> Array:
    gradient = gradient.copy()
    for call in clip(gradient, limit):
        call()
    return gradient


def test_clip_by_value() -> None:
    gradient = np.array([-3.0, -1.0, 0.0, 0.5, math.inf, math.nan])
    expected = [-1.0, -1.0, 0.0, 0.5, 1.0, math.nan]
    np.testing.assert_array_equal(clipped(clip_by_value, gradient, 1), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clip_by_norm(dtype: str) -> None:
    gradient = np.array([3, -4], dtype)
    found = clipped(clip_by_norm, gradient, 1)
    assert found.dtype == dtype
    assert found == pytest.approx([0.6, -0.8], rel=1e-6)
    assert (clipped(clip_by_norm, gradient, 5.1) == gradient).all()
    assert (clipped(clip_by_norm, np.zeros(2, dtype), 1) == 0).all()


def test_clipped_norm_is_below_the_limit_by_epsilon() -> None:
    found = clipped(clip_by_norm, np.array([3.0, 4.0]), 5)
    assert np.linalg.norm(found) == pytest.approx(5 * 5 / (5 + 1e-6), rel=1e-15)


def test_members_are_clipped_separately() -> None:
    gradient = np.array([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    found = np.linalg.norm(clipped(clip_by_norm, gradient, 1), axis=1)
    assert found == pytest.approx([1, 0.5, 1], rel=1e-6)


def test_non_finite_gradients_stay_visible() -> None:
    for wrong in (math.nan, math.inf):
        with np.errstate(invalid="ignore"):
            found = clipped(clip_by_norm, np.array([1.0, wrong]), 1)
        assert np.isnan(found).any()


@pytest.mark.parametrize("lead", [(), (3,)])
def test_calls_allocate_nothing(lead: tuple[int, ...]) -> None:
    layout = Network([Dense(300, "relu"), Dense(2)], 200, "mean_squared_error").layout
    theta, gradient = (np.ones((*lead, layout.size)) for _ in range(2))
    calls = penalize(theta, gradient, layout.weights_mask(), 0.1, 0.1)
    calls += clip_by_value(gradient, 0.5) + clip_by_norm(gradient, 0.5)
    tracemalloc.start()
    for call in calls:
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000, f"{peak} bytes"  # an array has 60 000 or more
