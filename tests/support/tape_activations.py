"""Every activation in plain formulas on the tape, as a reference."""

from collections.abc import Callable

from model.network.activations.rectifiers import GELU_CUBIC, GELU_LINEAR, SELU_ALPHA, SELU_SCALE
from model.network.autograd.tape import Value


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
