"""The interface of an activation, and the stable functions that activations and losses share."""

import math
from abc import abstractmethod
from typing import ClassVar, Final

import numpy as np

from model.arrays import Array
from model.network.config import Configurable
from model.network.graph import Calls, Workspace

# 0, 1, −1 and ∞ of each dtype: NumPy converts a Python number at every call.
NUMBERS: Final = {
    np.dtype(dtype): tuple(np.array(number, dtype) for number in (0, 1, -1, math.inf))
    for dtype in ("float64", "float32")
}


def sigmoid(z: Array) -> Array:
    """Return σ(z) by the sign of z: no overflow, and small probabilities keep their digits."""
    if z.size == 1:  # one row of one output: a fifth of the time
        number = z.item()
        small = math.exp(-abs(number))
        return np.array((1 if number >= 0 else small) / (1 + small), z.dtype).reshape(z.shape)
    zero, one, minus_one, _ = NUMBERS[z.dtype]
    decay = np.copysign(z, minus_one)
    np.exp(decay, decay)
    total = np.add(decay, one)
    np.putmask(decay, z >= zero, one)
    return np.asarray(np.divide(decay, total, total))


def softmax(z: Array) -> Array:
    """Return e^z / Σ e^z over the units (axis −2), of differences to the largest: no overflow."""
    powers = np.exp(z - z.max(axis=-2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-2, keepdims=True))


def softplus(z: Array) -> Array:
    """Return log(1 + e^z) without overflow."""
    return np.asarray(np.logaddexp(z, z.dtype.type(0)))


class Activation(Configurable):
    """The interface of an activation: y of x, element by element or over the units.

    Attributes:
        in_place: True if y may overwrite x in a plan.
        default_initializer: The name of the initializer that goes with the activation.
    """

    in_place: ClassVar[bool] = True
    default_initializer: ClassVar[str] = "glorot_normal"

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return y as a new array."""

    def overwrite(self, x: Array) -> Array:
        """Return y; it may overwrite x, which no other node reads."""
        return self.value(x)

    @abstractmethod
    def bind(self, ws: Workspace) -> Calls:
        """Return the calls that write y from x, and those that write ∂J/∂x from dy."""
