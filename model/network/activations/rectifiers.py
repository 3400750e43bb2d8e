"""ReLU and its variants: about x far above 0, bounded below.

x is the input, y the output, dy is ∂J/∂y. All but GELU compute the derivative from y and from
scratch arrays that forward fills, so they may overwrite x.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from model.arrays import Array, as_unsigned
from model.network.activations.activation import Activation, sigmoid, softplus
from model.network.graph import Calls, Workspace
from model.network.validation import require_number

# The α and s for which mean 0 and variance 1 are a fixed point (Klambauer et al. 2017, §2).
SELU_ALPHA: Final = 1.6732632423543772
SELU_SCALE: Final = 1.0507009873554805

# √(2/π) and the cubic factor of the tanh form of GELU.
GELU_LINEAR: Final = math.sqrt(2 / math.pi)
GELU_CUBIC: Final = 0.044715

# A maximum with an array of zeros takes half the time of one with a scalar.
_ZEROS: Final = {np.dtype(dtype): np.zeros(2**17, dtype) for dtype in ("float64", "float32")}


@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(x, 0).  dy/dx = 1 where x > 0, else 0 (also at 0).

    Does not saturate above 0. A unit whose x is below 0 on every row has no gradient and stays
    dead.

    Source: Glorot et al., "Deep sparse rectifier neural networks", 2011,
    https://proceedings.mlr.press/v15/glorot11a.html
    """

    name = "relu"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        return self.overwrite(x.copy())

    def overwrite(self, x: Array) -> Array:
        zeros = _ZEROS[x.dtype]
        fits = x.size <= zeros.size
        np.maximum(x, zeros[: x.size].reshape(x.shape) if fits else zeros[0], out=x)
        return x

    def bind(self, ws: Workspace) -> Calls:
        """Forward a maximum, which with an array is three times as fast as with a scalar.

        Backward multiplies the bits of dy, as integers, by 1 where y is not 0 and by 0 elsewhere,
        which overwrite y. Only the bits of +0 are all 0, and y is never −0. These two passes take
        two thirds of the time of a comparison, its conversion to numbers and a product.
        """
        zeros = ws.scratch_like(ws.y)
        y, dy, dx = map(as_unsigned, (ws.y, ws.dy, ws.dx))
        return [partial(np.maximum, ws.x, zeros, out=ws.y)], [
            partial(np.sign, y, y),
            partial(np.multiply, dy, y, dx),
        ]


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x where x > 0, else slope · x.  dy/dx = 1 or slope: no unit dies.

    Source: Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013,
    https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf

    Args:
        slope: The slope below 0, from 0 to 1.
    """

    name = "leaky_relu"
    default_initializer = "he_normal"
    slope: float = 0.01

    def __post_init__(self) -> None:
        # Backward reads the sign of x from y, which requires a slope from 0 to 1.
        require_number("activation leaky_relu: slope", self.slope, 0, 1)

    def value(self, x: Array) -> Array:
        return np.asarray(np.maximum(x, x * x.dtype.type(self.slope)))

    def bind(self, ws: Workspace) -> Calls:
        """Backward slope + (1 − slope) · [y > 0]."""
        slope, rest = ws.scalar(self.slope), ws.scalar(1 - self.slope)
        zero, above, scratch = ws.scalar(0), ws.scratch(ws.y.shape, bool), ws.scratch_like(ws.y)
        return [
            partial(np.multiply, ws.x, slope, scratch),
            partial(np.maximum, ws.x, scratch, out=ws.y),
        ], [
            partial(np.greater, ws.y, zero, above),
            partial(np.copyto, scratch, above),
            partial(np.multiply, scratch, rest, scratch),
            partial(np.add, scratch, slope, scratch),
            partial(np.multiply, ws.dy, scratch, ws.dx),
        ]


@dataclass(frozen=True)
class ELU(Activation):
    """y = x where x > 0, else α (e^x − 1).  dy/dx = 1, or α e^x = y + α.

    Saturates at −α: the gradient vanishes below about −5.

    Source: Clevert et al., "Fast and accurate deep network learning by exponential linear units
    (ELUs)", 2016, https://arxiv.org/abs/1511.07289

    Args:
        alpha: α, from 0 to 10⁶.
    """

    name = "elu"
    default_initializer = "he_normal"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_number("activation elu: alpha", self.alpha, 0, 1e6)

    def value(self, x: Array) -> Array:
        return _exponential_linear(x, self.alpha, 1)

    def bind(self, ws: Workspace) -> Calls:
        """Bind with scale 1."""
        return _bind_exponential_linear(ws, self.alpha, 1)


@dataclass(frozen=True)
class SELU(Activation):
    """s · ELU with the α and s that keep mean 0 and variance 1.

    Saturates at −1.758. Use with LeCun's normal initializer and alpha dropout.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017,
    https://arxiv.org/abs/1706.02515
    """

    name = "selu"
    default_initializer = "lecun_normal"

    def value(self, x: Array) -> Array:
        return _exponential_linear(x, SELU_ALPHA, SELU_SCALE)

    def bind(self, ws: Workspace) -> Calls:
        """Bind with SELU's α and s."""
        return _bind_exponential_linear(ws, SELU_ALPHA, SELU_SCALE)


def _exponential_linear(x: Array, alpha: float, scale: float) -> Array:
    """Compute with expm1 of min(x, 0): exact near 0, no overflow."""
    number = x.dtype.type
    below = np.expm1(np.minimum(x, 0)) * number(scale * alpha)
    return np.asarray(np.maximum(x, 0) * number(scale) + below)


