"""Lion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import HIGHEST_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class Lion(Optimizer):
    """θ ← θ − rate · (sign(β₁ m + (1 − β₁) g) + λ θ),  m ← β₂ m + (1 − β₂) g; m begins at 0.

    Chen et al. 2023, Symbolic discovery of optimization algorithms, algorithm 2, with the numbers
    of its authors' code; torch.optim has none. Each step of a parameter is the rate, or 0 where it
    never had a gradient: a good rate is 3 to 10 times smaller than Adam's, and λ as much larger.
    """

    name = "lion"
    learning_rate: float | Sequence[float] = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("beta1", 0, HIGHEST_BETA)
        self._require("beta2", 0, HIGHEST_BETA)
        self._require("weight_decay", 0, 1e9)

    def decoupled_decay(self) -> float:
        """λ."""
        return self.weight_decay

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Six passes. Kept as m / (1 − β₂), which saves two; β₁'s sum is brought to that scale."""
        average, beta2 = memory.vector("average"), memory.constant(self.beta2)
        momentum, ratio = memory.take_momentum(self.beta1), memory.constant(0)

        def begin() -> None:
            beta1 = float(momentum)
            ratio.fill(beta1 / (1 - beta1) * (1 - float(beta2)))

        memory.begin.append(begin)
        rate = memory.spread(memory.rate)

        def calls(piece: ParameterSlice) -> list[Call]:
            m, g, step = piece.of(average), piece.g, piece.step
            return [
                partial(np.multiply, m, ratio, step),
                partial(np.add, step, g, step),
                partial(np.sign, step, step),
                partial(np.multiply, step, piece.fit(rate), step),
                partial(np.multiply, m, beta2, m),
                partial(np.add, m, g, m),
            ]

        return calls
