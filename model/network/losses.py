"""Losses, on what the last layer puts out: logits z, before sigmoid or softmax.

J is the mean over the rows of a batch, weighted by rows where weights are given, of `value`; each
`value` is the mean over the outputs, or the sum over classes. Shapes: z (…, outputs, B).
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from model.arrays import Array, as_matrix
from model.errors import NetworkError
from model.network.activations.activation import sigmoid, softmax
from model.network.config import Configurable, by_name
from model.network.graph import Call
from model.network.validation import require_number


class Loss(Configurable):
    """What the engine asks of a loss.

    link: the activation that makes predictions of logits, applied by the loss, not by a layer.
    """

    link: ClassVar[str] = "linear"

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Targets (B, outputs) checked, and put into the form that `value` and `bind` take.

        Raises NetworkError naming what is wrong.
        """
        return as_matrix("targets", targets, outputs, dtype)

    def value(self, z: Array, y: Array) -> Array:
        """The loss of each row, (…, 1, B), from logits and encoded targets (…, outputs, B)."""
        raise NotImplementedError

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """The calls that write ∂J/∂z into dz (…, outputs, B).

        weights: each row's share of J, (…, 1, B), or () where all have the same.
        """
        raise NotImplementedError

    def predict(self, z: Array) -> Array:
        """Predictions from logits, by the link."""
        return z


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """(z − y)².  ∂/∂z = 2 (z − y) / outputs."""

    name = "mean_squared_error"

    def value(self, z: Array, y: Array) -> Array:
        """(z − y)², mean over the outputs."""
        return np.asarray(np.square(z - y).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """2 (z − y) · weights / outputs."""
        two = np.array(2 / z.shape[-2], z.dtype)
        return [
            partial(np.subtract, z, y, dz),
            partial(np.multiply, dz, two, dz),
            partial(np.multiply, dz, weights, dz),
        ]


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """|z − y|.  ∂/∂z = sign(z − y) / outputs: outliers pull no harder than others."""

    name = "mean_absolute_error"

    def value(self, z: Array, y: Array) -> Array:
        """|z − y|, mean over the outputs."""
        return np.asarray(np.abs(z - y).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """sign(z − y) · weights / outputs."""
        share = np.array(1 / z.shape[-2], z.dtype)
        return [
            partial(np.subtract, z, y, dz),
            partial(np.sign, dz, dz),
            partial(np.multiply, dz, share, dz),
            partial(np.multiply, dz, weights, dz),
        ]


@dataclass(frozen=True)
class Huber(Loss):
    """e = z − y: ½ e² where |e| ≤ delta, else delta (|e| − ½ delta) (Huber 1964).

    ∂/∂z = e kept within ±delta, / outputs.
    """

    name = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        require_number("loss huber: delta", self.delta, 1e-9, 1e9)

    def value(self, z: Array, y: Array) -> Array:
        """As a sum of its inner and outer part, mean over the outputs."""
        error = np.abs(z - y)
        inner = np.minimum(error, self.delta)
        return np.asarray((inner * (error - inner / 2)).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """clip(z − y, ±delta) · weights / outputs."""
        high, share = np.array(self.delta, z.dtype), np.array(1 / z.shape[-2], z.dtype)
        return [
            partial(np.subtract, z, y, dz),
            partial(np.maximum, dz, -high, out=dz),
            partial(np.minimum, dz, high, out=dz),
            partial(np.multiply, dz, share, dz),
            partial(np.multiply, dz, weights, dz),
        ]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """−y log σ(z) − (1 − y) log(1 − σ(z)).  ∂/∂z = (σ(z) − y) / outputs.

    One output, or several that are not exclusive (multi-label). y is encoded as s = 1 − 2y, so that
    σ(z) − y = ½ (tanh(z/2) + s): stable, and fewer calls. label_smoothing draws targets that much
    of the way to ½ (Szegedy et al. 2016, §7).
    """

    name = "binary_cross_entropy"
    link = "sigmoid"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_number(f"loss {self.name}: label_smoothing", self.label_smoothing, 0, 0.999)

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Targets from 0 to 1 as s = 1 − 2y."""
        y = as_matrix("targets", targets, outputs, dtype)
        _require_probabilities(y)
        return np.asarray((1 - 2 * y) * y.dtype.type(1 - self.label_smoothing))

    def value(self, z: Array, y: Array) -> Array:
        """log(1 + e^|z|) less what the target takes off, without overflow; mean over outputs."""
        half = z.dtype.type(0.5)
        losses = half * (np.abs(z) + z * y) + np.log1p(np.exp(-np.abs(z)))
        return np.asarray(losses.mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """½ (tanh(z/2) + s) · weights / outputs."""
        half, share = np.array(0.5, z.dtype), np.array(0.5 / z.shape[-2], z.dtype)
        calls: list[Call] = [
            partial(np.multiply, z, half, dz),
            partial(np.tanh, dz, dz),
            partial(np.add, dz, y, dz),
        ]
        if weights.ndim == 0:  # they never change: one factor instead of two
            return [*calls, partial(np.multiply, dz, weights * share, dz)]
        return [*calls, partial(np.multiply, dz, share, dz), partial(np.multiply, dz, weights, dz)]

    def predict(self, z: Array) -> Array:
        """The probability σ(z)."""
        return sigmoid(z)


@dataclass(frozen=True)
class CategoricalCrossEntropy(Loss):
    """−Σ yᵢ log softmax(z)ᵢ = log Σ e^zⱼ − Σ yᵢ zᵢ.  ∂/∂z = softmax(z) − y.

    Targets are (B, classes) shares that add to 1. label_smoothing moves that much of them to all
    classes alike (Szegedy et al. 2016, §7).
    """

    name = "categorical_cross_entropy"
    link = "softmax"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_number(f"loss {self.name}: label_smoothing", self.label_smoothing, 0, 0.999)

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Shares, smoothed."""
        y = as_matrix("targets", targets, outputs, dtype)
        _require_probabilities(y)
        if not np.allclose(y.sum(axis=1), 1, atol=1e-4):
            raise NetworkError("targets must add to 1 in each row")
        return self._smooth(y)

    def _smooth(self, y: Array) -> Array:
        number = y.dtype.type
        share = number(self.label_smoothing / y.shape[1])
        return np.asarray(y * number(1 - self.label_smoothing) + share)

    def value(self, z: Array, y: Array) -> Array:
        """By log-sum-exp of differences to the largest logit."""
        shifted = z - z.max(axis=-2, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=-2, keepdims=True))
        return np.asarray((y * (log_sum - shifted)).sum(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """(softmax(z) − y) · weights."""
        one_unit = np.empty((*z.shape[:-2], 1, z.shape[-1]), z.dtype)
        largest = partial(np.maximum.reduce, z, axis=-2, out=one_unit, keepdims=True)
        total = partial(np.add.reduce, dz, axis=-2, out=one_unit, keepdims=True)
        return [
            largest,
            partial(np.subtract, z, one_unit, dz),
            partial(np.exp, dz, dz),
            total,
            partial(np.divide, dz, one_unit, dz),
            partial(np.subtract, dz, y, dz),
            partial(np.multiply, dz, weights, dz),
        ]

    def predict(self, z: Array) -> Array:
        """The probabilities softmax(z)."""
        return softmax(z)


@dataclass(frozen=True)
class SparseCategoricalCrossEntropy(CategoricalCrossEntropy):
    """Categorical cross-entropy with targets (B,) or (B, 1) that are class numbers from 0."""

    name = "sparse_categorical_cross_entropy"

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Class numbers as shares, one-hot and smoothed."""
        classes = as_matrix("targets", targets, 1, np.float64)[:, 0]
        if (classes != np.floor(classes)).any() or classes.min() < 0 or classes.max() >= outputs:
            raise NetworkError(f"targets must be class numbers from 0 to {outputs - 1}")
        one_hot = np.zeros((len(classes), outputs), dtype)
        one_hot[np.arange(len(classes)), classes.astype(int)] = 1
        return self._smooth(one_hot)


def _require_probabilities(y: Array) -> None:
    if y.min() < 0 or y.max() > 1:
        raise NetworkError("targets must be from 0 to 1")


def entropy(probabilities: npt.ArrayLike) -> float:
    """−Σ p log₂ p in bits: the yes-no questions that the best strategy needs (Shannon 1948)."""
    return cross_entropy(probabilities, probabilities)


def cross_entropy(true: npt.ArrayLike, believed: npt.ArrayLike) -> float:
    """−Σ p log₂ q in bits: the questions needed by the strategy that is best for `believed`."""
    p, q = np.asarray(true, float), np.asarray(believed, float)
    for name, each in (("true", p), ("believed", q)):
        if each.ndim != 1 or (each < 0).any() or not math.isclose(each.sum(), 1, abs_tol=1e-9):
            raise NetworkError(f"{name} must be probabilities that add to 1")
    if p.shape != q.shape:
        raise NetworkError(f"true and believed must be of one length, got {p.size} and {q.size}")
    possible = p > 0
    if not q[possible].all():
        return math.inf
    return float(-(p[possible] * np.log2(q[possible])).sum())


LOSSES: Final = by_name(
    (
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
        BinaryCrossEntropy,
        CategoricalCrossEntropy,
        SparseCategoricalCrossEntropy,
    )
)
