"""Batches: every row once an epoch, and gradients that add up to the whole table's."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from model.arrays import Array
from model.errors import NetworkError
from model.network.layers import Dense, Residual
from model.network.network import Network
from model.training.batches import Batches, Rows, largest_batch
from model.training.training import Training

NETWORK = Network([Dense(6, "tanh"), Dense(1)], inputs=3)
THETA = NETWORK.initial_parameters(np.random.default_rng(0))


def rows(count: int = 50, weights: Array | None = None) -> Rows:
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((count, 3))
    return Rows(inputs, generator.integers(0, 2, count), weights)


def training(batch_size: int | str, **more: Any) -> Training:
    return Training(optimizer="adam", epochs=1, batch_size=batch_size, **more)


def gradients(batches: Batches, epoch: int = 0) -> list[Array]:
    order, found = batches.order(epoch), []
    for number in range(batches.count):
        batches.step(order, number)
        found.append(batches.gradient.copy())
    return found


def whole_gradient(theta: Array, of: Rows, weights: Array | None = None) -> Array:
    """That of the mean loss, by one plan over all rows."""
    count = len(np.asarray(of.inputs))
    plan = NETWORK.compile(theta, count, weighted=weights is not None)
    targets = NETWORK.loss.encode(of.targets, 1, "float64")
    shares = None if weights is None else weights / weights.sum(axis=-1, keepdims=True)
    plan.load(np.asarray(of.inputs), targets, shares)
    plan.step()
    return plan.gradient


@pytest.mark.parametrize("size", [1, 7, 25, 49, 50, 51, 500])
def test_every_row_comes_once_an_epoch(size: int) -> None:
    batches = Batches(NETWORK, THETA, rows(), training(size))
    assert batches.count == -(-50 // min(size, 50))
    if size < 50:
        orders = [batches.order(epoch).tolist() for epoch in range(3)]
        assert all(sorted(order) == list(range(50)) for order in orders)
        assert orders[0] != orders[1] != orders[2]
        again = Batches(NETWORK, THETA, rows(), training(size))
        assert again.order(2).tolist() == orders[2]
        other = Batches(NETWORK, THETA, rows(), training(size, seed=1))
        assert other.order(2).tolist() != orders[2]


@pytest.mark.parametrize("size", [1, 7, 25, "full", "auto"])
def test_gradients_of_an_epoch_add_up(size: int | str) -> None:
    batches = Batches(NETWORK, THETA, rows(), training(size))
    found = gradients(batches)
    sizes = [batches.size] * (batches.count - 1) + [50 - batches.size * (batches.count - 1)]
    total = sum(count * each for count, each in zip(sizes, found, strict=True)) / 50
    np.testing.assert_allclose(total, whole_gradient(THETA, rows()), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("size", [7, "full"])
@pytest.mark.parametrize("members", [0, 3])
def test_weighted_gradients_of_an_epoch_add_up(size: int | str, members: int) -> None:
    lead = (members,) if members else ()
    weights = np.random.default_rng(2).uniform(0, 5, (*lead, 50))
    theta = np.stack([THETA * (k + 1) for k in range(members)]) if members else THETA
    batches = Batches(NETWORK, theta, rows(weights=weights), training(size))
    found = gradients(batches)
    sizes = [batches.size] * (batches.count - 1) + [50 - batches.size * (batches.count - 1)]
    total = sum(count * each for count, each in zip(sizes, found, strict=True)) / 50
    expected = whole_gradient(theta, rows(), weights)
    np.testing.assert_allclose(total, expected, rtol=1e-11, atol=1e-14)


def test_members_share_weights_that_are_not_their_own() -> None:
    theta, weights = np.stack([THETA, 2 * THETA]), np.arange(50.0)
    batches = Batches(NETWORK, theta, rows(weights=weights), training(16))
    together = gradients(batches)
    for member in range(2):
        alone = gradients(Batches(NETWORK, theta[member], rows(weights=weights), training(16)))
        for both, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(both[member], one, rtol=1e-12, atol=1e-15)


def test_augmentation_reaches_the_whole_table_too() -> None:
    how = training("full", augmentation=[{"name": "jitter", "standard_deviation": 0.1}])
    first, second = (gradients(Batches(NETWORK, THETA, rows(), how))[0] for _ in range(2))
    plain = gradients(Batches(NETWORK, THETA, rows(), training("full")))[0]
    assert (first == second).all()
    assert (first != plain).all()


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (np.ones(49), r"weights must have shape \(50,\), got \(49,\)"),
        (np.zeros(50), "weights must be finite, at least 0, and not all 0"),
        (-np.ones(50), "weights must be finite, at least 0, and not all 0"),
        (np.full(50, np.nan), "weights must be finite"),
        (np.ones((2, 50)), r"weights must have shape \(50,\), got \(2, 50\)"),
    ],
)
def test_wrong_weights(weights: Array, why: str) -> None:
    with pytest.raises(NetworkError, match=why):
        Batches(NETWORK, THETA, rows(weights=weights), training(8))


def test_targets_must_be_as_many_as_rows() -> None:
    short = Rows(np.zeros((5, 3)), np.zeros(4))
    with pytest.raises(NetworkError, match="must be as many as the rows, 4 ≠ 5"):
        Batches(NETWORK, THETA, short, training(8))


# The batch size "auto"


def taken(network: Network, theta: Array, size: int) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        plan = network.compile(theta, size, gathers=True)
        return tracemalloc.get_traced_memory()[0] - before + 0 * len(plan.forward)
    finally:
        tracemalloc.stop()


def test_auto_is_the_largest_power_of_two_that_fits() -> None:
    network = Network([Residual([Dense(40, "tanh"), Dense(40, "relu")]), Dense(1)], inputs=30)
    theta = network.initial_parameters(np.random.default_rng(0))
    assert largest_batch(network, theta, 2**28) == 512
    for budget in (100_000, 250_000, 400_000):
        size = largest_batch(network, theta, budget)
        assert size in {2**k for k in range(9)}
        assert taken(network, theta, size) < budget * 1.02
        assert taken(network, theta, 2 * size) > budget * 0.98
    with pytest.raises(NetworkError, match=r"memory_budget must hold one row's \d+ bytes, got 100"):
        largest_batch(network, theta, 100)


def test_auto_is_no_more_than_the_rows() -> None:
    assert Batches(NETWORK, THETA, rows(), training("auto")).size == 50
    tight = training("auto", memory_budget=10_000)
    assert 1 <= Batches(NETWORK, THETA, rows(), tight).size < 50
