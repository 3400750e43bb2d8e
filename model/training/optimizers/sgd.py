"""Gradient descent, and with a memory of where it was going."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import HIGHEST_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """θ ← θ − rate · ∂J/∂θ (Cauchy 1847)."""

    name = "gradient_descent"
    learning_rate: float | Sequence[float]

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """One pass."""
        rate = memory.spread(memory.rate)
        return lambda piece: [partial(np.multiply, piece.g, piece.fit(rate), piece.step)]


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μ v + g,  θ ← θ − rate · v (Polyak 1964, the heavy ball); v begins at 0.

    PyTorch's SGD (momentum, dampening 0). Sutskever et al. 2013 and Keras have the rate within,
    v ← μ v − rate · g and θ ← θ + v: the same as long as the rate does not change. Where it does,
    the memory here takes the new rate at once.
    """

    name = "momentum"
    learning_rate: float | Sequence[float]
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("momentum", 0, HIGHEST_BETA)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Three passes."""
        velocity, momentum = memory.vector("velocity"), memory.take_momentum(self.momentum)
        rate = memory.spread(memory.rate)

        def calls(piece: ParameterSlice) -> list[Call]:
            v = piece.of(velocity)
            return [
                partial(np.multiply, v, momentum, v),
                partial(np.add, v, piece.g, v),
                partial(np.multiply, v, piece.fit(rate), piece.step),
            ]

        return calls


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← μ v + g,  θ ← θ − rate · (g + μ v): the gradient of where the momentum leads.

    Nesterov 1983, in the form of PyTorch's SGD (nesterov). Nesterov takes the gradient ahead of θ,
    at θ − rate · μ v; this is the same sequence written in those points ahead, so that the gradient
    is taken at θ itself (Bengio et al. 2012, Advances in optimizing recurrent networks).
    """

    name = "nesterov"

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Five passes."""
        velocity, momentum = memory.vector("velocity"), memory.take_momentum(self.momentum)
        rate = memory.spread(memory.rate)

        def calls(piece: ParameterSlice) -> list[Call]:
            v, step = piece.of(velocity), piece.step
            return [
                partial(np.multiply, v, momentum, v),
                partial(np.add, v, piece.g, v),
                partial(np.multiply, v, momentum, step),
                partial(np.add, step, piece.g, step),
                partial(np.multiply, step, piece.fit(rate), step),
            ]

        return calls
