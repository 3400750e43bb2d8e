"""What training asks of an optimizer: a rule that moves θ against its gradient, in place.

P parameters, K members. An update is a list of NumPy calls over vectors made once. A rule says what
step comes of the gradient; what all have in common (pieces that fit the cache, members' own rates,
multipliers, decoupled weight decay) is here.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from model.arrays import Array
from model.errors import NetworkError
from model.network.config import Configurable
from model.network.graph import Call
from model.network.validation import require_number
from model.training.optimizers.state import OptimizerState, ParameterSlice, Update

# Of averages over time: nearer to 1 they are 1 in float32, and a correction divides by 0.
HIGHEST_BETA = 0.999999


class Optimizer(Configurable):
    """A rule to update θ, without its state: that is made by `bind`.

    learning_rate: one for all, or one for each of K members.
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
        """The update of this θ from this gradient.

        multipliers: (P,), of the learning rate of each parameter; 0 leaves it as it is.
        decay: (P,), 1 for the parameters that an optimizer's own weight decay, if any, applies to
        and 0 for the others: `Layout.weights_mask`. By default all.
        Raises NetworkError for what does not fit θ.
        """
        if (gradient.shape, gradient.dtype) != (theta.shape, theta.dtype):
            expected = f"{theta.shape} and {theta.dtype} as θ"
            raise NetworkError(
                f"gradient must be {expected}, got {gradient.shape} and {gradient.dtype}"
            )
        factors = _per_parameter("multipliers", multipliers, theta)
        masks = _per_parameter("decay", decay, theta)
        memory = OptimizerState(theta, _rate_array(self.learning_rate, theta))
        calls_of = self.compile_step(memory)
        decay_of = self._decay(memory, factors, masks)
        scratch = memory.scratch()
        calls: list[Call] = []
        for part in memory.parts:
            t, step = theta[..., part], scratch[..., : part.stop - part.start]
            piece = ParameterSlice(part, gradient[..., part], step)
            calls += [*decay_of(piece, t), *calls_of(piece)]
            if factors is not None:
                calls.append(partial(np.multiply, step, factors[..., part], step))
            calls.append(partial(np.subtract, t, step, t))
        return Update([*memory.begin, *calls], memory.rate, memory.momentum, memory.state)

    def compile_step(self, memory: OptimizerState) -> Callable[[ParameterSlice], list[Call]]:
        """Make the state; then, for each piece, the calls that leave rate · direction in its step.

        They do not read θ.
        """
        raise NotImplementedError

    def decoupled_decay(self) -> float:
        """λ of θ ← θ − rate · λ θ, made beside the rule's own step."""
        return 0.0

    def _require(self, key: str, low: float, high: float) -> None:
        require_number(f"optimizer {self.name}: {key}", getattr(self, key), low, high)

    def _decay(
        self, memory: OptimizerState, factors: Array | None, masks: Array | None
    ) -> Callable[[ParameterSlice, Array], list[Call]]:
        """For each piece, the calls of decoupled decay: one pass where all parameters decay."""
        strength = memory.constant(self.decoupled_decay())
        for each in (factors, masks):
            if each is not None:
                strength = strength * each
        if not strength.any():
            return lambda piece, t: []  # noqa: ARG005
        if strength.ndim:
            rates = memory.spread(memory.rate)
            return lambda piece, t: [
                partial(np.multiply, t, piece.of(strength), piece.step),
                partial(np.multiply, piece.step, piece.fit(rates), piece.step),
                partial(np.subtract, t, piece.step, t),
            ]
        one, shrink = memory.constant(1), memory.rate.copy()
        memory.begin += [
            partial(np.multiply, memory.rate, strength, shrink),
            partial(np.subtract, one, shrink, shrink),
        ]
        shrinks = memory.spread(shrink)
        return lambda piece, t: [partial(np.multiply, t, piece.fit(shrinks), t)]


def require_rate(place: str, given: object) -> None:
    """Raise NetworkError that names the place unless it is a rate, or a list of members' rates."""
    rates: tuple[object, ...] = tuple(given) if isinstance(given, list | tuple) else (given,)
    for each in rates or (given,):
        number = isinstance(each, int | float) and not isinstance(each, bool)
        if not number or not 0 < each < math.inf:  # type: ignore[operator]
            raise NetworkError(f"{place} must be a finite number above 0, got {each!r:.80}")


def _rate_array(rate: float | Sequence[float], theta: Array) -> Array:
    """() for one rate, (K, 1) for members' own."""
    if not isinstance(rate, Sequence):
        return np.array(rate, theta.dtype)
    if theta.ndim != 2 or len(rate) != len(theta):
        raise NetworkError(f"{len(rate)} learning rates do not fit θ of shape {theta.shape}")
    return np.array(rate, theta.dtype)[:, None]


def _per_parameter(name: str, values: Array | None, theta: Array) -> Array | None:
    """Values (P,) checked, and written out to θ's shape and type."""
    if values is None:
        return None
    if np.shape(values) != theta.shape[-1:]:
        raise NetworkError(
            f"{name} must have shape {theta.shape[-1:]}, one of each parameter, "
            f"got {np.shape(values)}"
        )
    if not (np.isfinite(values) & (np.asarray(values) >= 0)).all():
        raise NetworkError(f"{name} must be finite, and none below 0")
    return np.array(np.broadcast_to(values, theta.shape), theta.dtype, order="C")
