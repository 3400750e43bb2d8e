"""All activations by name; here those that squash. x is the input, y the output, dy is ∂J/∂y."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from model.arrays import Array
from model.network.activations.activation import Activation, sigmoid, softmax
from model.network.activations.rectifiers import ELU, GELU, SELU, LeakyReLU, ReLU, Softplus, Swish
from model.network.config import by_name
from model.network.graph import Calls, Workspace


@dataclass(frozen=True)
class Linear(Activation):
    """y = x.  dy/dx = 1: never vanishes, but layers of it are one layer."""

    name = "linear"

    def value(self, x: Array) -> Array:
        """X itself."""
        return x

    def bind(self, at: Workspace) -> Calls:
        """Copies, where the plan could not share the buffer."""
        if np.shares_memory(at.x, at.y):
            return [], []
        return [partial(np.copyto, at.y, at.x)], [partial(np.copyto, at.dx, at.dy)]


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ).  dy/dx = y (1 − y): at most ¼, at x = 0.

    Saturates at both ends: below 0.007 where |x| > 5, so deep layers of it stop learning.
    """

    name = "sigmoid"

    def value(self, x: Array) -> Array:
        """σ(x)."""
        return sigmoid(x)

    def bind(self, at: Workspace) -> Calls:
        """By (1 + tanh(x/2)) / 2, the same number in cheaper calls; backward y − y²."""
        half, slope = at.scalar(0.5), at.like(at.y)
        return [
            partial(np.multiply, at.x, half, at.y),
            partial(np.tanh, at.y, at.y),
            partial(np.multiply, at.y, half, at.y),
            partial(np.add, at.y, half, at.y),
        ], [
            partial(np.multiply, at.y, at.y, slope),
            partial(np.subtract, at.y, slope, slope),
            partial(np.multiply, at.dy, slope, at.dx),
        ]


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh x.  dy/dx = 1 − y²: 1 at x = 0, below 0.01 where |x| > 3 (it saturates there)."""

    name = "tanh"

    def value(self, x: Array) -> Array:
        """Tanh x."""
        return np.tanh(x)

    def overwrite(self, x: Array) -> Array:
        """The same in place."""
        return np.tanh(x, x)

    def bind(self, at: Workspace) -> Calls:
        """Backward 1 − y²."""
        one, slope = at.scalar(1), at.like(at.y)
        return [partial(np.tanh, at.x, at.y)], [
            partial(np.multiply, at.y, at.y, slope),
            partial(np.subtract, one, slope, slope),
            partial(np.multiply, at.dy, slope, at.dx),
        ]


@dataclass(frozen=True)
class Softmax(Activation):
    """yᵢ = e^xᵢ / Σ e^xⱼ over the units.  ∂yᵢ/∂xⱼ = yᵢ ([i = j] − yⱼ).

    So ∂J/∂x = y (dy − Σ y dy). Saturates where one unit is far above the rest.
    """

    name = "softmax"

    def value(self, x: Array) -> Array:
        """Shares that add to 1 over the units."""
        return softmax(x)

    def bind(self, at: Workspace) -> Calls:
        """From differences to the largest x."""
        one_unit = np.empty((*at.y.shape[:-2], 1, at.y.shape[-1]), at.y.dtype)
        product = at.like(at.y)
        over_units = {"axis": -2, "out": one_unit, "keepdims": True}
        return [
            partial(np.maximum.reduce, at.x, **over_units),
            partial(np.subtract, at.x, one_unit, at.y),
            partial(np.exp, at.y, at.y),
            partial(np.add.reduce, at.y, **over_units),
            partial(np.divide, at.y, one_unit, at.y),
        ], [
            partial(np.multiply, at.y, at.dy, product),
            partial(np.add.reduce, product, **over_units),
            partial(np.subtract, at.dy, one_unit, product),
            partial(np.multiply, product, at.y, at.dx),
        ]


ACTIVATIONS: Final = by_name(
    (Linear, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, Swish, Softplus, GELU, Softmax)
)
