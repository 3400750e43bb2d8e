"""Adaptive optimizers without momentum: each parameter's step is scaled by its past gradients.

Notation: g is the gradient; g² and √ are elementwise. A moving average v of g² is stored as
v / (1 − β), which saves one pass; a constant factor of the step compensates for it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import MAX_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice

MIN_EPSILON = 1e-30  # still above 0 in float32


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad with a diagonal matrix.

    G ← G + g²
    θ ← θ − rate · g / (√G + ε)

    G starts at 0. PyTorch's Adagrad has the same start and the same place for ε; Keras starts at
    G = 0.1 and adds ε inside the root.

    Source: Duchi et al., "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011, https://jmlr.org/papers/v12/duchi11a.html

    Args:
        learning_rate: Above 0; one number, or one per member.
        epsilon: ε, from 1e-30 to 1.
    """

    name = "adagrad"
    learning_rate: float | Sequence[float] = 0.01
    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("epsilon", MIN_EPSILON, 1)

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile six passes."""
        sums, epsilon = state.add_vector("sum_of_squares"), state.constant(self.epsilon)
        rate = state.broadcast(state.rate)

        def calls(part: ParameterSlice) -> list[Call]:
            total, g, step = part.view(sums), part.g, part.step
            return [
                partial(np.multiply, g, g, step),
                partial(np.add, total, step, total),
                partial(np.sqrt, total, step),
                partial(np.add, step, epsilon, step),
                partial(np.divide, g, step, step),
                partial(np.multiply, step, part.trim(rate), step),
            ]

        return calls


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp, not centered and without momentum.

    v ← α v + (1 − α) g²
    θ ← θ − rate · g / (√v + ε)

    v starts at 0 and its bias is not corrected, so the first steps are rate / √(1 − α). PyTorch's
    RMSprop has the same formula and default α = 0.99; the lecture and Keras use 0.9, and Keras
    adds ε inside the root.

    Source: Tieleman and Hinton, Coursera lecture 6.5, 2012,
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

    Args:
        learning_rate: Above 0; one number, or one per member.
        alpha: α, from 0 to 0.999999.
        epsilon: ε, from 1e-30 to 1.
    """

    name = "rmsprop"
    learning_rate: float | Sequence[float] = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("alpha", 0, MAX_BETA)
        self._require("epsilon", MIN_EPSILON, 1)

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile seven passes."""
        squares, alpha = state.add_vector("average_of_squares"), state.constant(self.alpha)
        root = 1 / math.sqrt(1 - float(alpha))
        epsilon, scale = state.constant(self.epsilon * root), state.constant(root)
        factors = state.times_rate(scale)

        def calls(part: ParameterSlice) -> list[Call]:
            v, g, step = part.view(squares), part.g, part.step
            return [
                partial(np.multiply, v, alpha, v),
                partial(np.multiply, g, g, step),
                partial(np.add, v, step, v),
                partial(np.sqrt, v, step),
                partial(np.add, step, epsilon, step),
                partial(np.divide, g, step, step),
                partial(np.multiply, step, part.trim(factors), step),
            ]

        return calls
