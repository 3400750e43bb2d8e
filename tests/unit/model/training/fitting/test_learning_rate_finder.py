"""find_learning_rate: its steps, reproducibility, divergence and argument checks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import MalignancyError, NetworkError, TrainingError
from model.evaluation.plots.learning_rate import rate_curve
from model.network.graph import Call
from model.network.layers import Dense, Dropout
from model.network.network import Network
from model.training.fitting.learning_rate_finder import (
    RateFinding,
    find_learning_rate,
    minimum,
    steep,
    valley,
)
from model.training.optimizers.optimizer import Optimizer
from model.training.optimizers.registry import Adam, GradientDescent
from model.training.optimizers.state import OptimizerState, ParameterSlice

LINEAR = Network([Dense(1)], inputs=2, loss="mean_squared_error")


def regression(rows: int = 200) -> tuple[Array, Array]:
    generator = np.random.default_rng(5)
    x = generator.standard_normal((rows, 2)) * [1, 3]
    return x, x @ np.array([[2.0], [-1.0]]) + 0.1 * generator.standard_normal((rows, 1))


def find(**given: Any) -> RateFinding:
    x, y = regression()
    defaults = {"theta": np.zeros(3), "rows": x, "targets": y, "optimizer": GradientDescent(0.1)}
    return find_learning_rate(LINEAR, **{**defaults, **given})


def suggestions(found: RateFinding) -> tuple[float, float, float]:
    return found.valley, found.steep, found.minimum


def smoothed_losses(lowest: float, highest: float, steps: int, size: int, seed: int) -> list[float]:
    """Return the smoothed losses of plain gradient descent on `regression`."""
    x, y = regression()
    generator, queue = np.random.default_rng(seed), np.empty(0, int)
    weights, bias = np.zeros((2, 1)), 0.0
    raw: list[float] = []
    smoothed: list[float] = []
    for step in range(steps):
        if len(queue) < size:
            queue = generator.permutation(len(x))
        index, queue = queue[:size], queue[size:]
        error = x[index] @ weights + bias - y[index]
        raw.append(float((error**2).mean()))
        shares = 0.98 ** np.arange(step, -1, -1)
        smoothed.append(float(shares @ raw / shares.sum()))
        if smoothed[-1] > 4 * min(smoothed):
            break
        rate = math.exp(math.log(lowest) + step / steps * math.log(highest / lowest))
        weights = weights - rate * 2 * x[index].T @ error / size
        bias -= rate * 2 * float(error.mean())
    return smoothed


@pytest.mark.parametrize(("size", "steps", "highest"), [(64, 100, 10), (7, 50, 1), (30, 25, 0.01)])
def test_run_equals_plain_gradient_descent(size: int, steps: int, highest: float) -> None:
    options: dict[str, Any] = {"lowest": 1e-5, "highest": highest, "steps": steps, "seed": 3}
    expected = smoothed_losses(size=size, **options)[:-5]
    found = find(batch_size=size, **options)
    assert found.losses == pytest.approx(expected, rel=1e-9)
    rates = np.geomspace(1e-5, highest, steps + 1)[: len(expected)]
    assert found.rates == pytest.approx(rates)
    assert (len(expected) == steps - 5) == (highest == 0.01)
    used = slice(steps // 10, None)
    for name, suggest in (("valley", valley), ("steep", steep), ("minimum", minimum)):
        assert getattr(found, name) == suggest(found.rates[used], found.losses[used])


def test_batch_size_above_the_rows_takes_all_rows() -> None:
    expected, found = find(batch_size=200), find(batch_size=1000)
    assert (found.losses == expected.losses).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arguments_are_unchanged_and_seed_determines_the_result(dtype: str) -> None:
    network = Network([Dense(8, "relu"), Dropout(0.3), Dense(1)], 2, "mean_squared_error", dtype)
    theta = network.initial_parameters(np.random.default_rng(1))
    x, y = regression()
    given = [array.copy() for array in (theta, x, y)]
    first, again, other = (
        find_learning_rate(network, theta, x, y, Adam(), seed=seed) for seed in (4, 4, 5)
    )
    assert [a.tobytes() for a in (theta, x, y)] == [a.tobytes() for a in given]
    assert suggestions(first) == suggestions(again)
    assert (first.rates == again.rates).all()
    assert (first.losses == again.losses).all()
    assert not np.array_equal(first.losses, other.losses)
    still = Network([Dense(8, "relu"), Dense(1)], 2, "mean_squared_error", dtype)
    without_noise = find_learning_rate(still, theta, x, y, Adam(), seed=4)
    assert not np.array_equal(first.losses[:50], without_noise.losses[:50])


def test_optimizer_s_own_rate_has_no_effect() -> None:
    one, other = find(optimizer=Adam(1e-4)), find(optimizer=Adam(5.0))
    assert (one.losses == other.losses).all()


@dataclass(frozen=True)
class Breaking(Optimizer):
    """An optimizer with steps of 0, except for one step of a given value."""

    name = "breaking"
    value: float = math.nan
    updates: int = 30
    learning_rate: float = 0.1

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        done = state.add_scalar("done", 0)

        def step(part: ParameterSlice) -> None:
            done[...] += 1
            part.step[...] = self.value if done == self.updates else 0

        return lambda part: [lambda: step(part)]


@pytest.mark.parametrize(
    ("value", "updates", "kept"),
    [(math.nan, 30, 30), (math.nan, 97, 95), (math.nan, 15, 15), (1e200, 30, 26), (1e9, 30, 26)],
)
def test_only_finite_losses_are_kept(value: float, updates: int, kept: int) -> None:
    found = find(optimizer=Breaking(value, updates))
    assert len(found.rates) == len(found.losses) == kept
    assert np.isfinite(found.losses).all()
    assert np.isfinite(suggestions(found)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"theta": np.zeros((2, 3))}, NetworkError, r"theta must be of one network, .*\(2, 3\)"),
        ({"theta": np.zeros(4)}, NetworkError, r"theta must have shape \(3,\)"),
        ({"targets": np.zeros(9)}, NetworkError, "must be as many as the rows, 9 ≠ 200"),
        ({"theta": np.full(3, np.nan)}, TrainingError, "the loss is not finite at the first step"),
        ({"theta": np.full(3, 1e300)}, TrainingError, "the loss is not finite at the first step"),
        (
            {"lowest": 1, "highest": 100},
            TrainingError,
            r"the loss diverges after \d of 100 steps, at rate 1\.\d+: too few .* a smaller lowest",
        ),
        (
            {"optimizer": Breaking(math.nan, 14)},
            TrainingError,
            "the loss diverges after 14 of 100 steps, at rate 1.32e-06",
        ),
    ],
)
def test_invalid_arguments_are_rejected(
    arguments: dict[str, Any], error: type[MalignancyError], message: str
) -> None:
    with pytest.raises(error, match=message):
        find(**arguments)


def test_rate_curve_is_a_png() -> None:
    found = find()
    assert rate_curve(found).startswith(b"\x89PNG\r\n\x1a\n")
    below = RateFinding(found.rates, found.losses, found.rates[0], found.rates[-1], 1e-8)
    assert rate_curve(below).startswith(b"\x89PNG\r\n\x1a\n")
