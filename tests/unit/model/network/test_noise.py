"""Layers that draw: their statistics while training, and that they are silent otherwise."""

from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.network.activations.rectifiers import SELU_ALPHA, SELU_SCALE
from model.network.execution.plan import Plan
from model.network.network import Network

UNITS, ROWS = 50, 4000


def plan_with(layer: Any, generator: Any, dtype: str = "float64") -> tuple[Plan, Array, Array]:
    """A plan of one noisy layer after a dense one that copies, its rows, and θ."""
    network = Network([{"units": UNITS}, layer, {"units": 1}], UNITS, "huber", dtype)
    theta = np.zeros(network.layout.size, dtype)
    first, last = network.layout.views(theta)
    first[:, :-1] = np.eye(UNITS)
    last[:, :-1] = 1 / UNITS
    rows = np.random.default_rng(5).standard_normal((ROWS, UNITS)).astype(dtype)
    plan = network.compile(theta, ROWS, generator=generator)
    plan.load(rows, np.full((ROWS, 1), 100, dtype))  # far off: ∂J/∂z is −1 a row
    return plan, rows, theta


def noisy(plan: Plan) -> Array:
    """What the noisy layer puts out, from the gradient of the last layer's weights: Σ rows / B."""
    plan.step()
    return -plan.gradient[-UNITS - 1 : -1]


LAYERS = [
    {"name": "dropout", "rate": 0.3},
    {"name": "alpha_dropout", "rate": 0.3},
    {"name": "gaussian_noise", "standard_deviation": 0.5},
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_without_a_generator_nothing_is_drawn(layer: Any) -> None:
    plan, rows, _ = plan_with(layer, None)
    assert noisy(plan) == pytest.approx(rows.mean(axis=0))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_the_mean_is_kept(layer: Any) -> None:
    plan, rows, _ = plan_with(layer, np.random.default_rng(0))
    error = noisy(plan) - rows.mean(axis=0)
    assert np.abs(error).max() < 5 * np.sqrt(2 / ROWS)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer["name"])
def test_draws_differ_from_step_to_step_and_repeat_by_seed(layer: Any) -> None:
    plan, *_ = plan_with(layer, np.random.default_rng(0))
    first, second = noisy(plan), noisy(plan)
    again, *_ = plan_with(layer, np.random.default_rng(0))
    assert not np.array_equal(first, second)
    assert np.array_equal(noisy(again), first)
    assert np.array_equal(noisy(again), second)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("legacy", [False, True])
def test_the_gradient_goes_where_the_value_came_from(dtype: str, legacy: bool) -> None:
    generator = np.random.RandomState(0) if legacy else np.random.default_rng(0)
    plan, rows, _ = plan_with({"name": "dropout", "rate": 0.25}, generator, dtype)
    plan.step()
    # ∂J/∂b of the copying layer is −Σ mask / (B · units); the mean of the mask is 1.
    biases = plan.gradient[: UNITS * (UNITS + 1)].reshape(UNITS, UNITS + 1)[:, -1]
    assert -biases * UNITS == pytest.approx(np.ones(UNITS), abs=0.05)
    assert biases.dtype == dtype
    # Where all rows are alike, both value and gradient are the mask's mean.
    plan.load(np.ones_like(rows), np.full((ROWS, 1), 100, dtype))
    values = noisy(plan)
    biases = plan.gradient[: UNITS * (UNITS + 1)].reshape(UNITS, UNITS + 1)[:, -1]
    assert -biases * UNITS == pytest.approx(values, rel=1e-5)


def test_alpha_dropout_keeps_selu_s_variance() -> None:
    keep, low = 0.7, -SELU_ALPHA * SELU_SCALE
    x = np.random.default_rng(1).standard_normal(400_000)
    mask = np.random.default_rng(2).uniform(size=x.size) < keep
    scale = (keep + low**2 * keep * (1 - keep)) ** -0.5
    y = scale * np.where(mask, x, low) - scale * low * (1 - keep)
    assert (y.mean(), y.var()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))
    # The layer's own values, one row at a time, are this y: two values where all rows are 0.
    plan, rows, _ = plan_with({"name": "alpha_dropout", "rate": 0.3}, np.random.default_rng(0))
    plan.load(np.zeros_like(rows), np.full((ROWS, 1), 100.0))
    assert noisy(plan).mean() == pytest.approx(0, abs=0.02)
