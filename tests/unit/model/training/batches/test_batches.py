"""Batches: every row once per epoch, gradients that add up, weights, batch size "auto"."""

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.allocation import allocated_bytes

from model.arrays import Array
from model.errors import NetworkError
from model.network.layers import Conv1D, Dense, Dropout, Flatten, Residual
from model.network.network import Network
from model.training.batches.batches import Batches, largest_batch
from model.training.batches.rows import EncodedRows, Rows
from model.training.config import Training
from model.training.fitting.evaluator import Evaluator

NETWORK = Network([Dense(6, "tanh"), Dense(1)], inputs=3)
THETA = NETWORK.initial_parameters(np.random.default_rng(0))


def rows(count: int = 50, weights: Array | None = None) -> Rows:
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((count, 3))
    return Rows(inputs, generator.integers(0, 2, count), weights)


def training(batch_size: int | str, **more: Any) -> Training:
    return Training(optimizer="adam", epochs=1, batch_size=batch_size, **more)


def batches_of(theta: Array, table: Rows, how: Training) -> Batches:
    members = len(theta) if theta.ndim > 1 else None
    return Batches(NETWORK, theta, EncodedRows(NETWORK, table, members), how)


def gradients(batches: Batches, epoch: int = 0) -> list[Array]:
    order, found = batches.order(epoch), []
    for number in range(batches.count):
        batches.step(order, number)
        found.append(batches.gradient.copy())
    return found


def full_gradient(theta: Array, table: Rows, weights: Array | None = None) -> Array:
    """Return the gradient of the mean loss, from one plan over all rows."""
    count = len(np.asarray(table.inputs))
    plan = NETWORK.compile(theta, count, weighted=weights is not None)
    targets = NETWORK.loss.encode(table.targets, 1, "float64")
    shares = None if weights is None else weights / weights.sum(axis=-1, keepdims=True)
    plan.load(np.asarray(table.inputs), targets, shares)
    plan.step()
    return plan.gradient


