"""Initial weights, by the fans of the block they fill.

Fan-in is the number of inputs a unit sees, fan-out the number of units that an input reaches; for
a convolution both count the kernel. Randomness comes from the generator given, from nothing else.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.config import Configurable, by_name
from model.network.validation import require_number

# NumPy's new and its legacy generator draw standard normals and uniforms under the same names.
Generator = np.random.Generator | np.random.RandomState

LARGEST: Final = 1e6  # a weight beyond it is a mistake, and would overflow in float32


@dataclass(frozen=True)
class Fans:
    """The shape of a block's weights, (outputs, inputs), and the connections of either end."""

    shape: tuple[int, int]
    fan_in: int
    fan_out: int


class Initializer(Configurable):
    """Draws the weights of one block."""

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Weights of shape `fans.shape`, float64."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight the same, so that all units of a layer stay the same: for tests and gains."""

    name = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        require_number("constant: value", self.value, -LARGEST, LARGEST)

    def __call__(self, fans: Fans, generator: Generator) -> Array:  # noqa: ARG002
        """An array of `value`."""
        return np.full(fans.shape, float(self.value))


@dataclass(frozen=True)
class Zeros(Constant):
    """Every weight 0."""

    name = "zeros"
    value: float = 0.0


@dataclass(frozen=True)
class Ones(Constant):
    """Every weight 1."""

    name = "ones"
    value: float = 1.0


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on [low, high)."""

    name = "uniform"
    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        for key in ("low", "high"):
            require_number(f"uniform: {key}", getattr(self, key), -LARGEST, LARGEST)
        if not self.low < self.high:
            raise NetworkError(f"uniform: low must be below high, got {self.low} and {self.high}")

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Draws from that range."""
        return np.asarray(generator.uniform(self.low, self.high, fans.shape))


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with the given mean and standard deviation."""

    name = "normal"
    mean: float = 0.0
    standard_deviation: float = 0.05

    def __post_init__(self) -> None:
        require_number("normal: mean", self.mean, -LARGEST, LARGEST)
        require_number("normal: standard_deviation", self.standard_deviation, 0, LARGEST)

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Draws from that distribution."""
        draws = generator.standard_normal(fans.shape)
        return np.asarray(self.mean + self.standard_deviation * draws)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Rows, or columns where those are fewer, orthonormal, times a gain (Saxe et al. 2014)."""

    name = "orthogonal"
    gain: float = 1.0

    def __post_init__(self) -> None:
        require_number("orthogonal: gain", self.gain, 0, LARGEST)

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """The Q of a random normal matrix, its signs fixed so that every Q is as likely."""
        rows, columns = fans.shape
        tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))
        return np.asarray(self.gain * (q.T if rows < columns else q))


class _VarianceScaled(Initializer):
    """Mean 0 and a variance that keeps signals of one size from layer to layer.

    Normal with that variance, or uniform on ±√(3 · variance), which has the same.
    """

    is_uniform: ClassVar[bool]

    def variance(self, fans: Fans) -> float:
        """The variance of one weight."""
        raise NotImplementedError

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Draws of that variance."""
        variance = self.variance(fans)
        if self.is_uniform:
            limit = math.sqrt(3 * variance)
            return np.asarray(generator.uniform(-limit, limit, fans.shape))
        return np.asarray(generator.standard_normal(fans.shape) * math.sqrt(variance))


@dataclass(frozen=True)
class LeCunNormal(_VarianceScaled):
    """σ² = 1 / fan-in (LeCun et al. 1998, Efficient BackProp, §4.6): for SELU."""

    name = "lecun_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        """1 / fan-in."""
        return 1 / fans.fan_in


@dataclass(frozen=True)
class LeCunUniform(LeCunNormal):
    """On ±√(3 / fan-in), the same variance."""

    name = "lecun_uniform"
    is_uniform = True


@dataclass(frozen=True)
class GlorotNormal(_VarianceScaled):
    """σ² = 2 / (fan-in + fan-out) (Glorot and Bengio 2010, eq. 12): for tanh, sigmoid, none."""

    name = "glorot_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        """2 / (fan-in + fan-out)."""
        return 2 / (fans.fan_in + fans.fan_out)


@dataclass(frozen=True)
class GlorotUniform(GlorotNormal):
    """On ±√(6 / (fan-in + fan-out)) (eq. 16), the same variance."""

    name = "glorot_uniform"
    is_uniform = True


@dataclass(frozen=True)
class HeNormal(_VarianceScaled):
    """σ² = 2 / fan-in (He et al. 2015, eq. 10): for ReLU and its kin, which halve the signal."""

    name = "he_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        """2 / fan-in."""
        return 2 / fans.fan_in


@dataclass(frozen=True)
class HeUniform(HeNormal):
    """On ±√(6 / fan-in), the same variance."""

    name = "he_uniform"
    is_uniform = True


INITIALIZERS: Final = by_name(
    (
        Zeros,
        Ones,
        Constant,
        Uniform,
        Normal,
        Orthogonal,
        LeCunNormal,
        LeCunUniform,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
    )
)
