"""Adam and what was made of it. t counts the updates from 1; m and v begin at 0.

Both averages are kept as m / (1 − β₁) and v / (1 − β₂), which saves two passes; the step's factors
make up for it. A schedule may change β₁: corrections then use its present value, as PyTorch's do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.adaptive import LOWEST_EPSILON
from model.training.optimizers.optimizer import HIGHEST_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps of about the rate, whatever the gradient's scale (Kingma and Ba 2015, algorithm 1).

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    θ ← θ − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).

    ε is where the paper's algorithm and PyTorch have it, beside the corrected v; in the paper's
    shorter form and in Keras it is beside the uncorrected one.
    """

    name = "adam"
    learning_rate: float | Sequence[float] = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("beta1", 0, HIGHEST_BETA)
        self._require("beta2", 0, HIGHEST_BETA)
        self._require("epsilon", LOWEST_EPSILON, 1)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Nine passes."""
        moments, factor = _Moments(memory, self), memory.rate.copy()

        def begin() -> None:
            t, beta1 = moments.begin()
            np.multiply(memory.rate, (1 - beta1) / (1 - beta1**t) * moments.root, out=factor)

        memory.begin.append(begin)
        factors = memory.spread(factor)

        def calls(piece: ParameterSlice) -> list[Call]:
            m, step = piece.of(moments.first), piece.step
            return [
                *moments.calls(piece),
                partial(np.divide, m, step, step),
                partial(np.multiply, step, piece.fit(factors), step),
            ]

        return calls


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with θ ← θ − rate · λ θ beside its step (Loshchilov and Hutter 2019, algorithm 2).

    A penalty ½ λ ‖θ‖² would reach the step through g, and be divided by √v: large gradients would
    hardly decay. PyTorch's AdamW: the paper leaves the base rate out, θ ← θ − η · λ θ, and only the
    schedule's factor η is in. Biases are mostly left out: see `bind`'s decay.
    """

    name = "adamw"
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("weight_decay", 0, 1e9)

    def decoupled_decay(self) -> float:
        """λ."""
        return self.weight_decay


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's momentum, which grows to β₁ (Dozat 2016, algorithm 2).

    μₜ = β₁ (1 − ½ · 0.96^(t ψ)),  ψ = momentum_decay,  m and v as in Adam,
    θ ← θ − rate · (μₜ₊₁ m / (1 − μ₁⋯μₜ₊₁) + (1 − μₜ) g / (1 − μ₁⋯μₜ)) / (√(v / (1 − β₂ᵗ)) + ε).

    PyTorch's NAdam, its rate of 0.002 too; its m averages with β₁, the paper's with μₜ. Keras fixes
    ψ at 0.004.
    """

    name = "nadam"
    learning_rate: float | Sequence[float] = 2e-3
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("momentum_decay", 0, 1e9)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Eleven passes."""
        moments, factor = _Moments(memory, self), memory.rate.copy()
        product, ratio = memory.number("product", 1), memory.constant(0)
        ahead = memory.scratch()

        def mu(t: int, beta1: float) -> float:
            return beta1 * (1 - 0.5 * math.pow(0.96, t * self.momentum_decay))

        def begin() -> None:
            t, beta1 = moments.begin()
            now, after = mu(t, beta1), mu(t + 1, beta1)
            product.fill(float(product) * now)
            of_g = (1 - now) / (1 - float(product))
            of_m = (1 - beta1) * after / (1 - float(product) * after)
            ratio.fill(of_m / of_g)
            np.multiply(memory.rate, of_g * moments.root, out=factor)

        memory.begin.append(begin)
        factors = memory.spread(factor)

        def calls(piece: ParameterSlice) -> list[Call]:
            way, step = piece.fit(ahead), piece.step
            return [
                *moments.calls(piece),
                partial(np.multiply, piece.of(moments.first), ratio, way),
                partial(np.add, way, piece.g, way),
                partial(np.divide, way, step, step),
                partial(np.multiply, step, piece.fit(factors), step),
            ]

        return calls


class _Moments:
    """m / (1 − β₁) and v / (1 − β₂), and the count t."""

    def __init__(self, memory: OptimizerState, of: Adam) -> None:
        self.first, self.second = memory.vector("first_moment"), memory.vector("second_moment")
        self.root = 1.0
        self._count = memory.number("step", 0, np.int64)
        self._momentum = memory.take_momentum(of.beta1)
        self._scale = memory.number("first_moment_scale", 1 - float(self._momentum))
        self._keep, self._beta2 = memory.constant(0), memory.constant(of.beta2)
        self._epsilon, self._epsilon_now = of.epsilon, memory.constant(0)

    def begin(self) -> tuple[int, float]:
        """Count an update: t and β₁. `root` is then how much smaller √ of what is kept is than √v̂.

        A new β₁ is a new scale 1 − β₁ for m, which the pass that shrinks m sees to.
        """
        np.add(self._count, 1, out=self._count)
        t, beta1, beta2 = int(self._count), float(self._momentum), float(self._beta2)
        self._keep.fill(beta1 * (float(self._scale) / (1 - beta1)))
        self._scale.fill(1 - beta1)
        self.root = math.sqrt((1 - beta2**t) / (1 - beta2))
        self._epsilon_now.fill(self._epsilon * self.root)
        return t, beta1

    def calls(self, piece: ParameterSlice) -> list[Call]:
        """The calls that leave √(v / (1 − β₂)) + ε, by `root` too large, in the piece's step."""
        m, v, g, step = piece.of(self.first), piece.of(self.second), piece.g, piece.step
        return [
            partial(np.multiply, m, self._keep, m),
            partial(np.add, m, g, m),
            partial(np.multiply, v, self._beta2, v),
            partial(np.multiply, g, g, step),
            partial(np.add, v, step, v),
            partial(np.sqrt, v, step),
            partial(np.add, step, self._epsilon_now, step),
        ]
