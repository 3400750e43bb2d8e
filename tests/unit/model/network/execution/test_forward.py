"""The forward pass: a prediction is the same to the last bit, whichever rows are beside its row."""

import os
import signal
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.arrays import Array
from model.errors import NetworkError
from model.network.execution.forward import Forward
from model.network.layers import Conv1D, Dense, LayerNormalization, Maxout, Residual
from model.network.network import Network

ROWS = 1200
NETWORKS: dict[str, tuple[list[Any], int]] = {
    "logistic": ([Dense(1)], 9),
    "default": ([Dense(30, "relu"), Dense(1)], 9),
    "classes": ([Dense(16, "gelu"), Dense(16, "selu"), Dense(3)], 20),
    "deep": ([Dense(20, "tanh"), *[Residual([Dense(20, "swish")])] * 6, Dense(2)], 5),
    "long rows": ([Dense(30, "sigmoid"), Dense(10)], 500),
    "wide": ([Dense(400, "leaky_relu"), Dense(400, "softplus"), Dense(1)], 30),
    "signal": ([Conv1D(4, 5, activation="elu"), Maxout(6, 2), LayerNormalization(), Dense(2)], 40),
}


@cache
def bound(name: str, dtype: str, members: int) -> tuple[Forward, Array, Array]:
    """A network's function, rows, and the predictions of all of them at once."""
    layers, inputs = NETWORKS[name]
    loss = "binary_cross_entropy" if name in ("logistic", "default", "wide") else None
    network = Network(layers, inputs=inputs, loss=loss or "categorical_cross_entropy", dtype=dtype)
    generator = np.random.default_rng(0)
    theta = network.initial_parameters([generator] * members if members else generator)
    theta += 0.1 * generator.standard_normal(theta.shape).astype(dtype)
    rows = generator.standard_normal((ROWS, inputs)).astype(dtype)
    forward = network.bind(theta)
    return forward, rows, forward.mean(rows)


batches = st.one_of(st.integers(1, 70), st.integers(1, ROWS))


@given(
    st.sampled_from([*NETWORKS]),
    st.sampled_from(["float64", "float32"]),
    st.sampled_from([0, 1, 7]),
    batches,
    st.integers(0, ROWS - 1),
)
@example("default", "float32", 40, 1, 0)
@example("default", "float32", 40, 70, 123)
@settings(max_examples=150, deadline=None)
def test_rows_beside_a_row_do_not_change_its_prediction(
    name: str, dtype: str, members: int, batch: int, start: int
) -> None:
    forward, rows, expected = bound(name, dtype, members)
    found = forward.mean(rows[start : start + batch])
    assert found.tobytes() == expected[start : start + batch].tobytes()


@pytest.mark.parametrize("kernels", ["Haswell", "SkylakeX", "Nehalem"])
def test_same_with_the_kernels_of_other_processors(kernels: str) -> None:
    """The environment selects them on x86. Those of AVX2 round float32 products by the column."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernels}
    test = test_rows_beside_a_row_do_not_change_its_prediction.__name__
    script = f"import runpy; runpy.run_path({__file__!r})[{test!r}]()"  # starts faster than pytest
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, timeout=250, check=False
    )
    if ended.returncode == -signal.SIGILL:
        pytest.skip(f"the processor lacks instructions of the kernels for {kernels}")
    assert ended.returncode == 0


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("members", [0, 7])
def test_mean_of_the_members(name: str, members: int) -> None:
    forward, rows, found = bound(name, "float64", members)
    predictions = forward.predict(rows)
    expected = predictions.mean(axis=0) if members else predictions
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("members", [0, 7])
def test_each_row_alone_where_no_width_rounds_alike(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.network.execution.forward.block_widths", lambda *_: (1,))
    forward, rows, expected = bound.__wrapped__("default", "float64", members)
    assert forward.mean(rows[5:75]).tobytes() == expected[5:75].tobytes()
    np.testing.assert_allclose(expected, bound("default", "float64", members)[2], rtol=1e-12)


def test_no_rows() -> None:
    forward, rows, _ = bound("default", "float64", 7)
    with pytest.raises(NetworkError, match=r"^rows must have at least one row, got none$"):
        forward.mean(rows[:0])
