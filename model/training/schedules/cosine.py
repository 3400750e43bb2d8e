"""Schedules made of half cosine waves: one, one after another, or one up and one down."""

import math
from dataclasses import dataclass, replace
from typing import Self

from model.errors import NetworkError
from model.network.validation import require_count, require_number
from model.training.schedules.schedule import Schedule, require_length, require_reachable


@dataclass(frozen=True)
class Cosine(Schedule):
    """minimum + ½ (base − minimum) (1 + cos(π t / steps)) (Loshchilov and Hutter 2017, eq. 5).

    From t = steps on it stays at the minimum, as Keras's CosineDecay does; PyTorch's
    CosineAnnealingLR (T_max, eta_min) climbs back up. Without steps, over the whole training.
    """

    name = "cosine"
    steps: int | None = None
    minimum: float = 0.0

    def __post_init__(self) -> None:
        if self.steps is not None:
            require_count(f"schedule {self.name}: steps", self.steps)
        require_number(f"schedule {self.name}: minimum", self.minimum, 0, 1e9)

    def over(self, steps: int) -> Self:
        """This length, unless it has its own."""
        return replace(self, steps=steps) if self.steps is None else self

    def rate(self, step: int, base: float) -> float:
        """Half a wave down."""
        require_reachable(self.name, self.minimum, base)
        return _half_wave(base, self.minimum, min(step / require_length(self.name, self.steps), 1))


@dataclass(frozen=True)
class WarmRestarts(Schedule):
    """SGDR: cosine over `period` steps, again from the base over multiplier · period, and so on.

    Loshchilov and Hutter 2017, §3; PyTorch's CosineAnnealingWarmRestarts (T_0, T_mult, eta_min),
    stepped in whole steps.
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
        """Half a wave down in each period, the minimum itself being left to the step after it."""
        require_reachable(self.name, self.minimum, base)
        period = self.period
        if self.multiplier == 1:
            step %= period
        while step >= period:
            step -= period
            period *= self.multiplier
        return _half_wave(base, self.minimum, step / period)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the base, which is the peak, and far down again; the momentum the other way round.

    Smith 2018, §4.1 and 4.3; Smith and Topin 2017. Half a cosine wave from base / div_factor to the
    base, reached at t = rise · steps − 1, and one from there to base / (div_factor ·
    final_div_factor) at t = steps − 1, where it stays. The momentum goes from high to low to high.

    PyTorch's OneCycleLR (max_lr, total_steps, pct_start; base_momentum and max_momentum for low and
    high) with its defaults, anneal_strategy cos and three_phase off: Smith's own cycle is linear,
    and symmetric before it ends. Without steps, over the whole training.
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
        _require_switch(f"{place}: cycle_momentum", self.cycle_momentum)
        require_number(f"{place}: high_momentum", self.high_momentum, 0, 0.9999)
        require_number(f"{place}: low_momentum", self.low_momentum, 0, self.high_momentum)

    def over(self, steps: int) -> Self:
        """This length, unless it has its own."""
        return replace(self, steps=steps) if self.steps is None else self

    def rate(self, step: int, base: float) -> float:
        """Low, high, lowest."""
        low = base / self.div_factor
        return self._cycle(step, low, base, low / self.final_div_factor)

    def momentum(self, step: int) -> float | None:
        """High, low, high; None where it does not cycle."""
        if not self.cycle_momentum:
            return None
        return self._cycle(step, self.high_momentum, self.low_momentum, self.high_momentum)

    def _cycle(self, step: int, first: float, middle: float, last: float) -> float:
        steps = require_length(self.name, self.steps)
        turn, end = self.rise * steps - 1, steps - 1
        if step <= turn:
            return _half_wave(first, middle, step / turn)
        return _half_wave(middle, last, (min(step, end) - turn) / (end - turn))


def _half_wave(start: float, end: float, share: float) -> float:
    """From start (share 0) to end (share 1), flat at both."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def _require_switch(place: str, value: object) -> None:
    if not isinstance(value, bool):
        raise NetworkError(f"{place} must be true or false, got {value!r:.80}")
