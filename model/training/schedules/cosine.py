"""Schedules made of half cosine waves: one, a sequence of them, or one up and one down."""

import math
from dataclasses import dataclass, replace
from typing import Self

from model.errors import NetworkError
from model.network.validation import require_count, require_number
from model.training.schedules.schedule import Schedule, require_length, require_reachable


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing: half a wave from the base to the minimum.

    rate(t) = minimum + ½ (base − minimum) (1 + cos(π t / steps)) for t ≤ steps, then the minimum

    Keras's CosineDecay stays at the minimum too; PyTorch's CosineAnnealingLR (T_max, eta_min)
    rises again after its last step.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation 5, https://arxiv.org/abs/1608.03983

    Args:
        steps: Length in steps, at least 1. By default the length of the training.
        minimum: Lowest learning rate, from 0 to 1e9 and at most the base.
    """

    name = "cosine"
    steps: int | None = None
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.steps is not None:
            require_count(f"schedule {self.name}: steps", self.steps)
        require_number(f"schedule {self.name}: minimum", self.minimum, 0, 1e9)

    def with_length(self, steps: int) -> Self:
        return replace(self, steps=steps) if self.steps is None else self

    def rate(self, step: int, base: float) -> float:
        require_reachable(self.name, self.minimum, base)
        progress = min(step / require_length(self.name, self.steps), 1)
        return _half_cosine(base, self.minimum, progress)


@dataclass(frozen=True)
class WarmRestarts(Schedule):
    """SGDR: cosine annealing that restarts from the base after each period.

    The first period has `period` steps, each further one `multiplier` times as many as the one
    before. The minimum itself is not reached: the step after a period is the next restart.
    PyTorch's CosineAnnealingWarmRestarts (T_0, T_mult, eta_min) in whole steps.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    section 3, https://arxiv.org/abs/1608.03983

    Args:
        period: Steps of the first period, at least 1.
        multiplier: Growth of the periods, an integer of at least 1.
        minimum: Lowest learning rate, from 0 to 1e9 and at most the base.
    """

    name = "warm_restarts"
    period: int
    multiplier: int = 1
    minimum: float = 0.0

    def __post_init__(self) -> None:
        require_count(f"schedule {self.name}: period", self.period)
        require_count(f"schedule {self.name}: multiplier", self.multiplier)
        require_number(f"schedule {self.name}: minimum", self.minimum, 0, 1e9)

    def rate(self, step: int, base: float) -> float:
        require_reachable(self.name, self.minimum, base)
        period = self.period
        if self.multiplier == 1:
            step %= period
        while step >= period:
            step -= period
            period *= self.multiplier
        return _half_cosine(base, self.minimum, step / period)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One-cycle policy: the rate rises to the base, then falls far below it; momentum reversed.

    The rate follows half a cosine wave from base / div_factor to the base, reached at
    t = rise · steps − 1, then another to base / (div_factor · final_div_factor) at t = steps − 1,
    where it stays. The momentum goes from `high_momentum` to `low_momentum` and back.

    PyTorch's OneCycleLR (max_lr, total_steps, pct_start; base_momentum and max_momentum for low and
    high) with its defaults, anneal_strategy "cos" and three_phase False. Smith's own cycle is
    linear, and symmetric until its final phase.

    Source: Smith, "A disciplined approach to neural network hyper-parameters", 2018, sections 4.1
    and 4.3, https://arxiv.org/abs/1803.09820; Smith and Topin, "Super-convergence", 2017,
    https://arxiv.org/abs/1708.07120

    Args:
        steps: Length in steps, at least 2 / rise. By default the length of the training.
        rise: Share of the steps in which the rate rises, from 0.001 to 0.999.
        div_factor: Base divided by the first rate, from 1 to 1e9.
        final_div_factor: First rate divided by the last one, from 1 to 1e9.
        cycle_momentum: False leaves the momentum as the optimizer has it.
        low_momentum: Momentum at the highest rate, from 0 to `high_momentum`.
        high_momentum: Momentum at the start and at the end, from 0 to 0.9999.
    """

    name = "one_cycle"
    steps: int | None = None
    rise: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    cycle_momentum: bool = True
    low_momentum: float = 0.85
    high_momentum: float = 0.95

    def __post_init__(self) -> None:
        place = f"schedule {self.name}"
        require_number(f"{place}: rise", self.rise, 0.001, 0.999)
        if self.steps is not None:
            require_count(f"{place}: steps", self.steps)
            if self.steps * self.rise < 2:
                rule = f"must be at least 2 / rise = {2 / self.rise:g}"
                raise NetworkError(f"{place}: steps {rule}, got {self.steps!r}")
        require_number(f"{place}: div_factor", self.div_factor, 1, 1e9)
        require_number(f"{place}: final_div_factor", self.final_div_factor, 1, 1e9)
        _require_bool(f"{place}: cycle_momentum", self.cycle_momentum)
        require_number(f"{place}: high_momentum", self.high_momentum, 0, 0.9999)
        require_number(f"{place}: low_momentum", self.low_momentum, 0, self.high_momentum)

    def with_length(self, steps: int) -> Self:
        return replace(self, steps=steps) if self.steps is None else self

    def rate(self, step: int, base: float) -> float:
        first = base / self.div_factor
        return self._cycle(step, first, base, first / self.final_div_factor)

    def momentum(self, step: int) -> float | None:
        if not self.cycle_momentum:
            return None
        return self._cycle(step, self.high_momentum, self.low_momentum, self.high_momentum)

    def _cycle(self, step: int, first: float, middle: float, last: float) -> float:
        steps = require_length(self.name, self.steps)
        peak, end = self.rise * steps - 1, steps - 1
        if step <= peak:
            return _half_cosine(first, middle, step / peak)
        return _half_cosine(middle, last, (min(step, end) - peak) / (end - peak))


def _half_cosine(start: float, end: float, progress: float) -> float:
    """Interpolate from start (progress 0) to end (progress 1), with slope 0 at both."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * progress))


def _require_bool(place: str, value: object) -> None:
    if not isinstance(value, bool):
        raise NetworkError(f"{place} must be true or false, got {value!r:.80}")
