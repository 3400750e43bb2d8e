"""Gradient descent, plain and with momentum.

Notation: g is the gradient ∂J/∂θ, v the velocity, μ the momentum coefficient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import MAX_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """Gradient descent: θ ← θ − rate · g.

    Source: Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées",
    Comptes Rendus de l'Académie des Sciences 25, 1847.

    Args:
        learning_rate: Above 0; one number, or one per member.
    """

    name = "gradient_descent"
    learning_rate: float | Sequence[float]

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile one pass."""
        rate = state.broadcast(state.rate)
        return lambda part: [partial(np.multiply, part.g, part.trim(rate), part.step)]


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum (heavy ball).

    v ← μ v + g
    θ ← θ − rate · v

    v starts at 0. This is PyTorch's SGD with momentum and dampening 0. Sutskever et al. 2013 and
    Keras put the rate inside: v ← μ v − rate · g, θ ← θ + v. Both forms agree while the rate is
    constant; after a change of the rate, the form used here applies the new rate to the whole
    velocity at once.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964,
    https://doi.org/10.1016/0041-5553(64)90137-5

    Args:
        learning_rate: Above 0; one number, or one per member.
        momentum: μ, from 0 to 0.999999.
    """

    name = "momentum"
    learning_rate: float | Sequence[float]
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("momentum", 0, MAX_BETA)

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile three passes."""
        velocity, momentum = state.add_vector("velocity"), state.add_momentum(self.momentum)
        rate = state.broadcast(state.rate)

        def calls(part: ParameterSlice) -> list[Call]:
            v = part.view(velocity)
            return [
                partial(np.multiply, v, momentum, v),
                partial(np.add, v, part.g, v),
                partial(np.multiply, v, part.trim(rate), part.step),
            ]

        return calls


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Nesterov's accelerated gradient.

    v ← μ v + g
    θ ← θ − rate · (g + μ v)

    v starts at 0. This is PyTorch's SGD with nesterov. Nesterov evaluates the gradient ahead of θ,
    at θ − rate · μ v. The form used here is the same sequence, written in those points ahead, so
    that the gradient is evaluated at θ itself (Bengio et al. 2012).

    Source: Nesterov, "A method for solving the convex programming problem with convergence rate
    O(1/k²)", 1983, https://www.mathnet.ru/eng/dan46009; Bengio et al., "Advances in optimizing
    recurrent networks", 2012, https://arxiv.org/abs/1212.0901

    Args:
        learning_rate: Above 0; one number, or one per member.
        momentum: μ, from 0 to 0.999999.
    """

    name = "nesterov"

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile five passes."""
        velocity, momentum = state.add_vector("velocity"), state.add_momentum(self.momentum)
        rate = state.broadcast(state.rate)

        def calls(part: ParameterSlice) -> list[Call]:
            v, step = part.view(velocity), part.step
            return [
                partial(np.multiply, v, momentum, v),
                partial(np.add, v, part.g, v),
                partial(np.multiply, v, momentum, step),
                partial(np.add, step, part.g, step),
                partial(np.multiply, step, part.trim(rate), step),
            ]

        return calls
