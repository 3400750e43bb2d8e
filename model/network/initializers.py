"""Initializers: initial weights from the fans of their block.

Fan-in is the number of inputs of a unit, fan-out the number of units that an input reaches. For a
convolution both count the kernel. All randomness comes from the given generator.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Union

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.config import Configurable, by_name
from model.network.validation import require_number

# NumPy's new and its legacy generator have the same names for standard normals and uniforms. In
# quotes, since numpy.random takes 2 MB of memory and serving draws nothing.
Generator = Union["np.random.Generator", "np.random.RandomState"]  # `|` takes no texts
# One for all members of an ensemble, or one for each.
Generators = Generator | Sequence[Generator]

MAX_WEIGHT: Final = 1e6  # a larger weight is a mistake, and overflows in float32


@dataclass(frozen=True)
class Fans:
    """The shape of a block's weights and its numbers of connections.

    Attributes:
        shape: `(outputs, inputs)`.
        fan_in: The number of inputs of a unit.
        fan_out: The number of units that an input reaches.
    """

    shape: tuple[int, int]
    fan_in: int
    fan_out: int


class Initializer(Configurable):
    """Draws the weights of one block."""

    @abstractmethod
    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Draw weights.

        Args:
            fans: The shape and the connections of the block.
            generator: The source of randomness.

        Returns:
            Weights of shape `fans.shape`, float64.
        """


@dataclass(frozen=True)
class Constant(Initializer):
    """All weights have one value, so that all units of a layer stay equal: for tests and for gains.

    Args:
        value: The value, from −10⁶ to 10⁶.
    """

    name = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        require_number("constant: value", self.value, -MAX_WEIGHT, MAX_WEIGHT)

    def __call__(self, fans: Fans, generator: Generator) -> Array:  # noqa: ARG002
        return np.full(fans.shape, float(self.value))


@dataclass(frozen=True)
class Zeros(Constant):
    """All weights are 0."""

    name = "zeros"
    value: float = 0.0


@dataclass(frozen=True)
class Ones(Constant):
    """All weights are 1."""

    name = "ones"
    value: float = 1.0


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform on [low, high).

    Args:
        low: The lower limit, from −10⁶ to 10⁶.
        high: The upper limit, above `low`, up to 10⁶.
    """

    name = "uniform"
    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        for key in ("low", "high"):
            require_number(f"uniform: {key}", getattr(self, key), -MAX_WEIGHT, MAX_WEIGHT)
        if not self.low < self.high:
            raise NetworkError(f"uniform: low must be below high, got {self.low} and {self.high}")

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        return np.asarray(generator.uniform(self.low, self.high, fans.shape))


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with a given mean and standard deviation.

    Args:
        mean: From −10⁶ to 10⁶.
        standard_deviation: From 0 to 10⁶.
    """

    name = "normal"
    mean: float = 0.0
    standard_deviation: float = 0.05

    def __post_init__(self) -> None:
        require_number("normal: mean", self.mean, -MAX_WEIGHT, MAX_WEIGHT)
        require_number("normal: standard_deviation", self.standard_deviation, 0, MAX_WEIGHT)

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        draws = generator.standard_normal(fans.shape)
        return np.asarray(self.mean + self.standard_deviation * draws)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows, or columns where there are fewer columns, times a gain.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", 2014, https://arxiv.org/abs/1312.6120

    Args:
        gain: The factor, from 0 to 10⁶.
    """

    name = "orthogonal"
    gain: float = 1.0

    def __post_init__(self) -> None:
        require_number("orthogonal: gain", self.gain, 0, MAX_WEIGHT)

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        """Return the Q of a random normal matrix, with signs that make every Q equally likely."""
        rows, columns = fans.shape
        tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))
        return np.asarray(self.gain * (q.T if rows < columns else q))


class _VarianceScaled(Initializer):
    """Mean 0, and a variance that keeps the size of signals from layer to layer.

    Normal with that variance, or uniform on ±√(3 · variance), which has the same variance.
    """

    is_uniform: ClassVar[bool]

    @abstractmethod
    def variance(self, fans: Fans) -> float:
        """Return the variance of one weight."""

    def __call__(self, fans: Fans, generator: Generator) -> Array:
        variance = self.variance(fans)
        if self.is_uniform:
            limit = math.sqrt(3 * variance)
            return np.asarray(generator.uniform(-limit, limit, fans.shape))
        return np.asarray(generator.standard_normal(fans.shape) * math.sqrt(variance))


@dataclass(frozen=True)
class LeCunNormal(_VarianceScaled):
    """Normal with σ² = 1 / fan-in: for SELU.

    Source: LeCun et al., "Efficient backprop", 1998, §4.6,
    http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf
    """

    name = "lecun_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        return 1 / fans.fan_in


@dataclass(frozen=True)
class LeCunUniform(LeCunNormal):
    """Uniform on ±√(3 / fan-in): the variance of `LeCunNormal`."""

    name = "lecun_uniform"
    is_uniform = True


@dataclass(frozen=True)
class GlorotNormal(_VarianceScaled):
    """Normal with σ² = 2 / (fan-in + fan-out): for tanh, sigmoid and linear layers.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, eq. 12, https://proceedings.mlr.press/v9/glorot10a.html
    """

    name = "glorot_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        return 2 / (fans.fan_in + fans.fan_out)


@dataclass(frozen=True)
class GlorotUniform(GlorotNormal):
    """Uniform on ±√(6 / (fan-in + fan-out)) (eq. 16): the variance of `GlorotNormal`."""

    name = "glorot_uniform"
    is_uniform = True


@dataclass(frozen=True)
class HeNormal(_VarianceScaled):
    """Normal with σ² = 2 / fan-in: for ReLU and its variants, which halve the signal's power.

    Source: He et al., "Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification", 2015, eq. 10, https://arxiv.org/abs/1502.01852
    """

    name = "he_normal"
    is_uniform = False

    def variance(self, fans: Fans) -> float:
        return 2 / fans.fan_in


@dataclass(frozen=True)
class HeUniform(HeNormal):
    """Uniform on ±√(6 / fan-in): the variance of `HeNormal`."""

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
