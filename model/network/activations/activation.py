"""The interface of an activation, and the stable functions that activations and losses share."""

from abc import abstractmethod
from typing import ClassVar, Final

import numpy as np

from model.arrays import Array
from model.network.config import Configurable
from model.network.graph import Calls, Workspace

# 1, and the largest integer with a finite exponential: NumPy converts a Python number each time.
_ONE_AND_LARGEST: Final = {
    np.dtype(dtype): (np.array(1, dtype), np.array(largest, dtype))
    for dtype, largest in (("float64", 709), ("float32", 88))
}


def sigmoid(z: Array) -> Array:
    """Return σ(z) = 1 / (1 + e⁻ᶻ).

    Small probabilities keep their digits, down to e⁻⁷⁰⁹ in float64 and e⁻⁸⁸ in float32, which also
    stand for smaller ones: e⁻ᶻ does not overflow.
    """
    one, largest = _ONE_AND_LARGEST[z.dtype]
    powers = np.negative(z)
    np.minimum(powers, largest, out=powers)
    np.exp(powers, powers)
    np.add(powers, one, powers)
    return np.asarray(np.divide(one, powers, powers))


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
