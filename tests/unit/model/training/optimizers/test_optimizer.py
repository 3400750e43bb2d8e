"""Optimizer.bind: rates per member, multipliers, decay masks, state and allocations."""

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
from support.allocation import allocated_bytes

from model.arrays import Array
from model.errors import NetworkError
from model.network.graph import Call
from model.network.layers import Dense, LayerNormalization
from model.network.network import Network
from model.training.optimizers.registry import OPTIMIZERS, Update, optimizer_from
from model.training.optimizers.state import CHUNK

RATE = 0.01
ALL = sorted(OPTIMIZERS)
DECAYING = ["adamw", "lion"]
FACTORS = np.array([0, 1, 2, 0.5, 0.1, 3, 0])


def make(name: str, **values: Any) -> Any:
    return optimizer_from({"name": name, "learning_rate": RATE, **values})


def apply_gradients(update: Update, gradient: Array, gradients: list[Array]) -> None:
    for each in gradients:
        gradient[...] = each
        for call in update:
            call()


def run(optimizer: Any, theta: Array, gradients: list[Array], **options: Array) -> Array:
    theta, gradient = theta.copy(), np.zeros_like(theta)
    apply_gradients(optimizer.bind(theta, gradient, **options), gradient, gradients)
    return theta


def random_run(*shape: int, steps: int = 20) -> tuple[Array, list[Array]]:
    generator = np.random.default_rng(0)
    theta, *gradients = (generator.standard_normal(shape) for _ in range(steps + 1))
    return theta, gradients


@pytest.mark.parametrize("name", ALL)
def test_members_have_their_own_rates(name: str) -> None:
    theta, gradients = random_run(3, CHUNK // 2, steps=3)
    rates = (0.1, 0.01, 0.5)
    together = run(make(name, learning_rate=list(rates)), theta, gradients)
    for member, rate in enumerate(rates):
        single = run(make(name, learning_rate=rate), theta[member], [g[member] for g in gradients])
        np.testing.assert_allclose(together[member], single, rtol=1e-13, atol=1e-15)
    with pytest.raises(NetworkError, match=r"2 learning rates do not fit θ of shape \(3, 5\)"):
        make(name, learning_rate=[0.1, 0.01]).bind(np.zeros((3, 5)), np.zeros((3, 5)))


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
@pytest.mark.parametrize("name", ALL)
def test_multipliers_scale_the_rate_of_each_parameter(name: str, shape: tuple[int, ...]) -> None:
    theta, gradients = random_run(*shape)
    found = run(make(name), theta, gradients, multipliers=FACTORS)
    for index, factor in enumerate(FACTORS):
        expected = theta
        if factor:
            expected = run(make(name, learning_rate=RATE * factor), theta, gradients)
        np.testing.assert_allclose(found[..., index], expected[..., index], rtol=1e-12)


@pytest.mark.parametrize("name", DECAYING)
def test_mask_restricts_decay_to_weights(name: str) -> None:
    layers = [Dense(4, "relu"), LayerNormalization(), Dense(1)]
    weights = Network(layers, inputs=3).layout.weights_mask()
    assert weights.sum() == 4 * 3 + 4
    assert weights.tolist() == 4 * [True, True, True, False] + 8 * [False] + 4 * [True] + [False]
    theta, gradients = random_run(2, len(weights))
    zeros = [np.zeros_like(theta)] * 10
    found = run(make(name, weight_decay=0.5), theta, zeros, decay=weights)
    assert (found[:, ~weights] == theta[:, ~weights]).all()
    np.testing.assert_allclose(found[:, weights], theta[:, weights] * (1 - RATE * 0.5) ** 10)
    everywhere = run(make(name, weight_decay=0.5), theta, gradients)
    masked = run(make(name, weight_decay=0.5), theta, gradients, decay=np.ones(len(weights)))
    np.testing.assert_allclose(masked, everywhere, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(ALL) - set(DECAYING)))
def test_mask_has_no_effect_without_decoupled_decay(name: str) -> None:
    theta, gradients = random_run(5)
    masked = run(make(name), theta, gradients, decay=np.ones(5))
    assert (masked == run(make(name), theta, gradients)).all()


@pytest.mark.parametrize("rates", [RATE, [RATE, 0.1]])
@pytest.mark.parametrize("name", ALL)
def test_resumed_run_is_identical_bit_for_bit(name: str, rates: Any) -> None:
    theta, gradients = random_run(2, 9)
    gradient = np.zeros_like(theta)
    update = make(name, learning_rate=rates).bind(theta, gradient)
    apply_gradients(update, gradient, gradients[:7])
    update.rate[...] *= 0.5
    if update.momentum is not None:
        update.momentum[...] = 0.7
    apply_gradients(update, gradient, gradients[7:12])
    saved, resumed = copy.deepcopy(update.state), theta.copy()
    apply_gradients(update, gradient, gradients[12:])

    again_gradient = np.zeros_like(theta)
    again = make(name, learning_rate=rates).bind(resumed, again_gradient)
    assert set(saved) == set(again.state)
    for key, value in saved.items():
        again.state[key][...] = value
    apply_gradients(again, again_gradient, gradients[12:])
    assert (resumed == theta).all()
    assert all((again.state[key] == value).all() for key, value in update.state.items())
    if "step" in saved:
        assert (saved["step"].shape, saved["step"].dtype, int(saved["step"])) == ((), np.int64, 12)


def test_state_contains_rate_momentum_and_step_count() -> None:
    theta = np.zeros((2, 3))
    for name in ALL:
        update = make(name, learning_rate=[0.1, 0.2]).bind(theta, np.zeros_like(theta))
        assert update.rate.shape == (2, 1)
        assert update.state["rate"] is update.rate
        assert (update.momentum is None) == (name in ("gradient_descent", "adagrad", "rmsprop"))
        assert update.state.get("momentum") is update.momentum
        assert ("step" in update.state) == name.startswith(("adam", "nadam"))
        assert list(update) == update.calls


def call_all(calls: list[Call]) -> None:
    for call in calls:
        call()


@pytest.mark.parametrize("shape", [(70_000,), (3, 30_000), (20, 166)])
@pytest.mark.parametrize("name", ALL)
def test_update_allocates_nothing(name: str, shape: tuple[int, ...]) -> None:
    theta, gradients = random_run(*shape, steps=1)
    options = {"multipliers": np.ones(shape[-1]), "decay": np.ones(shape[-1])}
    for arguments in ({}, options):
        rates = [RATE] * shape[0] if len(shape) > 1 else RATE
        update = make(name, learning_rate=rates).bind(theta, gradients[0], **arguments)
        apply_gradients(update, gradients[0], [gradients[0]])
        assert allocated_bytes(partial(call_all, update)) < 2000
