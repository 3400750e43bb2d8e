"""Registry of all activations, and those that saturate at both ends or are linear.

x is the input, y the output, dy is ∂J/∂y.
"""

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
    """y = x.  dy/dx = 1: never vanishes, but several linear layers are one linear layer."""

    name = "linear"

    def value(self, x: Array) -> Array:
        return x

    def bind(self, ws: Workspace) -> Calls:
        """Copy, except where the plan shares the buffer."""
        if np.shares_memory(ws.x, ws.y):
            return [], []
        return [partial(np.copyto, ws.y, ws.x)], [partial(np.copyto, ws.dx, ws.dy)]


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ).  dy/dx = y (1 − y): at most ¼, at x = 0.

    Saturates at both ends: dy/dx is below 0.007 where |x| > 5, so a deep stack of such layers stops
    learning.
    """

    name = "sigmoid"

    def value(self, x: Array) -> Array:
        return sigmoid(x)

    def bind(self, ws: Workspace) -> Calls:
        """Forward (1 + tanh(x/2)) / 2, which equals σ(x) and is cheaper; backward y − y²."""
        half, slope = ws.scalar(0.5), ws.scratch_like(ws.y)
        return [
            partial(np.multiply, ws.x, half, ws.y),
            partial(np.tanh, ws.y, ws.y),
            partial(np.multiply, ws.y, half, ws.y),
            partial(np.add, ws.y, half, ws.y),
        ], [
            partial(np.multiply, ws.y, ws.y, slope),
            partial(np.subtract, ws.y, slope, slope),
            partial(np.multiply, ws.dy, slope, ws.dx),
        ]


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh x.  dy/dx = 1 − y²: 1 at x = 0, below 0.01 where |x| > 3 (saturation)."""

    name = "tanh"

    def value(self, x: Array) -> Array:
        return np.tanh(x)

    def overwrite(self, x: Array) -> Array:
        return np.tanh(x, x)

    def bind(self, ws: Workspace) -> Calls:
        """Forward tanh x; backward 1 − y²."""
        one, slope = ws.scalar(1), ws.scratch_like(ws.y)
        return [partial(np.tanh, ws.x, ws.y)], [
            partial(np.multiply, ws.y, ws.y, slope),
            partial(np.subtract, one, slope, slope),
            partial(np.multiply, ws.dy, slope, ws.dx),
        ]


@dataclass(frozen=True)
class Softmax(Activation):
    """yᵢ = e^xᵢ / Σ e^xⱼ over the units.  ∂yᵢ/∂xⱼ = yᵢ ([i = j] − yⱼ).

    So ∂J/∂x = y (dy − Σ y dy). Saturates where one unit is far above the others.
    """

    name = "softmax"

    def value(self, x: Array) -> Array:
        return softmax(x)

    def bind(self, ws: Workspace) -> Calls:
        """Compute from differences to the largest x."""
        one_unit = ws.scratch((*ws.y.shape[:-2], 1, ws.y.shape[-1]))
        product = ws.scratch_like(ws.y)
        over_units = {"axis": -2, "out": one_unit, "keepdims": True}
        return [
            partial(np.maximum.reduce, ws.x, **over_units),
            partial(np.subtract, ws.x, one_unit, ws.y),
            partial(np.exp, ws.y, ws.y),
            partial(np.add.reduce, ws.y, **over_units),
            partial(np.divide, ws.y, one_unit, ws.y),
        ], [
            partial(np.multiply, ws.y, ws.dy, product),
            partial(np.add.reduce, product, **over_units),
            partial(np.subtract, ws.dy, one_unit, product),
            partial(np.multiply, product, ws.y, ws.dx),
        ]


ACTIVATIONS: Final = by_name(
    (Linear, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, Swish, Softplus, GELU, Softmax)
)
