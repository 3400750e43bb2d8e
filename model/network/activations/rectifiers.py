"""ReLU and its kin: about x far above 0, bounded below. x is the input, y the output.

dy stands for ∂J/∂y. All but GELU take their derivative from y and what forward left beside it, so
they may overwrite x.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from model.arrays import Array
from model.network.activations.activation import NUMBERS, Activation, sigmoid, softplus
from model.network.graph import Calls, Workspace
from model.network.validation import require_number

# The SELU pair that has mean 0 and variance 1 as its fixed point (Klambauer et al. 2017, §2).
SELU_ALPHA: Final = 1.6732632423543772
SELU_SCALE: Final = 1.0507009873554805

# √(2/π) and the cubic's factor of GELU's tanh form.
GELU_LINEAR: Final = math.sqrt(2 / math.pi)
GELU_CUBIC: Final = 0.044715

SMALL: Final = 256  # numbers


@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(x, 0).  dy/dx = 1 where x > 0, else 0 (also at 0).

    Never saturates above 0; a unit whose x is below 0 on every row has no gradient, and stays dead.
    """

    name = "relu"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        """max(x, 0)."""
        return self.overwrite(x.copy())

    def overwrite(self, x: Array) -> Array:
        """By a clip, for of many numbers it takes a quarter of the time of a scalar's maximum."""
        zero, _, _, infinity = NUMBERS[x.dtype]
        if x.size > SMALL:
            return x.clip(zero, infinity, x)
        np.maximum(x, zero, out=x)
        return x

    def bind(self, at: Workspace) -> Calls:
        """Against an array of zeros, three times as fast as against a scalar."""
        zeros, zero = np.zeros_like(at.y), at.scalar(0)
        above, mask = np.empty(at.y.shape, bool), at.like(at.y)
        return [partial(np.maximum, at.x, zeros, out=at.y)], [
            partial(np.greater, at.y, zero, above),
            partial(np.copyto, mask, above),  # as numbers: products with booleans are slow
            partial(np.multiply, at.dy, mask, at.dx),
        ]


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x where x > 0, else slope · x.  dy/dx = 1 or slope: no unit dies (Maas et al. 2013)."""

    name = "leaky_relu"
    default_initializer = "he_normal"
    slope: float = 0.01

    def __post_init__(self) -> None:
        # Below 0 or above 1 y would no longer tell the sign of x, which backward reads from it.
        require_number("activation leaky_relu: slope", self.slope, 0, 1)

    def value(self, x: Array) -> Array:
        """max(x, slope · x)."""
        return np.asarray(np.maximum(x, x * x.dtype.type(self.slope)))

    def bind(self, at: Workspace) -> Calls:
        """dy/dx = slope + (1 − slope) · [y > 0]."""
        slope, rest = at.scalar(self.slope), at.scalar(1 - self.slope)
        zero, above, scratch = at.scalar(0), np.empty(at.y.shape, bool), at.like(at.y)
        return [
            partial(np.multiply, at.x, slope, scratch),
            partial(np.maximum, at.x, scratch, out=at.y),
        ], [
            partial(np.greater, at.y, zero, above),
            partial(np.copyto, scratch, above),
            partial(np.multiply, scratch, rest, scratch),
            partial(np.add, scratch, slope, scratch),
            partial(np.multiply, at.dy, scratch, at.dx),
        ]


@dataclass(frozen=True)
class ELU(Activation):
    """y = x where x > 0, else α (e^x − 1).  dy/dx = 1, or α e^x = y + α (Clevert et al. 2016).

    Saturates at −α: the gradient vanishes below about −5.
    """

    name = "elu"
    default_initializer = "he_normal"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_number("activation elu: alpha", self.alpha, 0, 1e6)

    def value(self, x: Array) -> Array:
        """x, or α (e^x − 1)."""
        return _exponential_linear(x, self.alpha, 1)

    def bind(self, at: Workspace) -> Calls:
        """With scale 1."""
        return _bind_exponential_linear(at, self.alpha, 1)


@dataclass(frozen=True)
class SELU(Activation):
    """s · ELU with the α and s that keep mean 0 and variance 1 (Klambauer et al. 2017).

    Saturates at −1.758; asks for LeCun's normal weights and alpha-dropout.
    """

    name = "selu"
    default_initializer = "lecun_normal"

    def value(self, x: Array) -> Array:
        """S x, or s α (e^x − 1)."""
        return _exponential_linear(x, SELU_ALPHA, SELU_SCALE)

    def bind(self, at: Workspace) -> Calls:
        """With SELU's own α and s."""
        return _bind_exponential_linear(at, SELU_ALPHA, SELU_SCALE)


def _exponential_linear(x: Array, alpha: float, scale: float) -> Array:
    """By expm1 of min(x, 0): exact near 0, no overflow."""
    number = x.dtype.type
    below = np.expm1(np.minimum(x, 0)) * number(scale * alpha)
    return np.asarray(np.maximum(x, 0) * number(scale) + below)


