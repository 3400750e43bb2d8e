"""Optimizers that give each parameter a step of its own, by the size of its gradients so far.

g² and √ are taken number by number. Running averages v of g² are kept as v / (1 − β), which saves a
pass; constants make up for it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import HIGHEST_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice

LOWEST_EPSILON = 1e-30  # still above 0 in float32


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """G ← G + g²,  θ ← θ − rate · g / (√G + ε); G begins at 0.

    Duchi et al. 2011, Adaptive subgradient methods, with diagonal matrices. PyTorch's Adagrad: its
    place for ε and its start; Keras begins at G = 0.1 and has ε within the root.
    """

    name = "adagrad"
    learning_rate: float | Sequence[float] = 0.01
    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("epsilon", LOWEST_EPSILON, 1)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Six passes."""
        sums, epsilon = memory.vector("sum_of_squares"), memory.constant(self.epsilon)
        rate = memory.spread(memory.rate)

        def calls(piece: ParameterSlice) -> list[Call]:
            total, g, step = piece.of(sums), piece.g, piece.step
            return [
                partial(np.multiply, g, g, step),
                partial(np.add, total, step, total),
                partial(np.sqrt, total, step),
                partial(np.add, step, epsilon, step),
                partial(np.divide, g, step, step),
                partial(np.multiply, step, piece.fit(rate), step),
            ]

        return calls


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """v ← α v + (1 − α) g²,  θ ← θ − rate · g / (√v + ε); v begins at 0.

    Tieleman and Hinton 2012, Coursera lecture 6.5. PyTorch's RMSprop (not centered, no momentum):
    α is 0.99, in the lecture and in Keras 0.9; Keras has ε within the root. v is not corrected for
    its start, so the first steps are rate / √(1 − α).
    """

    name = "rmsprop"
    learning_rate: float | Sequence[float] = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("alpha", 0, HIGHEST_BETA)
        self._require("epsilon", LOWEST_EPSILON, 1)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Seven passes."""
        squares, alpha = memory.vector("average_of_squares"), memory.constant(self.alpha)
        root = 1 / math.sqrt(1 - float(alpha))
        epsilon, scale = memory.constant(self.epsilon * root), memory.constant(root)
        factor = memory.rate.copy()
        memory.begin.append(partial(np.multiply, memory.rate, scale, factor))
        factors = memory.spread(factor)

        def calls(piece: ParameterSlice) -> list[Call]:
            v, g, step = piece.of(squares), piece.g, piece.step
            return [
                partial(np.multiply, v, alpha, v),
                partial(np.multiply, g, g, step),
                partial(np.add, v, step, v),
                partial(np.sqrt, v, step),
                partial(np.add, step, epsilon, step),
                partial(np.divide, g, step, step),
                partial(np.multiply, step, piece.fit(factors), step),
            ]

        return calls
