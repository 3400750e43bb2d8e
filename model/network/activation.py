"""What an activation is, and the stable functions that activations and losses share."""

from typing import ClassVar

import numpy as np

from model.arrays import Array
from model.network.description import Described
from model.network.graph import Calls, Workspace


def sigmoid(z: Array) -> Array:
    """σ(z) by the sign of z: e never overflows, small probabilities keep their digits."""
    decay = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, decay) / (1 + decay))


def softmax(z: Array) -> Array:
    """e^z / Σ e^z over the units (axis −2), from differences to the largest: no overflow."""
    powers = np.exp(z - z.max(axis=-2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-2, keepdims=True))


def softplus(z: Array) -> Array:
    """log(1 + e^z) without overflow."""
    return np.asarray(np.logaddexp(z, z.dtype.type(0)))


class Activation(Described):
    """What a plan may do with an activation."""

    in_place: ClassVar[bool] = True
    default_initializer: ClassVar[str] = "glorot_normal"

    def value(self, x: Array) -> Array:
        """y from x, a new array."""
        raise NotImplementedError

    def bind(self, at: Workspace) -> Calls:
        """The calls that write y from x, and those that write ∂J/∂x from dy."""
        raise NotImplementedError
