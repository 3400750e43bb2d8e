"""Adam and its variants AdamW and Nadam.

Notation: g is the gradient, t counts the updates from 1, the moments m and v start at 0. They are
stored as m / (1 − β₁) and v / (1 − β₂), which saves two passes; the factors of the step compensate
for it. A schedule may change β₁: bias corrections then use its current value, as in PyTorch.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.adaptive import MIN_EPSILON
from model.training.optimizers.optimizer import MAX_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps of about the learning rate, whatever the scale of the gradient.

    m ← β₁ m + (1 − β₁) g
    v ← β₂ v + (1 − β₂) g²
    θ ← θ − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    ε is added to the root of the corrected v, as in the paper's algorithm and in PyTorch; the
    paper's shorter form and Keras add it to that of the uncorrected v.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1,
    https://arxiv.org/abs/1412.6980

    Args:
        learning_rate: Above 0; one number, or one per member.
        beta1: β₁, from 0 to 0.999999.
        beta2: β₂, from 0 to 0.999999.
        epsilon: ε, from 1e-30 to 1.
    """

    name = "adam"
    learning_rate: float | Sequence[float] = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("beta1", 0, MAX_BETA)
        self._require("beta2", 0, MAX_BETA)
        self._require("epsilon", MIN_EPSILON, 1)

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile nine passes."""
        moments, factor = _Moments(state, self), state.constant(0)

        def begin() -> None:
            t, beta1 = moments.begin()
            factor[()] = (1 - beta1) / (1 - beta1**t) * moments.root

        state.prologue.append(begin)
        factors = state.times_rate(factor)

        def calls(part: ParameterSlice) -> list[Call]:
            m, step = part.view(moments.first), part.step
            return [
                *moments.calls(part),
                partial(np.divide, m, step, step),
                partial(np.multiply, step, part.trim(factors), step),
            ]

        return calls


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − rate · λ θ beside Adam's step.

    A penalty ½ λ ‖θ‖² would reach the step through g and be divided by √v, so weights with large
    gradients would hardly decay. As in PyTorch, the decay is multiplied by the rate; the paper
    multiplies it by the schedule's factor η only: θ ← θ − η · λ θ. A training excludes biases, see
    `decay` of `Optimizer.bind`.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2,
    https://arxiv.org/abs/1711.05101

    Args:
        learning_rate: Above 0; one number, or one per member.
        beta1: β₁, from 0 to 0.999999.
        beta2: β₂, from 0 to 0.999999.
        epsilon: ε, from 1e-30 to 1.
        weight_decay: λ, from 0 to 1e9.
    """

    name = "adamw"
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("weight_decay", 0, 1e9)

    def decoupled_decay(self) -> float:
        """Return λ."""
        return self.weight_decay


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov momentum that grows to β₁.

    μₜ = β₁ (1 − ½ · 0.96^(t ψ)),  ψ = momentum_decay;  m and v as in Adam
    θ ← θ − rate · (μₜ₊₁ m / (1 − μ₁⋯μₜ₊₁) + (1 − μₜ) g / (1 − μ₁⋯μₜ)) / (√(v / (1 − β₂ᵗ)) + ε)

    Formula and default rate 0.002 are those of PyTorch's NAdam. Here m averages with β₁, in the
    paper with μₜ. Keras fixes ψ at 0.004.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016, algorithm 2,
    https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ

    Args:
        learning_rate: Above 0; one number, or one per member.
        beta1: β₁, from 0 to 0.999999.
        beta2: β₂, from 0 to 0.999999.
        epsilon: ε, from 1e-30 to 1.
        momentum_decay: ψ, from 0 to 1e9.
    """

    name = "nadam"
    learning_rate: float | Sequence[float] = 2e-3
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("momentum_decay", 0, 1e9)

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile eleven passes."""
        moments, factor = _Moments(state, self), state.constant(0)
        product, ratio = state.add_scalar("product", 1), state.constant(0)
        direction = state.scratch()

        def mu(t: int, beta1: float) -> float:
            return beta1 * (1 - 0.5 * math.pow(0.96, t * self.momentum_decay))

        def begin() -> None:
            t, beta1 = moments.begin()
            current, following = mu(t, beta1), mu(t + 1, beta1)
            product[()] = float(product) * current
            factor_of_g = (1 - current) / (1 - float(product))
            factor_of_m = (1 - beta1) * following / (1 - float(product) * following)
            ratio[()] = factor_of_m / factor_of_g
            factor[()] = factor_of_g * moments.root

        state.prologue.append(begin)
        factors = state.times_rate(factor)

        def calls(part: ParameterSlice) -> list[Call]:
            ahead, step = part.trim(direction), part.step
            return [
                *moments.calls(part),
                partial(np.multiply, part.view(moments.first), ratio, ahead),
                partial(np.add, ahead, part.g, ahead),
                partial(np.divide, ahead, step, step),
                partial(np.multiply, step, part.trim(factors), step),
            ]

        return calls


class _Moments:
    """The scaled moments m / (1 − β₁) and v / (1 − β₂), and the update count t."""

    def __init__(self, state: OptimizerState, adam: Adam) -> None:
        self.first = state.add_vector("first_moment")
        self.second = state.add_vector("second_moment")
        self.root = 1.0
        self._count = state.add_scalar("step", 0, np.int64)
        self._momentum = state.add_momentum(adam.beta1)
        self._scale = state.add_scalar("first_moment_scale", 1 - float(self._momentum))
        self._keep, self._beta2 = state.constant(0), state.constant(adam.beta2)
        self._epsilon, self._scaled_epsilon = adam.epsilon, state.constant(0)

    def begin(self) -> tuple[int, float]:
        """Count an update and return t and β₁.

        `root` becomes the ratio of the stored √v to the bias-corrected one. If β₁ has changed, the
        pass that shrinks m also rescales it to the new 1 − β₁.
        """
        t, beta1, beta2 = int(self._count) + 1, float(self._momentum), float(self._beta2)
        # Assigning to [()] takes a third of the time of fill, and a tenth of a ufunc's.
        self._count[()] = t
        self._keep[()] = beta1 * (float(self._scale) / (1 - beta1))
        self._scale[()] = 1 - beta1
        self.root = math.sqrt((1 - beta2**t) / (1 - beta2))
        self._scaled_epsilon[()] = self._epsilon * self.root
        return t, beta1

    def calls(self, part: ParameterSlice) -> list[Call]:
        """Compile the update of both moments.

        The calls leave √(v / (1 − β₂)) + ε · root in the slice's step: `root` times the
        denominator of Adam's formula.
        """
        m, v, g, step = part.view(self.first), part.view(self.second), part.g, part.step
        return [
            partial(np.multiply, m, self._keep, m),
            partial(np.add, m, g, m),
            partial(np.multiply, v, self._beta2, v),
            partial(np.multiply, g, g, step),
            partial(np.add, v, step, v),
            partial(np.sqrt, v, step),
            partial(np.add, step, self._scaled_epsilon, step),
        ]
