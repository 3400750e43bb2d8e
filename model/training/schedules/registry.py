"""Learning-rate schedules: what becomes of the rate as training goes on.

Each is a pure function of the step t, counted from 0: the rate of that step's update. There is
nothing to save in a checkpoint but t, and a run that was interrupted sees the same rates. What a
step is, a batch or an epoch, is for the caller to say. Only `ReduceOnPlateau` asks for the losses
instead; its state is four numbers.

Fields have one meaning in all: `factor` multiplies the rate, `minimum` is a rate (PyTorch's
eta_min, min_lr) that may not be above the base.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from model.network.config import build, by_name
from model.network.validation import require_count, require_number
from model.training.schedules.cosine import Cosine, OneCycle, WarmRestarts
from model.training.schedules.plateau import ReduceOnPlateau
from model.training.schedules.schedule import Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """The base, always."""

    name = "constant"

    def rate(self, step: int, base: float) -> float:  # noqa: ARG002
        """The base."""
        return base


@dataclass(frozen=True)
class Exponential(Schedule):
    """base · factorᵗ. PyTorch's ExponentialLR (gamma); Keras has t / decay_steps for t."""

    name = "exponential"
    factor: float

    def __post_init__(self) -> None:
        require_number(f"schedule {self.name}: factor", self.factor, 1e-9, 1)

    def rate(self, step: int, base: float) -> float:
        """Falls by the same share at each step."""
        return base * self.factor**step


@dataclass(frozen=True)
class StepDecay(Schedule):
    """base · factor^⌊t / every⌋. PyTorch's StepLR (gamma, step_size)."""

    name = "step"
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        require_count(f"schedule {self.name}: every", self.every)
        require_number(f"schedule {self.name}: factor", self.factor, 1e-9, 1)

    def rate(self, step: int, base: float) -> float:
        """Stays, then falls at once."""
        return base * self.factor ** (step // self.every)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """base / (1 + decay · t): its sum is infinite, that of its squares finite.

    Those are the conditions of Robbins and Monro 1951. Keras's InverseTimeDecay with decay_steps 1;
    PyTorch has it by LambdaLR only.
    """

    name = "inverse_time"
    decay: float

    def __post_init__(self) -> None:
        require_number(f"schedule {self.name}: decay", self.decay, 0, 1e9)

    def rate(self, step: int, base: float) -> float:
        """Half of the base at t = 1 / decay."""
        return base / (1 + self.decay * step)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A linear rise over `steps` steps to the first rate of `then`, which begins after it.

    then.rate(0) · (start + (1 − start) · t / steps) for t < steps, then.rate(t − steps) from there
    on. Goyal et al. 2017, §2.2; PyTorch's SequentialLR of a LinearLR (start_factor, total_iters)
    and another. The field disagrees on `start`: PyTorch's default is ⅓, others begin at 0, and that
    step then moves nothing.
    """

    name = "warm_up"
    steps: int
    then: Schedule
    start: float = 0.01

    def __post_init__(self) -> None:
        place = f"schedule {self.name}"
        require_count(f"{place}: steps", self.steps)
        object.__setattr__(self, "then", build(f"{place}: then", _AFTER_WARM_UP, self.then))
        require_number(f"{place}: start", self.start, 0, 1)

    def over(self, steps: int) -> Self:
        """What follows takes the steps that are left."""
        return replace(self, then=self.then.over(max(steps - self.steps, 1)))

    def rate(self, step: int, base: float) -> float:
        """A share of the rate that `then` begins with; its own rates afterwards."""
        if step >= self.steps:
            return self.then.rate(step - self.steps, base)
        return self.then.rate(0, base) * (self.start + (1 - self.start) * step / self.steps)

    def momentum(self, step: int) -> float | None:
        """That of `then`, whose first holds during the warm-up."""
        return self.then.momentum(max(step - self.steps, 0))


_BY_STEP = (Constant, Exponential, StepDecay, InverseTime, Cosine, WarmRestarts, OneCycle)
_AFTER_WARM_UP: Final[Mapping[str, type[Schedule]]] = by_name(_BY_STEP)

# All but the last are a Schedule; the last is asked after each monitored value instead.
SCHEDULES: Final[Mapping[str, type[Schedule | ReduceOnPlateau]]] = by_name(
    (*_BY_STEP, WarmUp, ReduceOnPlateau)
)


def schedule_from(description: object) -> Schedule | ReduceOnPlateau:
    """The schedule that plain data describes. Raises NetworkError for what it can't take."""
    return build("schedule", SCHEDULES, description)