def _bind_exponential_linear(ws: Workspace, alpha: float, scale: float) -> Calls:
    """dy/dx = (below + s α) + s (1 − α) [x > 0], where below = s α (e^min(x, 0) − 1)."""
    zeros, below, mask = ws.scratch_like(ws.y), ws.scratch_like(ws.y), ws.scratch_like(ws.y)
    low, up, jump = (ws.scalar(v) for v in (scale * alpha, scale, scale * (1 - alpha)))
    return [
        partial(np.minimum, ws.x, zeros, out=below),
        partial(np.expm1, below, below),
        partial(np.multiply, below, low, below),
        partial(np.maximum, ws.x, zeros, out=ws.y),
        partial(np.multiply, ws.y, up, ws.y),
        partial(np.sign, ws.y, mask),
        partial(np.add, ws.y, below, ws.y),
    ], [
        partial(np.multiply, mask, jump, mask),
        partial(np.add, below, low, below),
        partial(np.add, below, mask, below),
        partial(np.multiply, ws.dy, below, ws.dx),
    ]


@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + eˣ), a smooth max(x, 0), always positive.  dy/dx = σ(x) = 1 − e⁻ʸ.

    The gradient vanishes far below 0, as σ does.

    Source: Glorot et al., "Deep sparse rectifier neural networks", 2011,
    https://proceedings.mlr.press/v15/glorot11a.html
    """

    name = "softplus"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        return softplus(x)

    def bind(self, ws: Workspace) -> Calls:
        """Backward −expm1(−y)."""
        zero, slope = ws.scalar(0), ws.scratch_like(ws.y)
        return [partial(np.logaddexp, ws.x, zero, ws.y)], [
            partial(np.negative, ws.y, slope),
            partial(np.expm1, slope, slope),
            partial(np.negative, slope, slope),
            partial(np.multiply, ws.dy, slope, ws.dx),
        ]


@dataclass(frozen=True)
class Swish(Activation):
    """y = x σ(x), also called SiLU.  dy/dx = y + σ(x) (1 − y).

    Similar to a smooth ReLU: slope about 1 far above 0 and about 0 far below, minimum −0.28 at
    x = −1.28.

    Source: Ramachandran et al., "Searching for activation functions", 2017,
    https://arxiv.org/abs/1710.05941
    """

    name = "swish"
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        return np.asarray(x * sigmoid(x))

    def bind(self, ws: Workspace) -> Calls:
        """Forward keeps σ(x) in `gate`."""
        half, one, gate, slope = (
            ws.scalar(0.5),
            ws.scalar(1),
            ws.scratch_like(ws.y),
            ws.scratch_like(ws.y),
        )
        return [
            partial(np.multiply, ws.x, half, gate),
            partial(np.tanh, gate, gate),
            partial(np.multiply, gate, half, gate),
            partial(np.add, gate, half, gate),
            partial(np.multiply, ws.x, gate, ws.y),
        ], [
            partial(np.subtract, one, ws.y, slope),
            partial(np.multiply, slope, gate, slope),
            partial(np.add, slope, ws.y, slope),
            partial(np.multiply, ws.dy, slope, ws.dx),
        ]


@dataclass(frozen=True)
class GELU(Activation):
    """y = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³).

    dy/dx = ½ (1 + tanh u) + ½ x (1 − tanh² u) √(2/π) (1 + 0.134145 x²). Within 5e-4 of x Φ(x),
    which needs erf. The gradient vanishes far below 0.

    Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016, §2,
    https://arxiv.org/abs/1606.08415
    """

    name = "gelu"
    in_place = False
    default_initializer = "he_normal"

    def value(self, x: Array) -> Array:
        number = x.dtype.type
        u = x * (1 + number(GELU_CUBIC) * x * x) * number(GELU_LINEAR)
        return np.asarray(number(0.5) * x * (1 + np.tanh(u)))

    def bind(self, ws: Workspace) -> Calls:
        """Forward keeps ½ (1 + tanh u) = σ(2u) in `gate`: y = x · gate."""
        half, one, two = ws.scalar(0.5), ws.scalar(1), ws.scalar(2)
        cubic, linear = ws.scalar(GELU_CUBIC * GELU_LINEAR), ws.scalar(GELU_LINEAR)
        cubic3 = ws.scalar(3 * GELU_CUBIC * GELU_LINEAR)
        square, gate, slope = ws.scratch_like(ws.y), ws.scratch_like(ws.y), ws.scratch_like(ws.y)
        return [
            partial(np.multiply, ws.x, ws.x, square),
            partial(np.multiply, square, cubic, gate),
            partial(np.add, gate, linear, gate),
            partial(np.multiply, gate, ws.x, gate),
            partial(np.tanh, gate, gate),
            partial(np.multiply, gate, half, gate),
            partial(np.add, gate, half, gate),
            partial(np.multiply, ws.x, gate, ws.y),
        ], [  # gate + 2 y (1 − gate) du/dx
            partial(np.multiply, square, cubic3, square),
            partial(np.add, square, linear, square),
            partial(np.subtract, one, gate, slope),
            partial(np.multiply, slope, ws.y, slope),
            partial(np.multiply, slope, two, slope),
            partial(np.multiply, slope, square, slope),
            partial(np.add, slope, gate, slope),
            partial(np.multiply, ws.dy, slope, ws.dx),
        ]
