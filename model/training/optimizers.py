"""Optimizers: rules that move θ against its gradient, in place, as calls over flat vectors."""

from functools import partial

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.graph import Call


class GradientDescent:
    """θ ← θ − rate · ∂J/∂θ (Cauchy 1847)."""

    def __init__(self, learning_rate: float) -> None:
        if not 0 < learning_rate < float("inf"):
            raise TrainingError(f"learning_rate must be above 0, got {learning_rate}")
        self.learning_rate = learning_rate

    def bind(self, theta: Array, gradient: Array) -> list[Call]:
        """The calls of one update of this θ from this gradient."""
        rate = np.array(self.learning_rate, theta.dtype)
        step = np.empty_like(theta)
        return [
            partial(np.multiply, gradient, rate, step),
            partial(np.subtract, theta, step, theta),
        ]
