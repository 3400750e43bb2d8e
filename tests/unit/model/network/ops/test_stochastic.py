"""Layers that draw noise: their statistics in training, and no effect without a generator."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.activations.rectifiers import SELU_ALPHA, SELU_SCALE
from model.network.execution.plan import Plan
from model.network.network import Network

UNITS, ROWS = 50, 4000


def plan_with(layer: Any, generator: Any, dtype: str = "float64") -> tuple[Plan, Array, Array]:
    """A plan of an identity layer and one noisy layer; its rows and θ."""
    network = Network([{"units": UNITS}, layer, {"units": 1}], UNITS, "huber", dtype)
    theta = np.zeros(network.layout.size, dtype)
    first, last = network.layout.views(theta)
    first[:, :-1] = np.eye(UNITS)
    last[:, :-1] = 1 / UNITS
    rows = np.random.default_rng(5).standard_normal((ROWS, UNITS)).astype(dtype)
    plan = network.compile(theta, ROWS, generator=generator)
    plan.load(rows, np.full((ROWS, 1), 100, dtype))  # far away: ∂J/∂z is −1 per row
    return plan, rows, theta


def noisy_means(plan: Plan) -> Array:
    """The noisy layer's outputs, Σ rows / B, from the gradient of the last layer's weights."""
    plan.step()
    return -plan.gradient[-UNITS - 1 : -1]


LAYERS = [
    {"name": "dropout", "rate": 0.3},
    {"name": "alpha_dropout", "rate": 0.3},
    {"name": "gaussian_noise", "standard_deviation": 0.5},
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_no_noise_without_a_generator(layer: Any) -> None:
    plan, rows, _ = plan_with(layer, None)
    assert noisy_means(plan) == pytest.approx(rows.mean(axis=0))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_mean_is_kept(layer: Any) -> None:
    plan, rows, _ = plan_with(layer, np.random.default_rng(0))
    error = noisy_means(plan) - rows.mean(axis=0)
    assert np.abs(error).max() < 5 * np.sqrt(2 / ROWS)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_draws_differ_by_step_and_repeat_by_seed(layer: Any) -> None:
    plan, *_ = plan_with(layer, np.random.default_rng(0))
    first, second = noisy_means(plan), noisy_means(plan)
    again, *_ = plan_with(layer, np.random.default_rng(0))
    assert not np.array_equal(first, second)
    assert np.array_equal(noisy_means(again), first)
    assert np.array_equal(noisy_means(again), second)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("legacy", [False, True])
def test_gradient_and_value_have_the_same_mask(dtype: str, legacy: bool) -> None:
    generator = np.random.RandomState(0) if legacy else np.random.default_rng(0)
    plan, rows, _ = plan_with({"name": "dropout", "rate": 0.25}, generator, dtype)
    plan.step()
    # ∂J/∂b of the identity layer is −Σ mask / (B · units); the mean of the mask is 1.
    biases = plan.gradient[: UNITS * (UNITS + 1)].reshape(UNITS, UNITS + 1)[:, -1]
    assert -biases * UNITS == pytest.approx(np.ones(UNITS), abs=0.05)
    assert biases.dtype == dtype
    # With equal rows, both value and gradient are the mask's mean.
    plan.load(np.ones_like(rows), np.full((ROWS, 1), 100, dtype))
    values = noisy_means(plan)
    biases = plan.gradient[: UNITS * (UNITS + 1)].reshape(UNITS, UNITS + 1)[:, -1]
    assert -biases * UNITS == pytest.approx(values, rel=1e-5)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    keep, low = 0.7, -SELU_ALPHA * SELU_SCALE
    x = np.random.default_rng(1).standard_normal(400_000)
    mask = np.random.default_rng(2).uniform(size=x.size) < keep
    scale = (keep + low**2 * keep * (1 - keep)) ** -0.5
    y = scale * np.where(mask, x, low) - scale * low * (1 - keep)
    assert (y.mean(), y.var()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))
    # The layer computes this y: for rows of 0 it has two values.
    plan, rows, _ = plan_with({"name": "alpha_dropout", "rate": 0.3}, np.random.default_rng(0))
    plan.load(np.zeros_like(rows), np.full((ROWS, 1), 100.0))
    assert noisy_means(plan).mean() == pytest.approx(0, abs=0.02)
