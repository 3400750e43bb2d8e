"""Learning-rate schedules by name.

A schedule is a pure function of the step t, counted from 0: it returns the rate of that step's
update. A checkpoint therefore saves only t, and a resumed run sees the same rates. The caller
defines a step; a training counts updates. `ReduceOnPlateau` is the exception: it depends on the
monitored losses, and its state is four numbers.

Fields mean the same in all schedules: `factor` multiplies the rate; `minimum` is a rate (PyTorch's
eta_min, min_lr) and must not be above the base.
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
class ConstantRate(Schedule):
    """The base at every step."""

    name = "constant"

    def rate(self, step: int, base: float) -> float:  # noqa: ARG002
        return base


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: rate(t) = base · factorᵗ.

    PyTorch's ExponentialLR (gamma). Keras's ExponentialDecay has t / decay_steps in place of t.

    Args:
        factor: Factor of each step, from 1e-9 to 1.
    """

    name = "exponential"
    factor: float

    def __post_init__(self) -> None:
        require_number(f"schedule {self.name}: factor", self.factor, 1e-9, 1)

    def rate(self, step: int, base: float) -> float:
        return base * self.factor**step


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Step decay: rate(t) = base · factor^⌊t / every⌋.

    PyTorch's StepLR (gamma, step_size).

    Args:
        every: Steps between two reductions, at least 1.
        factor: Factor of each reduction, from 1e-9 to 1.
    """

    name = "step"
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        require_count(f"schedule {self.name}: every", self.every)
        require_number(f"schedule {self.name}: factor", self.factor, 1e-9, 1)

    def rate(self, step: int, base: float) -> float:
        return base * self.factor ** (step // self.every)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """Inverse time decay: rate(t) = base / (1 + decay · t), half of the base at t = 1 / decay.

    The sum of the rates is infinite and that of their squares finite: the conditions of Robbins and
    Monro for convergence. Keras's InverseTimeDecay with decay_steps 1; PyTorch has no equivalent
    except LambdaLR.

    Source: Robbins and Monro, "A stochastic approximation method", 1951,
    https://doi.org/10.1214/aoms/1177729586

    Args:
        decay: From 0 to 1e9.
    """

    name = "inverse_time"
    decay: float

    def __post_init__(self) -> None:
        require_number(f"schedule {self.name}: decay", self.decay, 0, 1e9)

    def rate(self, step: int, base: float) -> float:
        return base / (1 + self.decay * step)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linear warm-up to the first rate of another schedule, which follows.

    rate(t) = then.rate(0) · (start + (1 − start) · t / steps) for t < steps
    rate(t) = then.rate(t − steps) afterwards

    PyTorch's SequentialLR of a LinearLR (start_factor, total_iters) and another schedule. Defaults
    of `start` differ: ⅓ in PyTorch, 0 elsewhere, where the first step changes nothing. During the
    warm-up the momentum is the first one of `then`.

    Source: Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2,
    https://arxiv.org/abs/1706.02677

    Args:
        steps: Steps of the warm-up, at least 1.
        then: The schedule that follows: any but a warm-up and reduce_on_plateau.
        start: First rate as a share of the rate that the warm-up leads to, from 0 to 1.
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

    def with_length(self, steps: int) -> Self:
        return replace(self, then=self.then.with_length(max(steps - self.steps, 1)))

    def rate(self, step: int, base: float) -> float:
        if step >= self.steps:
            return self.then.rate(step - self.steps, base)
        return self.then.rate(0, base) * (self.start + (1 - self.start) * step / self.steps)

    def momentum(self, step: int) -> float | None:
        return self.then.momentum(max(step - self.steps, 0))


_BY_STEP = (ConstantRate, Exponential, StepDecay, InverseTime, Cosine, WarmRestarts, OneCycle)
_AFTER_WARM_UP: Final[Mapping[str, type[Schedule]]] = by_name(_BY_STEP)

# All but the last are a Schedule; the last observes the monitored values instead of the step.
SCHEDULES: Final[Mapping[str, type[Schedule | ReduceOnPlateau]]] = by_name(
    (*_BY_STEP, WarmUp, ReduceOnPlateau)
)


def schedule_from(description: object) -> Schedule | ReduceOnPlateau:
    """Build the schedule that a name or a table describes; a schedule is returned as it is.

    Raises:
        NetworkError: If the name or a field is unknown, or a value is out of its range.
    """
    return build("schedule", SCHEDULES, description)
