"""The compiled plan against the tape: two engines that share no code."""

from collections.abc import Callable

import numpy as np
import pytest
from support.tape_activations import ON_TAPE, log_sum_exp

from model.arrays import Array
from model.network.autograd.tape import Value
from model.network.network import Network

ROWS, INPUTS, UNITS = 6, 4, 3


LOSSES: dict[str, Callable[[Value, Array], Value]] = {
    "mean_squared_error": lambda z, y: ((z - y) ** 2).mean(),
    "mean_absolute_error": lambda z, y: abs(z - y).mean(),
    "binary_cross_entropy": lambda z, y: ((1 + z.exp()).log() - z * y).mean(),
    "categorical_cross_entropy": lambda z, y: -((z - log_sum_exp(z)) * y).sum() / ROWS,
}


def assert_engines_agree(activation: str, loss: str) -> None:
    """Loss and all gradients of a two-layer network agree."""
    generator = np.random.default_rng(4)
    network = Network([{"units": UNITS, "activation": activation}, {"units": 2}], INPUTS, loss)
    theta = generator.standard_normal(network.layout.size)
    rows = generator.standard_normal((ROWS, INPUTS))
    y = generator.dirichlet([1, 1], ROWS)

    ones = np.ones((1, ROWS))
    first, second = (Value(block) for block in network.layout.views(theta))
    hidden = ON_TAPE[activation](first[:, :-1] @ rows.T + first[:, -1:] @ ones)
    z = second[:, :-1] @ hidden + second[:, -1:] @ ones
    expected = LOSSES[loss](z, y.T)
    expected.backward()

    plan = network.compile(theta, ROWS)
    plan.load(rows, network.loss.encode(y, 2, "float64"))
    plan.step()
    assert plan.loss() == pytest.approx(expected.data, rel=1e-12)
    gradients = network.layout.views(plan.gradient)
    assert gradients[0] == pytest.approx(first.gradient, rel=1e-9, abs=1e-12)
    assert gradients[1] == pytest.approx(second.gradient, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("activation", ON_TAPE)
def test_activation(activation: str) -> None:
    assert_engines_agree(activation, "mean_squared_error")


@pytest.mark.parametrize("loss", LOSSES)
def test_loss(loss: str) -> None:
    assert_engines_agree("tanh", loss)
