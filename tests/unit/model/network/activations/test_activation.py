"""The sigmoid: accurate to the last digits, without overflow."""

import numpy as np
import pytest

from model.network.activations.activation import sigmoid

DTYPES = (("float64", 709), ("float32", 88))


@pytest.mark.parametrize(("dtype", "largest"), DTYPES)
def test_sigmoid_keeps_the_digits_of_small_probabilities(dtype: str, largest: int) -> None:
    z = np.linspace(-largest, 40, 20_001).astype(dtype)[:, None]
    exact = 1 / (1 + np.exp(-z.astype(np.longdouble)))
    assert (np.abs(sigmoid(z) - exact) <= 3 * np.finfo(dtype).eps * exact).all()


@pytest.mark.parametrize(("dtype", "largest"), DTYPES)
def test_sigmoid_of_any_number_is_a_positive_probability(dtype: str, largest: int) -> None:
    z = np.array([[-np.inf, -1e30, -largest, 0, 1e30, np.inf]], dtype)
    found = sigmoid(z)
    assert found.dtype == dtype
    assert found[0, :3].tolist() == [found[0, 2]] * 3
    assert found[0, 2] > 0
    assert found[0, 3:].tolist() == [0.5, 1, 1]
    assert np.isnan(sigmoid(np.array([[np.nan]], dtype))).all()