@pytest.mark.parametrize("size", [1, 7, 25, 49, 50, 51, 500])
def test_every_row_occurs_once_per_epoch(size: int) -> None:
    batches = batches_of(THETA, rows(), training(size))
    assert batches.count == -(-50 // min(size, 50))
    if size < 50:
        orders = [batches.order(epoch).tolist() for epoch in range(3)]
        assert all(sorted(order) == list(range(50)) for order in orders)
        assert orders[0] != orders[1] != orders[2]
        again = batches_of(THETA, rows(), training(size))
        assert again.order(2).tolist() == orders[2]
        other = batches_of(THETA, rows(), training(size, seed=1))
        assert other.order(2).tolist() != orders[2]


def test_order_depends_on_seed_and_epoch_only() -> None:
    """Batch size, θ and earlier noise do not matter."""
    plain = batches_of(THETA, rows(), training(7))
    other = batches_of(2 * THETA, rows(), training(16, augmentation=["mixup"]))
    gradients(other)
    for epoch in (3, 0, 10**9):
        assert (plain.order(epoch) == other.order(epoch)).all()


def test_batches_follow_the_order() -> None:
    batches, table = batches_of(THETA, rows(), training(1)), rows()
    inputs, targets = np.asarray(table.inputs), np.asarray(table.targets)
    for index, found in zip(batches.order(4), gradients(batches, 4), strict=True):
        expected = full_gradient(THETA, Rows(inputs[[index]], targets[[index]]))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@given(st.integers(1, 40), st.integers(1, 45))
def test_gradients_add_up_for_any_rows_and_batch_size(count: int, size: int) -> None:
    batches = batches_of(THETA, rows(count), training(size))
    found = gradients(batches)
    sizes = [min(size, count - start) for start in range(0, count, size)]
    assert batches.count == len(sizes)
    total = sum(each * gradient for each, gradient in zip(sizes, found, strict=True)) / count
    np.testing.assert_allclose(total, full_gradient(THETA, rows(count)), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("size", [50, 51, "full"])
def test_full_batch_equals_a_plan_over_all_rows(size: int | str) -> None:
    (found,) = gradients(batches_of(THETA, rows(), training(size)))
    assert (found == full_gradient(THETA, rows())).all()


@pytest.mark.parametrize("size", [1, 7, 25, "full", "auto"])
def test_gradients_of_an_epoch_add_up(size: int | str) -> None:
    batches = batches_of(THETA, rows(), training(size))
    found = gradients(batches)
    sizes = [batches.size] * (batches.count - 1) + [50 - batches.size * (batches.count - 1)]
    total = sum(count * each for count, each in zip(sizes, found, strict=True)) / 50
    np.testing.assert_allclose(total, full_gradient(THETA, rows()), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("size", [7, "full"])
@pytest.mark.parametrize("members", [0, 3])
def test_weighted_gradients_of_an_epoch_add_up(size: int | str, members: int) -> None:
    lead = (members,) if members else ()
    weights = np.random.default_rng(2).uniform(0, 5, (*lead, 50))
    theta = np.stack([THETA * (k + 1) for k in range(members)]) if members else THETA
    batches = batches_of(theta, rows(weights=weights), training(size))
    found = gradients(batches)
    sizes = [batches.size] * (batches.count - 1) + [50 - batches.size * (batches.count - 1)]
    total = sum(count * each for count, each in zip(sizes, found, strict=True)) / 50
    expected = full_gradient(theta, rows(), weights)
    np.testing.assert_allclose(total, expected, rtol=1e-11, atol=1e-14)


def test_members_share_weights_of_shape_n() -> None:
    theta, weights = np.stack([THETA, 2 * THETA]), np.arange(50.0)
    batches = batches_of(theta, rows(weights=weights), training(16))
    together = gradients(batches)
    for member in range(2):
        single = gradients(batches_of(theta[member], rows(weights=weights), training(16)))
        for both, one in zip(together, single, strict=True):
            np.testing.assert_allclose(both[member], one, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("size", [7, "full"])
def test_scale_of_the_weights_does_not_matter(size: int | str) -> None:
    weights = np.random.default_rng(3).uniform(0, 2, 50)
    found = gradients(batches_of(THETA, rows(weights=weights), training(size)))
    scaled = gradients(batches_of(THETA, rows(weights=1e6 * weights), training(size)))
    np.testing.assert_allclose(scaled, found, rtol=1e-11, atol=1e-14)


def test_row_of_weight_zero_has_no_effect() -> None:
    table, weights = rows(), (np.arange(50) < 30).astype(float)
    (found,) = gradients(batches_of(THETA, rows(weights=weights), training("full")))
    first = Rows(np.asarray(table.inputs)[:30], np.asarray(table.targets)[:30])
    np.testing.assert_allclose(found, full_gradient(THETA, first), rtol=1e-11, atol=1e-14)


def test_member_with_zero_weights_only_is_rejected() -> None:
    weights = np.stack([np.ones(50), np.zeros(50)])
    with pytest.raises(NetworkError, match="weights must be finite, at least 0, and not all 0"):
        batches_of(np.stack([THETA, THETA]), rows(weights=weights), training(8))


def test_evaluation_samples_rows_with_weight() -> None:
    weights = (np.arange(10_000) == 0).astype(float)
    table = EncodedRows(NETWORK, rows(10_000, weights))
    loss, _ = Evaluator(NETWORK, table, max_rows=4096).evaluate(THETA)
    assert np.isfinite(loss)


def test_step_allocates_nothing() -> None:
    theta, weights = np.stack([THETA, 2 * THETA]), np.ones((2, 4000))
    batches = batches_of(theta, rows(4000, weights), training(1500))
    order = batches.order(0)
    assert allocated_bytes(lambda: batches.step(order, 0)) < 4000


def test_full_batch_is_augmented() -> None:
    settings = training("full", augmentation=[{"name": "jitter", "standard_deviation": 0.1}])
    first, second = (gradients(batches_of(THETA, rows(), settings))[0] for _ in range(2))
    plain = gradients(batches_of(THETA, rows(), training("full")))[0]
    assert (first == second).all()
    assert (first != plain).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(49), r"weights must have shape \(50,\), got \(49,\)"),
        (np.zeros(50), "weights must be finite, at least 0, and not all 0"),
        (-np.ones(50), "weights must be finite, at least 0, and not all 0"),
        (np.full(50, np.nan), "weights must be finite"),
        (np.ones((2, 50)), r"weights must have shape \(50,\), got \(2, 50\)"),
        (np.where(np.arange(50) == 49, -1e-9, 1), "weights must be finite, at least 0"),
        (np.where(np.arange(50) == 49, np.inf, 1), "weights must be finite"),
    ],
)
def test_invalid_weights_are_rejected(weights: Array, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        batches_of(THETA, rows(weights=weights), training(8))


def test_text_weights_are_rejected() -> None:
    with pytest.raises(NetworkError, match="weights must be"):
        batches_of(THETA, rows(weights=np.array(["heavy"] * 50)), training(8))


def test_numbers_of_targets_and_rows_must_be_equal() -> None:
    short = Rows(np.zeros((5, 3)), np.zeros(4))
    with pytest.raises(NetworkError, match="must be as many as the rows, 4 ≠ 5"):
        batches_of(THETA, short, training(8))


# The batch size "auto"


def test_auto_is_the_largest_power_of_two_that_fits_the_budget() -> None:
    network = Network([Residual([Dense(40, "tanh"), Dense(40, "relu")]), Dense(1)], inputs=30)
    theta = network.initial_parameters(np.random.default_rng(0))
    assert largest_batch(network, theta, 2**28) == 512
    for budget in (100_000, 250_000, 400_000):
        size = largest_batch(network, theta, budget)
        assert size in {2**k for k in range(9)}
        assert network.compile(theta, size, gathers=True).nbytes <= budget
        assert network.compile(theta, 2 * size, gathers=True).nbytes > budget
    with pytest.raises(NetworkError, match=r"memory_budget must hold one row's \d+ bytes, got 100"):
        largest_batch(network, theta, 100)


def test_auto_is_at_most_the_number_of_rows() -> None:
    assert batches_of(THETA, rows(), training("auto")).size == 50
    tight = training("auto", memory_budget=10_000)
    assert 1 <= batches_of(THETA, rows(), tight).size < 50


LARGE = Network([Residual([Dense(40, "tanh"), Dense(40, "relu")]), Dense(1)], inputs=30)
NOISY = Network([Dense(50, "relu"), Dropout(0.5), Dense(50, "relu"), Dropout(0.5), Dense(1)], 40)
SIGNALS = Network([Conv1D(8, 5, 1, "relu"), Flatten(), Dense(2)], 60, "mean_squared_error")


def test_auto_grows_with_the_budget() -> None:
    theta = np.ones(LARGE.layout.size)
    sizes = [largest_batch(LARGE, theta, budget) for budget in range(60_000, 900_000, 40_000)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 16 < 64 < sizes[-1]


@pytest.mark.parametrize("members", [0, 3])
@pytest.mark.parametrize("network", [LARGE, SIGNALS, NOISY])
def test_auto_estimates_the_memory_of_a_plan(network: Network, members: int) -> None:
    """The estimate is within 10 %, including the buffers of dropout."""
    theta = np.ones((members, network.layout.size) if members else network.layout.size)
    tracemalloc.start()
    plan = network.compile(theta, 256, gathers=True, generator=np.random.default_rng(0))
    real = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not plan.gradient.any()
    assert largest_batch(network, theta, int(real * 1.1)) >= 256
    assert largest_batch(network, theta, int(real / 1.1)) < 256


def test_auto_is_reproducible() -> None:
    program = """
import numpy as np
from model.network.layers import Dense
from model.network.network import Network
from model.training.batches.batches import largest_batch
network = Network([Dense(6, "tanh"), Dense(1)], inputs=3)
theta = network.initial_parameters(np.random.default_rng(0))
print(*(largest_batch(network, theta, 20_000) for _ in range(3)))
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert len(set(run.stdout.split())) == 1, run.stdout
