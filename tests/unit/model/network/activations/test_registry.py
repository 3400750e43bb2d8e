"""Activations: the slopes that their docstrings state."""

from itertools import chain

import numpy as np
import pytest
from support.tape_activations import ON_TAPE

from model.network.activations.registry import ACTIVATIONS
from model.network.autograd.tape import Value
from model.network.buffers import Buffers
from model.network.graph import Workspace


def test_every_activation_has_a_reference() -> None:
    assert list(ON_TAPE) == list(ACTIVATIONS)


@pytest.mark.parametrize(
    ("activation", "x", "slope"),
    [
        ("sigmoid", 0, 0.25),
        ("sigmoid", 6, 0.0025),
        ("tanh", 0, 1),
        ("tanh", 4, 0.0014),
        ("relu", -1, 0),
        ("leaky_relu", -1, 0.01),
        ("elu", -6, 0.0025),
        ("selu", -7, 0.0017),
        ("swish", -9, -0.001),
        ("softplus", -7, 0.0009),
        ("gelu", -5, 0),
    ],
)
def test_slopes_at_zero_and_in_saturation(activation: str, x: float, slope: float) -> None:
    """The saturation that the docstrings state, for one unit with weight 1."""
    value = Value(np.array([[float(x)]]))
    ON_TAPE[activation](value).backward()
    assert value.gradient[0, 0] == pytest.approx(slope, abs=2e-4)
    built = ACTIVATIONS[activation]()
    step = 1e-5
    difference = built.value(np.array([[x + step]])) - built.value(np.array([[x - step]]))
    assert difference / (2 * step) == pytest.approx(slope, abs=2e-4)


@pytest.mark.parametrize("units", [3, 2**17 // 4, 2**17])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_relu_of_small_and_of_large_arrays(units: int, dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((units, 4)).astype(dtype)
    expected = np.where(x > 0, x, 0)
    relu = ACTIVATIONS["relu"]()
    np.testing.assert_array_equal(relu.value(x), expected)
    assert relu.overwrite(x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("rows", range(1, 40))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_relu_has_no_gradient_at_both_zeros(rows: int, dtype: str) -> None:
    """−0 has other bits than +0, which backward must not take for a number above 0."""
    values = np.ones((5, rows), dtype)
    x, dx = values[:-1], np.empty((4, rows), dtype)
    x[:] = [[-0.0], [0.0], [-1.0], [1.0]]
    ws = Workspace((values,), x, np.full_like(dx, 3), (dx,), None, None, None, Buffers())
    for call in chain(*ACTIVATIONS["relu"]().bind(ws)):
        call()
    assert (dx == [[0], [0], [0], [3]]).all()