def _bind_exponential_linear(at: Workspace, alpha: float, scale: float) -> Calls:
    """dy/dx = (below + s α) + s (1 − α) [x > 0], where below = s α (e^min(x, 0) − 1)."""
    zeros, below, mask = np.zeros_like(at.y), at.like(at.y), at.like(at.y)
    low, up, jump = (at.scalar(v) for v in (scale * alpha, scale, scale * (1 - alpha)))
    return [
        partial(np.minimum, at.x, zeros, out=below),
        partial(np.expm1, below, below),
        partial(np.multiply, below, low, below),
        partial(np.maximum, at.x, zeros, out=at.y),
        partial(np.multiply, at.y, up, at.y),
        partial(np.sign, at.y, mask),
        partial(np.add, at.y, below, at.y),
    ], [
        partial(np.multiply, mask, jump, mask),
        partial(np.add, below, low, below),
        partial(np.add, below, mask, below),
        partial(np.multiply, at.dy, below, at.dx),
    ]


@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + eˣ), a smooth max(x, 0), always positive.  dy/dx = σ(x) = 1 − e⁻ʸ.

    Its gradient vanishes far below 0, as σ does.
    """

    name = "softplus"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        """log(1 + eˣ)."""
        return softplus(x)

    def bind(self, at: Workspace) -> Calls:
        """Backward −expm1(−y)."""
        zero, slope = at.scalar(0), at.like(at.y)
        return [partial(np.logaddexp, at.x, zero, at.y)], [
            partial(np.negative, at.y, slope),
            partial(np.expm1, slope, slope),
            partial(np.negative, slope, slope),
            partial(np.multiply, at.dy, slope, at.dx),
        ]


@dataclass(frozen=True)
class Swish(Activation):
    """y = x σ(x).  dy/dx = y + σ(x) (1 − y) (Ramachandran et al. 2017; also called SiLU).

    Like a smooth ReLU: about 1 far above 0, about 0 far below, least −0.28 at x = −1.28.
    """

    name = "swish"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        """X σ(x)."""
        return np.asarray(x * sigmoid(x))

    def bind(self, at: Workspace) -> Calls:
        """Forward leaves σ(x) beside y."""
        half, one, gate, slope = at.scalar(0.5), at.scalar(1), at.like(at.y), at.like(at.y)
        return [
            partial(np.multiply, at.x, half, gate),
            partial(np.tanh, gate, gate),
            partial(np.multiply, gate, half, gate),
            partial(np.add, gate, half, gate),
            partial(np.multiply, at.x, gate, at.y),
        ], [
            partial(np.subtract, one, at.y, slope),
            partial(np.multiply, slope, gate, slope),
            partial(np.add, slope, at.y, slope),
            partial(np.multiply, at.dy, slope, at.dx),
        ]


@dataclass(frozen=True)
class GELU(Activation):
    """y = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³) (Hendrycks and Gimpel 2016, §2).

    dy/dx = ½ (1 + tanh u) + ½ x (1 − tanh² u) √(2/π) (1 + 0.134145 x²). Within 5e-4 of x Φ(x),
    which would need erf; vanishes far below 0.
    """

    name = "gelu"
    in_place = False
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        """½ x (1 + tanh u)."""
        number = x.dtype.type
        u = x * (1 + number(GELU_CUBIC) * x * x) * number(GELU_LINEAR)
        return np.asarray(number(0.5) * x * (1 + np.tanh(u)))

    def bind(self, at: Workspace) -> Calls:
        """Forward leaves ½ (1 + tanh u) = σ(2u) in `gate`: y = x · gate."""
        half, one, two = at.scalar(0.5), at.scalar(1), at.scalar(2)
        cubic, linear = at.scalar(GELU_CUBIC * GELU_LINEAR), at.scalar(GELU_LINEAR)
        cubic3 = at.scalar(3 * GELU_CUBIC * GELU_LINEAR)
        square, gate, slope = at.like(at.y), at.like(at.y), at.like(at.y)
        return [
            partial(np.multiply, at.x, at.x, square),
            partial(np.multiply, square, cubic, gate),
            partial(np.add, gate, linear, gate),
            partial(np.multiply, gate, at.x, gate),
            partial(np.tanh, gate, gate),
            partial(np.multiply, gate, half, gate),
            partial(np.add, gate, half, gate),
            partial(np.multiply, at.x, gate, at.y),
        ], [  # gate + 2 y (1 − gate) du/dx
            partial(np.multiply, square, cubic3, square),
            partial(np.add, square, linear, square),
            partial(np.subtract, one, gate, slope),
            partial(np.multiply, slope, at.y, slope),
            partial(np.multiply, slope, two, slope),
            partial(np.multiply, slope, square, slope),
            partial(np.add, slope, gate, slope),
            partial(np.multiply, at.dy, slope, at.dx),
        ]
