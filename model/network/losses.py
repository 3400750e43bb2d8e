"""Losses of logits z: the outputs of the last layer before sigmoid or softmax.

J is the mean over the rows of a batch, weighted by the rows' weights, of `value`. `value` is the
mean over the outputs, or the sum over the classes. Shapes: z `(…, outputs, B)`.
"""

import math
from abc import abstractmethod
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

MIN_PROBABILITY: Final = 1e-15  # of a prediction that is turned into a logit


class Loss(Configurable):
    """The interface of a loss.

    Attributes:
        link: The activation that turns logits into predictions. The loss applies it, not a layer.
    """

    link: ClassVar[str] = "linear"

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Check targets and convert them to the form that `value` and `bind` take.

        Args:
            targets: `(B, outputs)`.
            outputs: The number of the network's outputs.
            dtype: The type of the result.

        Returns:
            Encoded targets `(B, outputs)`.

        Raises:
            NetworkError: The targets are invalid for this loss.
        """
        return as_matrix("targets", targets, outputs, dtype)

    @abstractmethod
    def value(self, z: Array, y: Array) -> Array:
        """Return the loss of each row.

        Args:
            z: Logits `(…, outputs, B)`.
            y: Encoded targets `(…, outputs, B)`.

        Returns:
            `(…, 1, B)`.
        """

    @abstractmethod
    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        """Return the calls that write ∂J/∂z.

        Args:
            z: The buffer of logits `(…, outputs, B)`.
            y: The buffer of encoded targets `(…, outputs, B)`.
            weights: Each row's share of J, `(…, 1, B)`; or `()` where all are equal.
            dz: Where to write ∂J/∂z, `(…, outputs, B)`.

        Returns:
            The calls in order.
        """

    def predict(self, z: Array) -> Array:
        """Return the predictions for logits, by the link."""
        return z

    def logits(self, predictions: Array) -> Array:
        """Return logits of predictions: the inverse of `predict`, up to a constant of a row.

        Probabilities are clipped to 1e-15, where a logit would be infinite.
        """
        return predictions


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """(z − y)², mean over the outputs.  ∂/∂z = 2 (z − y) / outputs.

    For regression: predicts the conditional mean.
    """

    name = "mean_squared_error"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.square(z - y).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        # 2 (z − y) · weights / outputs
        two = np.array(2 / z.shape[-2], z.dtype)
        return [
            partial(np.subtract, z, y, dz),
            partial(np.multiply, dz, two, dz),
            partial(np.multiply, dz, weights, dz),
        ]


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """|z − y|, mean over the outputs.  ∂/∂z = sign(z − y) / outputs.

    For regression with outliers, whose gradient is no larger than that of other rows. Predicts the
    conditional median.
    """

    name = "mean_absolute_error"

    def value(self, z: Array, y: Array) -> Array:
        return np.asarray(np.abs(z - y).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        # sign(z − y) · weights / outputs
        share = np.array(1 / z.shape[-2], z.dtype)
        return [
            partial(np.subtract, z, y, dz),
            partial(np.sign, dz, dz),
            partial(np.multiply, dz, share, dz),
            partial(np.multiply, dz, weights, dz),
        ]


@dataclass(frozen=True)
class Huber(Loss):
    """With e = z − y: ½ e² where |e| ≤ delta, else delta (|e| − ½ delta); mean over the outputs.

    ∂/∂z = clip(e, −delta, delta) / outputs. For regression: squared near 0, absolute beyond delta.

    Source: Huber, "Robust estimation of a location parameter", 1964,
    https://doi.org/10.1214/aoms/1177703732

    Args:
        delta: Where the loss becomes linear, in units of the target, from 1e-9 to 1e9.
    """

    name = "huber"
    delta: float = 1.0

    def __post_init__(self) -> None:
        require_number("loss huber: delta", self.delta, 1e-9, 1e9)

    def value(self, z: Array, y: Array) -> Array:
        error = np.abs(z - y)
        inner = np.minimum(error, self.delta)
        return np.asarray((inner * (error - inner / 2)).mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        # clip(z − y, −delta, delta) · weights / outputs
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
    """−y log σ(z) − (1 − y) log(1 − σ(z)), mean over the outputs.  ∂/∂z = (σ(z) − y) / outputs.

    For one output, or several that are not exclusive (multi-label). Targets are from 0 to 1. y is
    encoded as n = 1 − y, the probability of the negative class: σ(z) − y = n − 1 / (1 + e^z), which
    is stable and takes few calls. Where e^z overflows, its reciprocal is 0, as it should be.

    Source of label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", 2016, §7, https://arxiv.org/abs/1512.00567

    Args:
        label_smoothing: The share by which targets move towards ½, from 0 to 0.999.
    """

    name = "binary_cross_entropy"
    link = "sigmoid"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_number(f"loss {self.name}: label_smoothing", self.label_smoothing, 0, 0.999)

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Return targets from 0 to 1 as n = 1 − y.

        Args:
            targets: `(B, outputs)`, from 0 to 1.
            outputs: The number of the network's outputs.
            dtype: The type of the result.
        """
        y = as_matrix("targets", targets, outputs, dtype)
        _require_probabilities(y)
        half, rest = y.dtype.type(0.5), y.dtype.type(1 - self.label_smoothing)
        return np.asarray(half + (half - y) * rest)

    def value(self, z: Array, y: Array) -> Array:
        """Compute log(1 + e^−z) + n z, which does not overflow.

        Args:
            z: Logits `(…, outputs, B)`.
            y: Encoded targets n, `(…, outputs, B)`.
        """
        losses = np.maximum(-z, 0) + np.log1p(np.exp(-np.abs(z))) + y * z
        return np.asarray(losses.mean(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        # (n − 1 / (1 + e^z)) · weights / outputs
        one, share = np.array(1, z.dtype), np.array(1 / z.shape[-2], z.dtype)
        calls: list[Call] = [
            partial(np.exp, z, dz),
            partial(np.add, dz, one, dz),
            partial(np.reciprocal, dz, dz),
            partial(np.subtract, y, dz, dz),
        ]
        if weights.ndim == 0:  # constant: one factor instead of two
            return [*calls, partial(np.multiply, dz, np.asarray(weights * share), dz)]
        if z.shape[-2] == 1:
            return [*calls, partial(np.multiply, dz, weights, dz)]
        return [*calls, partial(np.multiply, dz, share, dz), partial(np.multiply, dz, weights, dz)]

    def predict(self, z: Array) -> Array:
        """Return the probability σ(z)."""
        return sigmoid(z)

    def logits(self, predictions: Array) -> Array:
        p = np.clip(predictions, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return np.asarray(np.log(p) - np.log1p(-p))


@dataclass(frozen=True)
class CategoricalCrossEntropy(Loss):
    """−Σ yᵢ log softmax(z)ᵢ = log Σ e^zⱼ − Σ yᵢ zᵢ.  ∂/∂z = softmax(z) − y.

    For exclusive classes. Targets `(B, classes)` are shares that add to 1.

    Source of label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer
    vision", 2016, §7, https://arxiv.org/abs/1512.00567

    Args:
        label_smoothing: The share of each target that is spread evenly over the classes, from 0 to
            0.999.
    """

    name = "categorical_cross_entropy"
    link = "softmax"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_number(f"loss {self.name}: label_smoothing", self.label_smoothing, 0, 0.999)

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
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
        """Compute the loss by log-sum-exp of differences to the largest logit, without overflow.

        Args:
            z: Logits `(…, classes, B)`.
            y: Smoothed shares `(…, classes, B)`.
        """
        shifted = z - z.max(axis=-2, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=-2, keepdims=True))
        return np.asarray((y * (log_sum - shifted)).sum(axis=-2, keepdims=True))

    def bind(self, z: Array, y: Array, weights: Array, dz: Array) -> list[Call]:
        # (softmax(z) − y) · weights
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
        """Return the probabilities softmax(z)."""
        return softmax(z)

    def logits(self, predictions: Array) -> Array:
        return np.asarray(np.log(np.maximum(predictions, MIN_PROBABILITY)))


@dataclass(frozen=True)
class SparseCategoricalCrossEntropy(CategoricalCrossEntropy):
    """Categorical cross-entropy with class numbers from 0 as targets, `(B,)` or `(B, 1)`."""

    name = "sparse_categorical_cross_entropy"

    def encode(self, targets: npt.ArrayLike, outputs: int, dtype: npt.DTypeLike) -> Array:
        """Return class numbers as smoothed shares.

        Args:
            targets: `(B,)` or `(B, 1)`, integers from 0 to `outputs` − 1.
            outputs: The number of classes.
            dtype: The type of the result.
        """
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
    """Return −Σ p log₂ p in bits: the mean number of yes-no questions of the best strategy.

    Source: Shannon, "A mathematical theory of communication", 1948,
    https://doi.org/10.1002/j.1538-7305.1948.tb01338.x
    """
    return cross_entropy(probabilities, probabilities)


def cross_entropy(true: npt.ArrayLike, assumed: npt.ArrayLike) -> float:
    """Return −Σ p log₂ q in bits: the mean number of questions of the strategy that is best for q.

    Args:
        true: p, probabilities that add to 1.
        assumed: q, probabilities that add to 1.

    Returns:
        Bits; infinite where p is above 0 and q is 0.

    Raises:
        NetworkError: An argument is not a distribution, or the lengths differ.
    """
    p, q = np.asarray(true, float), np.asarray(assumed, float)
    for name, values in (("true", p), ("assumed", q)):
        if (
            values.ndim != 1
            or (values < 0).any()
            or not math.isclose(values.sum(), 1, abs_tol=1e-9)
        ):
            raise NetworkError(f"{name} must be probabilities that add to 1")
    if p.shape != q.shape:
        raise NetworkError(f"true and assumed must have the same length, got {p.size} and {q.size}")
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
