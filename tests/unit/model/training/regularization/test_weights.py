"""Max-norm constraints and the moving average of the weights."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.allocation import allocated_bytes

from model.arrays import Array
from model.network.layers import Conv1D, Dense, Flatten, LayerNormalization, Maxout
from model.network.network import Network
from model.training.regularization.weights import Average, bound_norms

LAYERS: list[Any] = [Conv1D(3, 2, 1, "tanh"), Flatten(), LayerNormalization(), Maxout(4), Dense(2)]
NETWORK = Network(LAYERS, inputs=6, loss="mean_squared_error")
WEIGHTS = NETWORK.layout.weights_mask()


def random_theta(*lead: int, dtype: str = "float64") -> Array:
    shape = (*lead, NETWORK.layout.size)
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_norms_are_bounded(lead: tuple[int, ...], dtype: str) -> None:
    theta = random_theta(*lead, dtype=dtype)
    theta[..., :3] = 0  # a unit whose weights are all 0 stays so
    before = theta.copy()
    with np.errstate(all="ignore"):
        for call in bound_norms(theta, NETWORK.layout, 1.2):
            call()
    assert np.isfinite(theta).all()
    assert (theta[..., ~WEIGHTS] == before[..., ~WEIGHTS]).all()
    scaled = 0
    views = (NETWORK.layout.views(each) for each in (before, theta))
    for block, was, now in zip(NETWORK.layout.blocks, *views, strict=True):
        if not block.penalized:
            assert (was == now).all()
            continue
        norms = np.linalg.norm(was[..., :-1], axis=-1)
        within = norms < 1.2
        assert (now[within] == was[within]).all()
        factors = np.where(within, 1, 1.2 / np.maximum(norms, 1e-30))
        np.testing.assert_allclose(now[..., :-1], was[..., :-1] * factors[..., None], rtol=1e-5)
        scaled += int((~within).sum())
    assert scaled


def test_average_starts_at_the_first_weights() -> None:
    theta = random_theta()
    average, expected = Average(theta, 0.8), None
    assert (average.theta == theta).all()
    for step in range(5):
        theta += step + 1
        average()
        expected = theta.copy() if expected is None else 0.8 * expected + 0.2 * theta
        np.testing.assert_allclose(average.theta, expected, rtol=1e-12)
    assert average.updates == 5


ROW = Network([Dense(1)], inputs=4, loss="mean_squared_error")


@given(
    arrays(np.float64, 5, elements=st.floats(-1e150, 1e150)),
    st.floats(1e-9, 1e9),
)
def test_norms_of_arbitrary_weights_are_bounded(theta: Array, limit: float) -> None:
    before = theta.copy()
    with np.errstate(all="ignore"):
        for call in bound_norms(theta, ROW.layout, limit):
            call()
    assert theta[4] == before[4]
    largest = np.abs(before[:4]).max()
    norm = float(largest * np.linalg.norm(before[:4] / largest)) if largest else 0.0
    if norm < limit * (1 - 1e-12):
        assert (theta == before).all()
    else:
        np.testing.assert_allclose(theta[:4], before[:4] / norm * limit, rtol=1e-9, atol=1e-300)
        assert np.linalg.norm(theta[:4]) <= limit * (1 + 1e-12)


@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e20), ("float64", 1e160)])
def test_norms_of_huge_weights_are_bounded(dtype: str, huge: float) -> None:
    theta = np.full(5, huge, dtype)
    with np.errstate(all="ignore"):
        for call in bound_norms(theta, ROW.layout, 1.0):
            call()
    assert theta[:4] == pytest.approx([0.5] * 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_non_finite_weights_stay_non_finite(bad: float) -> None:
    """The training then detects the divergence."""
    theta = np.array([1.0, bad, 1.0, 1.0, 1.0])
    with np.errstate(all="ignore"):
        for call in bound_norms(theta, ROW.layout, 1.0):
            call()
    assert not np.isfinite(theta).all()


def test_members_are_averaged_separately() -> None:
    theta, generator = random_theta(3, dtype="float32"), np.random.default_rng(2)
    alone = [each.copy() for each in theta]
    together, apart = Average(theta, 0.7), [Average(each, 0.7) for each in alone]
    for _ in range(4):
        move = generator.standard_normal(theta.shape).astype("float32")
        theta += move
        before = theta.copy()
        together()
        assert (theta == before).all()
        for member, each in enumerate(alone):
            each += move[member]
            apart[member]()
            assert (together.theta[member] == apart[member].theta).all()
    assert together.theta.dtype == np.float32


def test_average_with_decay_0_equals_the_weights() -> None:
    theta = random_theta()
    average = Average(theta, 0.0)
    for _ in range(3):
        theta *= 1.5
        average()
        np.testing.assert_allclose(average.theta, theta, rtol=1e-14)


def test_average_allocates_nothing() -> None:
    assert allocated_bytes(Average(np.ones((3, 70_000)), 0.9)) < 4000


@pytest.mark.parametrize("lead", [(), (3,)])
def test_bound_norms_allocates_at_most_the_buffers_of_numpy(lead: tuple[int, ...]) -> None:
    network = Network([Dense(300, "relu"), Dense(2)], 200, "mean_squared_error")
    theta = np.ones((*lead, network.layout.size))
    calls = bound_norms(theta, network.layout, 1.0)
    peak = allocated_bytes(lambda: [call() for call in calls])
    assert peak < 3 * 8 * np.getbufsize() + 4000, f"{peak} bytes"
