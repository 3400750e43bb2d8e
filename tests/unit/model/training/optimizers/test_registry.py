"""Every registered optimizer: agreement with its paper's formula, plain data, argument checks."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError
from model.training.optimizers.registry import (
    OPTIMIZERS,
    Adam,
    GradientDescent,
    Update,
    optimizer_from,
)
from model.training.optimizers.state import CHUNK

RATE = 0.01
ALL = sorted(OPTIMIZERS)


def make(name: str, **values: Any) -> Any:
    return optimizer_from({"name": name, "learning_rate": RATE, **values})


def apply_gradients(update: Update, gradient: Array, gradients: list[Array]) -> None:
    for each in gradients:
        gradient[...] = each
        for call in update:
            call()


def run(optimizer: Any, theta: Array, gradients: list[Array], **options: Array) -> Array:
    theta, gradient = theta.copy(), np.zeros_like(theta)
    apply_gradients(optimizer.bind(theta, gradient, **options), gradient, gradients)
    return theta


def random_run(*shape: int, steps: int = 20, dtype: str = "float64") -> tuple[Array, list[Array]]:
    generator = np.random.default_rng(0)
    theta, *gradients = (generator.standard_normal(shape).astype(dtype) for _ in range(steps + 1))
    return theta, gradients


# The papers' formulas. Each generator yields the step that the rate multiplies, from g and θ.

Rule = Iterator[Array]


def gradient_descent(theta: Array, gradients: list[Array]) -> Rule:  # noqa: ARG001
    yield from gradients


def momentum(theta: Array, gradients: list[Array]) -> Rule:
    """Polyak's own form: θₜ₊₁ = θₜ − rate g + μ (θₜ − θₜ₋₁)."""
    velocity = np.zeros_like(theta)
    for g in gradients:
        velocity = g + 0.8 * velocity
        yield velocity


def nesterov(theta: Array, gradients: list[Array]) -> Rule:
    """Sutskever's form: θ is φ plus the momentum; the gradient is evaluated at θ."""
    phi, v, ahead = theta, np.zeros_like(theta), theta
    for g in gradients:
        v = 0.8 * v - RATE * g
        phi = phi + v
        yield (ahead - (phi + 0.8 * v)) / RATE
        ahead = phi + 0.8 * v


def adagrad(theta: Array, gradients: list[Array]) -> Rule:
    total = np.zeros_like(theta)
    for g in gradients:
        total = total + g**2
        yield g / (np.sqrt(total) + 1e-4)


def rmsprop(theta: Array, gradients: list[Array]) -> Rule:
    v = np.zeros_like(theta)
    for g in gradients:
        v = 0.9 * v + 0.1 * g**2
        yield g / (np.sqrt(v) + 1e-4)


def adam(theta: Array, gradients: list[Array]) -> Rule:
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
        yield (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-4)


def nadam(theta: Array, gradients: list[Array]) -> Rule:
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    mu = [0.8 * (1 - 0.5 * 0.96 ** (t * 0.01)) for t in range(len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
        ahead = mu[t + 1] * m / (1 - math.prod(mu[1 : t + 2]))
        ahead = ahead + (1 - mu[t]) * g / (1 - math.prod(mu[1 : t + 1]))
        yield ahead / (np.sqrt(v / (1 - 0.99**t)) + 1e-4)


def lion(theta: Array, gradients: list[Array]) -> Rule:
    m = np.zeros_like(theta)
    for g in gradients:
        yield np.sign(0.8 * m + 0.2 * g)
        m = 0.99 * m + 0.01 * g


BETAS = {"beta1": 0.8, "beta2": 0.99}
PAPERS: dict[str, tuple[Callable[[Array, list[Array]], Rule], dict[str, float]]] = {
    "gradient_descent": (gradient_descent, {}),
    "momentum": (momentum, {"momentum": 0.8}),
    "nesterov": (nesterov, {"momentum": 0.8}),
    "adagrad": (adagrad, {"epsilon": 1e-4}),
    "rmsprop": (rmsprop, {"alpha": 0.9, "epsilon": 1e-4}),
    "adam": (adam, {**BETAS, "epsilon": 1e-4}),
    "adamw": (adam, {**BETAS, "epsilon": 1e-4, "weight_decay": 0.5}),
    "nadam": (nadam, {**BETAS, "epsilon": 1e-4, "momentum_decay": 0.01}),
    "lion": (lion, {**BETAS, "weight_decay": 0.5}),
}


def expected_parameters(name: str, theta: Array, gradients: list[Array]) -> Array:
    rule, arguments = PAPERS[name]
    wide = theta.astype(float)
    for step in rule(wide.copy(), [g.astype(float) for g in gradients]):
        wide = wide - RATE * (step + arguments.get("weight_decay", 0) * wide)
    return wide


@pytest.mark.parametrize("size", [1, 3, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ALL)
def test_optimizer_follows_its_paper(name: str, dtype: str, size: int) -> None:
    theta, gradients = random_run(size, dtype=dtype)
    found = run(make(name, **PAPERS[name][1]), theta, gradients)
    assert found.dtype == dtype
    expected = expected_parameters(name, theta, gradients)
    near = np.isclose(found, expected, *((1e-12, 1e-12) if dtype == "float64" else (1e-4, 1e-5)))
    allowed = 10 if (name, dtype) == ("lion", "float32") else 0  # signs of sums that cancel out
    assert (~near).sum() <= allowed


@pytest.mark.parametrize("name", ALL)
def test_describe_round_trips(name: str) -> None:
    for optimizer in (
        make(name),
        make(name, learning_rate=[0.1, 0.2]),
        make(name, **PAPERS[name][1]),
    ):
        description = json.loads(json.dumps(optimizer.describe()))
        assert optimizer_from(description) == optimizer
        hash(optimizer)
    assert Adam().describe() == "adam"
    assert optimizer_from("adam") == Adam()
    assert GradientDescent([0.1]).describe() == {"name": "gradient_descent", "learning_rate": [0.1]}


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf, True, "fast", None])
@pytest.mark.parametrize("name", ALL)
def test_learning_rate_must_be_finite_and_positive(name: str, rate: Any) -> None:
    message = f"^optimizer {name}: learning_rate must be a finite number above 0, got {rate!r}$"
    for value in (rate, [0.1, rate], (rate,)):
        with pytest.raises(NetworkError, match=message):
            make(name, learning_rate=value)
    with pytest.raises(NetworkError, match=r"learning_rate must be a finite .* got \[\]"):
        make(name, learning_rate=[])


ARGUMENTS = [(name, key) for name, (_, values) in PAPERS.items() for key in values]


@pytest.mark.parametrize(("name", "key"), ARGUMENTS)
def test_argument_ranges_are_checked(name: str, key: str) -> None:
    for value in (-0.1, 1e10 if key.endswith("decay") else 1.1, math.nan, True, "x"):
        with pytest.raises(NetworkError, match=f"^optimizer {name}: {key} must be a number from "):
            make(name, **{key: value})


def test_unknown_names_are_rejected() -> None:
    with pytest.raises(NetworkError, match=r"^optimizer must be one of gradient_descent, momentum"):
        optimizer_from("adm")
    with pytest.raises(NetworkError, match=r"adam has no 'beta': did you mean beta2\?"):
        optimizer_from({"name": "adam", "beta": 0.9})
    with pytest.raises(NetworkError, match="optimizer momentum needs its learning_rate"):
        optimizer_from("momentum")
