"""The interface of an optimizer: a rule that moves θ against its gradient, in place.

Notation: P parameters, K members of an ensemble. An update is a list of NumPy calls over arrays
that are allocated once. A subclass computes the step from the gradient. This module adds what all
optimizers share: slices that fit the CPU cache, a learning rate per member, learning-rate
multipliers per parameter and decoupled weight decay.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.config import Configurable
from model.network.graph import Call
from model.network.validation import require_number
from model.training.optimizers.state import OptimizerState, ParameterSlice, Update

# Largest coefficient of a moving average. A value closer to 1 rounds to 1 in float32, and the bias
# correction then divides by 0.
MAX_BETA = 0.999999


class Optimizer(Configurable):
    """An update rule for θ. It holds no state: `bind` allocates it.

    Attributes:
        learning_rate: A number above 0 for all members, or a sequence with one for each of K
            members.
    """

    learning_rate: float | Sequence[float]

    def __post_init__(self) -> None:
        require_rate(f"optimizer {self.name}: learning_rate", self.learning_rate)
        if isinstance(self.learning_rate, list):
            object.__setattr__(self, "learning_rate", tuple(self.learning_rate))

    def bind(
        self,
        theta: Array,
        gradient: Array,
        *,
        multipliers: Array | None = None,
        decay: Array | None = None,
    ) -> Update:
        """Compile the update of θ from its gradient.

        Args:
            theta: Parameters, shape (P,) or (K, P); updated in place.
            gradient: Gradient, shape and dtype of θ; read at every update.
            multipliers: Factors of the learning rate per parameter, shape (P,), at least 0.
                A parameter with factor 0 does not change.
            decay: Mask, shape (P,): 1 for parameters that decoupled weight decay applies to, 0 for
                the others; `Layout.weights_mask` excludes biases. By default all parameters decay.

        Returns:
            The update, with the arrays that it keeps.

        Raises:
            NetworkError: If there are learning rates of members, and θ has not as many.
        """
        factors = _per_parameter(multipliers, theta)
        mask = _per_parameter(decay, theta)
        state = OptimizerState(theta, _rate_array(self.learning_rate, theta))
        step_calls = self.compile_step(state)
        decay_calls = self._compile_decay(state, factors, mask)
        scratch = state.scratch()
        calls: list[Call] = []
        for indices in state.slices:
            weights, step = theta[..., indices], scratch[..., : indices.stop - indices.start]
            part = ParameterSlice(indices, gradient[..., indices], step)
            calls += [*decay_calls(part, weights), *step_calls(part)]
            if factors is not None:
                calls.append(partial(np.multiply, step, factors[..., indices], step))
            calls.append(partial(np.subtract, weights, step, weights))
        return Update([*state.prologue, *calls], state.rate, state.momentum, state.arrays)

    @abstractmethod
    def compile_step(self, state: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Allocate the optimizer's arrays and return the function that compiles one slice.

        That function returns the calls which leave learning rate · direction in the slice's
        `step`. The calls do not read θ.
        """

    def decoupled_decay(self) -> float:
        """Return λ of θ ← θ − rate · λ θ, which is applied beside the optimizer's own step."""
        return 0.0

    def _require(self, key: str, low: float, high: float) -> None:
        require_number(f"optimizer {self.name}: {key}", getattr(self, key), low, high)

    def _compile_decay(
        self, state: OptimizerState, factors: Array | None, mask: Array | None
    ) -> Callable[[ParameterSlice, Array], list[Call]]:
        """Compile decoupled decay per slice: one pass if all parameters decay alike, else three."""
        strength = state.constant(self.decoupled_decay())
        for values in (factors, mask):
            if values is not None:
                strength = strength * values
        if not strength.any():
            return lambda part, weights: []  # noqa: ARG005
        if strength.ndim:
            rates = state.broadcast(state.rate)
            return lambda part, weights: [
                partial(np.multiply, weights, part.view(strength), part.step),
                partial(np.multiply, part.step, part.trim(rates), part.step),
                partial(np.subtract, weights, part.step, weights),
            ]
        one, shrink = state.constant(1), state.rate.copy()
        state.prologue += [
            partial(np.multiply, state.rate, strength, shrink),
            partial(np.subtract, one, shrink, shrink),
        ]
        shrinks = state.broadcast(shrink)
        return lambda part, weights: [partial(np.multiply, weights, part.trim(shrinks), weights)]


def require_rate(place: str, given: object) -> None:
    """Check a learning rate, or a list with one per member.

    Args:
        place: Name of the value in the error text.
        given: The value to check.

    Raises:
        NetworkError: If a rate is not a finite number above 0, or the list is empty.
    """
    rates: tuple[object, ...] = tuple(given) if isinstance(given, list | tuple) else (given,)
    for rate in rates or (given,):
        is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
        if not is_number or not 0 < rate < math.inf:  # type: ignore[operator]
            raise NetworkError(f"{place} must be a finite number above 0, got {rate!r:.80}")


def _rate_array(rate: float | Sequence[float], theta: Array) -> Array:
    """Return the learning rate in shape (), or in shape (K, 1) if each member has its own."""
    if not isinstance(rate, Sequence):
        return np.array(rate, theta.dtype)
    if theta.ndim != 2 or len(rate) != len(theta):
        raise NetworkError(f"{len(rate)} learning rates do not fit θ of shape {theta.shape}")
    return np.array(rate, theta.dtype)[:, None]


def _per_parameter(values: Array | None, theta: Array) -> Array | None:
    """Broadcast values of shape (P,) to θ's shape and dtype."""
    if values is None:
        return None
    return np.array(np.broadcast_to(values, theta.shape), theta.dtype, order="C")
