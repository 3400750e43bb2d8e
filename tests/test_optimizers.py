import math
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import TrainingError
from model.training.optimizers import CHUNK, Adam, GradientDescent


def run(optimizer: Any, theta: Array, gradients: list[Array]) -> Array:
    theta, gradient = theta.copy(), np.zeros_like(theta)
    update = optimizer.bind(theta, gradient)
    for each in gradients:
        gradient[...] = each
        for call in update:
            call()
    return theta


@pytest.mark.parametrize("size", [3, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam_is_its_paper_s_algorithm(size: int, dtype: str) -> None:
    generator = np.random.default_rng(0)
    theta = generator.standard_normal(size).astype(dtype)
    gradients = [generator.standard_normal(size).astype(dtype) for _ in range(20)]
    expected, m, v = theta.astype(float), np.zeros(size), np.zeros(size)
    for t, g in enumerate(gradients, start=1):
        m = 0.8 * m + 0.2 * g
        v = 0.99 * v + 0.01 * np.square(g.astype(float))
        step = (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-4)
        expected = expected - 0.01 * step
    found = run(Adam(0.01, beta1=0.8, beta2=0.99, epsilon=1e-4), theta, gradients)
    assert found == pytest.approx(expected, rel=1e-12 if dtype == "float64" else 1e-4, abs=1e-6)


@pytest.mark.parametrize("kind", [GradientDescent, Adam])
def test_members_have_their_own_rates(kind: Any) -> None:
    generator = np.random.default_rng(0)
    theta = generator.standard_normal((2, 5))
    gradients = [generator.standard_normal((2, 5)) for _ in range(3)]
    together = run(kind([0.1, 0.01]), theta, gradients)
    for member, rate in enumerate((0.1, 0.01)):
        alone = run(kind(rate), theta[member], [each[member] for each in gradients])
        assert together[member] == pytest.approx(alone, rel=1e-14)
    with pytest.raises(TrainingError, match=r"2 learning rates do not fit θ of shape \(3, 5\)"):
        kind([0.1, 0.01]).bind(np.zeros((3, 5)), np.zeros((3, 5)))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", [GradientDescent, Adam])
def test_a_rate_must_be_above_zero(kind: Any, rate: float) -> None:
    with pytest.raises(TrainingError, match="learning_rate must be above 0, got"):
        kind(rate)
    with pytest.raises(TrainingError, match="learning_rate must be above 0, got"):
        kind([0.1, rate])


@pytest.mark.parametrize("name", ["beta1", "beta2", "epsilon"])
def test_adam_s_numbers_are_checked(name: str) -> None:
    for value in (-0.1, 1.0, math.nan):
        with pytest.raises(TrainingError, match=f"{name} must be"):
            Adam(**{name: value})
