"""The compiled plan against the tape: two engines that share no code, one answer."""

from collections.abc import Callable

import numpy as np
import pytest

from model.arrays import Array
from model.network.activations.rectifiers import GELU_CUBIC, GELU_LINEAR, SELU_ALPHA, SELU_SCALE
from model.network.activations.registry import ACTIVATIONS
from model.network.autograd.tape import Value
from model.network.network import Network

ROWS, INPUTS, UNITS = 6, 4, 3


def sigmoid(x: Value) -> Value:
    return 1 / (1 + (-x).exp())


def below(x: Value) -> Value:
    """min(x, 0)."""
    return -(-x).relu()


def log_sum_exp(x: Value) -> Value:
    """Over the units, the first axis."""
    return x.exp().sum(axis=0, keepdims=True).log()


ON_TAPE: dict[str, Callable[[Value], Value]] = {
    "linear": lambda x: x,
    "sigmoid": sigmoid,
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "leaky_relu": lambda x: x.relu() + 0.01 * below(x),
    "elu": lambda x: x.relu() + below(x).expm1(),
    "selu": lambda x: SELU_SCALE * (x.relu() + SELU_ALPHA * below(x).expm1()),
    "swish": lambda x: x * sigmoid(x),
    "softplus": lambda x: x.exp().log1p(),
    "gelu": lambda x: 0.5 * x * (1 + (GELU_LINEAR * (x + GELU_CUBIC * x**3)).tanh()),
    "softmax": lambda x: (x - log_sum_exp(x)).exp(),
}
LOSSES: dict[str, Callable[[Value, Array], Value]] = {
    "mean_squared_error": lambda z, y: ((z - y) ** 2).mean(),
    "mean_absolute_error": lambda z, y: abs(z - y).mean(),
    "binary_cross_entropy": lambda z, y: ((1 + z.exp()).log() - z * y).mean(),
    "categorical_cross_entropy": lambda z, y: -((z - log_sum_exp(z)) * y).sum() / ROWS,
}


def both(activation: str, loss: str) -> None:
    """The same two-layer network on either engine: loss and every gradient agree."""
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


def test_every_activation_is_here() -> None:
    assert list(ON_TAPE) == list(ACTIVATIONS)


@pytest.mark.parametrize("activation", ON_TAPE)
def test_activation(activation: str) -> None:
    both(activation, "mean_squared_error")


@pytest.mark.parametrize("loss", LOSSES)
def test_loss(loss: str) -> None:
    both("tanh", loss)


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
def test_where_the_gradient_vanishes(activation: str, x: float, slope: float) -> None:
    """The saturation that the docstrings tell of, on one unit after another with weight 1."""
    value = Value(np.array([[float(x)]]))
    ON_TAPE[activation](value).backward()
    assert value.gradient[0, 0] == pytest.approx(slope, abs=2e-4)
    made = ACTIVATIONS[activation]()
    step = 1e-5
    difference = made.value(np.array([[x + step]])) - made.value(np.array([[x - step]]))
    assert difference / (2 * step) == pytest.approx(slope, abs=2e-4)
