"""Buffers of a plan: alignment, and no allocation during a step."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from model.arrays import CACHE_LINE
from model.network.network import Network

LAYERS: list[Any] = [{"units": 8, "activation": "relu"}, {"units": 3}]


@pytest.mark.parametrize("gathers", [False, True])
def test_buffers_are_aligned(gathers: bool) -> None:
    network = Network(LAYERS, 5, "sparse_categorical_cross_entropy", "float32")
    theta = network.initial_parameters(np.random.default_rng(0))
    plan = network.compile(theta, 7, gathers=gathers)
    for buffer in (
        (plan.inputs, plan.gradient) if gathers else (plan.inputs, plan.targets, plan.gradient)
    ):
        assert buffer.ctypes.data % CACHE_LINE == 0


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_outputs_of_an_activation_remain_after_a_step(activation: str) -> None:
    """The backward pass of the last layer may overwrite its buffer."""
    network = Network([{"units": 3, "activation": activation}], 5, "mean_squared_error")
    generator = np.random.default_rng(0)
    theta = network.initial_parameters(generator)
    plan = network.compile(theta, 7)
    rows = generator.standard_normal((7, 5))
    plan.load(rows, np.ones((7, 3)))
    plan.step()
    assert pytest.approx(network.predict(theta, rows), rel=1e-13) == plan.logits().T


def test_gathered_steps_allocate_no_array() -> None:
    network = Network(LAYERS, 5, "sparse_categorical_cross_entropy", "float32")
    generator = np.random.default_rng(0)
    theta = network.initial_parameters(generator)
    plan = network.compile(theta, 500, gathers=True)
    inputs, classes = generator.standard_normal((2000, 5)), generator.integers(0, 3, 2000)
    table = network.prepare(inputs, classes)
    index = generator.permutation(2000)[:500]
    peaks = []
    for steps in (1, 100):
        tracemalloc.start()
        try:
            plan.gather(table, index)
            plan.step()  # NumPy's caches of the first call do not count
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(steps):
                plan.gather(table, index)
                plan.step()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
    assert max(peaks) < 3 * 500 * 4  # bytes: the smallest array
