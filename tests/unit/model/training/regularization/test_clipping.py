"""Gradient clipping: values, norms, members, non-finite numbers and allocations."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError
from model.training.regularization.clipping import clip_by_norm, clip_by_value


def clipped(clip: Any, gradient: Array, limit: float) -> Array:
    gradient = gradient.copy()
    for call in clip(gradient, limit):
        call()
    return gradient


def test_clip_by_value() -> None:
    gradient = np.array([-3.0, -1.0, 0.0, 0.5, math.inf, math.nan])
    expected = [-1.0, -1.0, 0.0, 0.5, 1.0, math.nan]
    np.testing.assert_array_equal(clipped(clip_by_value, gradient, 1), expected)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_clip_by_norm(dtype: str) -> None:
    gradient = np.array([3, -4], dtype)
    found = clipped(clip_by_norm, gradient, 1)
    assert found.dtype == dtype
    assert found == pytest.approx([0.6, -0.8], rel=1e-6)
    assert (clipped(clip_by_norm, gradient, 5.1) == gradient).all()
    assert (clipped(clip_by_norm, np.zeros(2, dtype), 1) == 0).all()


def test_clipped_norm_is_below_the_limit_by_epsilon() -> None:
    found = clipped(clip_by_norm, np.array([3.0, 4.0]), 5)
    assert np.linalg.norm(found) == pytest.approx(5 * 5 / (5 + 1e-6), rel=1e-15)


def test_members_are_clipped_separately() -> None:
    gradient = np.array([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    found = np.linalg.norm(clipped(clip_by_norm, gradient, 1), axis=1)
    assert found == pytest.approx([1, 0.5, 1], rel=1e-6)


def test_non_finite_gradients_stay_visible() -> None:
    for wrong in (math.nan, math.inf):
        with np.errstate(invalid="ignore"):
            found = clipped(clip_by_norm, np.array([1.0, wrong]), 1)
        assert np.isnan(found).any()


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm])
@pytest.mark.parametrize("shape", [(70_000,), (20, 166)])
def test_clipping_allocates_nothing(clip: Any, shape: tuple[int, ...]) -> None:
    gradient = np.ones(shape)
    calls = clip(gradient, 0.5)
    tracemalloc.start()
    for call in calls:
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000, f"{peak} bytes"


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, True, "x"])
def test_limit_must_be_positive_and_finite(limit: Any) -> None:
    for clip in (clip_by_value, clip_by_norm):
        with pytest.raises(NetworkError, match=f"^{clip.__name__}: limit must be a number from 1e"):
            clip(np.zeros(2), limit)
