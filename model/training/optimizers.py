"""Optimizers: rules that move θ against its gradient, in place, as calls over flat vectors."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.graph import Call

# An update of many passes goes over θ in pieces, so that a piece stays in the cache between them.
CHUNK = 32768


class GradientDescent:
    """θ ← θ − rate · ∂J/∂θ (Cauchy 1847).

    learning_rate: one for all, or one for each of K members.
    """

    def __init__(self, learning_rate: float | Sequence[float]) -> None:
        self.learning_rate = _checked_rate(learning_rate)

    def bind(self, theta: Array, gradient: Array) -> list[Call]:
        """The calls of one update of this θ from this gradient."""
        rate = _rate_array(self.learning_rate, theta)
        step = np.empty_like(theta)
        return [
            partial(np.multiply, gradient, rate, step),
            partial(np.subtract, theta, step, theta),
        ]


class Adam:
    """Steps of about the rate, whatever the gradient's scale (Kingma and Ba 2015, algorithm 1).

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    θ ← θ − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε), with PyTorch's place for ε.
    """

    def __init__(
        self,
        learning_rate: float | Sequence[float] = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = _checked_rate(learning_rate)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= beta < 1:
                raise TrainingError(f"{name} must be from 0 to below 1, got {beta}")
        if not 0 < epsilon < 1:
            raise TrainingError(f"epsilon must be between 0 and 1, got {epsilon}")
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def bind(self, theta: Array, gradient: Array) -> list[Call]:
        """The calls of one update of this θ from this gradient; m and v begin at 0.

        Kept as m / (1 − β₁) and v / (1 − β₂), which saves two passes; the step's two factors make
        up for it.
        """
        dtype = theta.dtype
        first, second = np.zeros_like(theta), np.zeros_like(theta)
        beta1, beta2 = np.array(self.beta1, dtype), np.array(self.beta2, dtype)
        rate = _rate_array(self.learning_rate, theta)
        factor, epsilon = rate.copy(), np.array(0, dtype)
        step = 0

        def begin() -> None:
            nonlocal step
            step += 1
            root = math.sqrt((1 - self.beta2**step) / (1 - self.beta2))
            np.multiply(rate, (1 - self.beta1) / (1 - self.beta1**step) * root, out=factor)
            epsilon.fill(self.epsilon * root)

        calls: list[Call] = [begin]
        for start in range(0, theta.shape[-1], CHUNK):
            part = (..., slice(start, start + CHUNK))
            g, m, v, t = gradient[part], first[part], second[part], theta[part]
            scratch = np.empty_like(t)
            calls += [
                partial(np.multiply, m, beta1, m),
                partial(np.add, m, g, m),
                partial(np.multiply, v, beta2, v),
                partial(np.multiply, g, g, scratch),
                partial(np.add, v, scratch, v),
                partial(np.sqrt, v, scratch),
                partial(np.add, scratch, epsilon, scratch),
                partial(np.divide, m, scratch, scratch),
                partial(np.multiply, scratch, factor, scratch),
                partial(np.subtract, t, scratch, t),
            ]
        return calls


def _checked_rate(rate: float | Sequence[float]) -> float | tuple[float, ...]:
    rates = tuple(rate) if isinstance(rate, Sequence) else (rate,)
    for each in rates:
        if not 0 < each < math.inf:
            raise TrainingError(f"learning_rate must be above 0, got {each}")
    return rates if isinstance(rate, Sequence) else rate


def _rate_array(rate: float | tuple[float, ...], theta: Array) -> Array:
    """() for one rate, (K, 1) for members' own."""
    if not isinstance(rate, tuple):
        return np.array(rate, theta.dtype)
    if theta.ndim != 2 or len(rate) != len(theta):
        raise TrainingError(f"{len(rate)} learning rates do not fit θ of shape {theta.shape}")
    return np.array(rate, theta.dtype)[:, None]
