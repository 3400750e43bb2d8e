"""Time one training step of the article's network: 9-15-1, 500 rows, full batch.

Three ways to do the same arithmetic, in turn over many rounds: the article's own style (new
arrays at every step), the engine's compiled plan, and a step written out by hand into buffers
made beforehand (the floor). Prints the medians of the rounds and their ratios.

Run with one BLAS thread: `make bench`.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from model.arrays import Array
from model.network.layers import Dense
from model.network.network import Network
from model.training.optimizers import GradientDescent

ROWS, FEATURES, HIDDEN, RATE = 500, 9, 15, 0.01
ROUNDS, STEPS = 15, 2000


def article_style(x: Array, y: Array, w1: Array, w2: Array) -> Callable[[], None]:
    """Rows (features, B), one expression a line, fresh arrays at each."""
    b1, b2 = np.zeros((HIDDEN, 1), x.dtype), np.zeros((1, 1), x.dtype)

    def step() -> None:
        nonlocal w1, b1, w2, b2
        z1 = w1 @ x + b1
        a1 = np.maximum(0, z1)
        p = 1 / (1 + np.exp(-(w2 @ a1 + b2)))
        d_z2 = (p - y) / ROWS
        d_a1 = w2.T @ d_z2
        d_w2 = d_z2 @ a1.T
        d_b2 = d_z2.sum(axis=1, keepdims=True)
        d_z1 = d_a1 * (z1 > 0)
        d_w1 = d_z1 @ x.T
        d_b1 = d_z1.sum(axis=1, keepdims=True)
        w1, b1 = w1 - RATE * d_w1, b1 - RATE * d_b1
        w2, b2 = w2 - RATE * d_w2, b2 - RATE * d_b2

    return step


def by_hand(x: Array, y: Array, w1: Array, w2: Array) -> Callable[[], None]:
    """The floor: the same buffers as the plan's, each call written out."""
    dtype = x.dtype
    w1, w2 = (
        np.column_stack([w1, np.zeros(HIDDEN, dtype)]),
        np.column_stack([w2, [[dtype.type(0)]]]),
    )
    x1, a1 = np.vstack([x, np.ones((1, ROWS), dtype)]), np.ones((HIDDEN + 1, ROWS), dtype)
    a, z, d_a, mask = a1[:-1], np.empty_like(y), np.empty_like(a1[:-1]), np.empty_like(a1[:-1])
    zeros, d_w1, d_w2 = np.zeros_like(a), np.empty_like(w1), np.empty_like(w2)
    signed, half, scale = 1 - 2 * y, np.array(0.5, dtype), np.array(0.5 / ROWS, dtype)
    rate = np.array(RATE, dtype)
    x_t, a_t, w2_t = x1.T, a1.T, w2[:, :-1].T

    def step() -> None:
        np.matmul(w1, x1, out=a)
        np.maximum(a, zeros, out=a)
        np.matmul(w2, a1, out=z)
        np.multiply(z, half, out=z)
        np.tanh(z, out=z)
        np.add(z, signed, out=z)
        np.multiply(z, scale, out=z)
        np.matmul(z, a_t, out=d_w2)
        np.multiply(w2_t, z, out=d_a)
        np.sign(a, out=mask)
        np.multiply(d_a, mask, out=d_a)
        np.matmul(d_a, x_t, out=d_w1)
        np.multiply(d_w1, rate, out=d_w1)
        np.subtract(w1, d_w1, out=w1)
        np.multiply(d_w2, rate, out=d_w2)
        np.subtract(w2, d_w2, out=w2)

    return step


def engine(x: Array, y: Array, w1: Array, w2: Array) -> Callable[[], None]:
    """The compiled plan, with the optimizer's update."""
    network = Network([Dense(HIDDEN, "relu"), Dense(1)], FEATURES, dtype=x.dtype.name)
    theta = network.initial_parameters(np.random.default_rng(0))
    first, second = network.layout.views(theta)
    first[:, :-1], second[:, :-1] = w1, w2
    plan = network.compile(theta, ROWS)
    plan.load(x.T, network.loss.encode(y.T, 1, x.dtype))
    update = GradientDescent(RATE).bind(theta, plan.gradient)

    def step() -> None:
        plan.step()
        for call in update:
            call()

    return step


def timed(step: Callable[[], None]) -> float:
    """Microseconds a step."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS * 1e6


def main() -> None:
    """Print a table a dtype."""
    generator = np.random.default_rng(1)
    for dtype in (np.float64, np.float32):
        x: Array = generator.uniform(size=(FEATURES, ROWS)).astype(dtype)
        y = (x.mean(axis=0, keepdims=True) > 0.5).astype(dtype)
        w1: Array = (generator.standard_normal((HIDDEN, FEATURES)) / 3).astype(dtype)
        w2: Array = (generator.standard_normal((1, HIDDEN)) / 4).astype(dtype)
        ways = {make.__name__: make(x, y, w1, w2) for make in (article_style, engine, by_hand)}
        rounds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, step in ways.items():
                rounds[name].append(timed(step))
        print(f"{np.dtype(dtype).name}, 9-15-1, {ROWS} rows, median of {ROUNDS} rounds")
        for name, times in rounds.items():
            ratio = statistics.median(
                a / b for a, b in zip(rounds["article_style"], times, strict=True)
            )
            print(f"  {name:14} {statistics.median(times):7.1f} µs a step   {ratio:5.2f} ×")


if __name__ == "__main__":
    main()
