"""Lion: the sign of a momentum as the step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.network.graph import Call
from model.training.optimizers.optimizer import MAX_BETA, Optimizer
from model.training.optimizers.state import OptimizerState, ParameterSlice


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (evolved sign momentum).

    θ ← θ − rate · (sign(β₁ m + (1 − β₁) g) + λ θ)
    m ← β₂ m + (1 − β₂) g

    m starts at 0. Each parameter moves by exactly the rate, or by 0 while it has had no gradient.
    A good rate is 3 to 10 times smaller than Adam's, and λ is larger by the same factor. The
    defaults are those of the authors' code; torch.optim has no Lion.

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2,
    https://arxiv.org/abs/2302.06675

    Args:
        learning_rate: Above 0; one number, or one per member.
        beta1: β₁, from 0 to 0.999999.
        beta2: β₂, from 0 to 0.999999.
        weight_decay: λ, from 0 to 1e9; decoupled, see `Optimizer.bind`.
    """

    name = "lion"
    learning_rate: float | Sequence[float] = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("beta1", 0, MAX_BETA)
        self._require("beta2", 0, MAX_BETA)
        self._require("weight_decay", 0, 1e9)

    def decoupled_decay(self) -> float:
        """Return λ."""
        return self.weight_decay

    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Compile six passes.

        m is stored as m / (1 − β₂), which saves two passes; the sum with β₁ is brought to the
        same scale.
        """
        average, beta2 = state.add_vector("average"), state.constant(self.beta2)
        momentum, ratio = state.add_momentum(self.beta1), state.constant(0)

        def begin() -> None:
            beta1 = float(momentum)
            ratio.fill(beta1 / (1 - beta1) * (1 - float(beta2)))

        state.prologue.append(begin)
        rate = state.broadcast(state.rate)

        def calls(part: ParameterSlice) -> list[Call]:
            m, g, step = part.view(average), part.g, part.step
            return [
                partial(np.multiply, m, ratio, step),
                partial(np.add, step, g, step),
                partial(np.sign, step, step),
                partial(np.multiply, step, part.trim(rate), step),
                partial(np.multiply, m, beta2, m),
                partial(np.add, m, g, m),
            ]

        return calls
