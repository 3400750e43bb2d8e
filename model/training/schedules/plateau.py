"""ReduceOnPlateau: lower the learning rate when the monitored loss stops falling."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from model.errors import NetworkError
from model.network.config import Configurable
from model.network.validation import require_number
from model.training.schedules.schedule import require_reachable


class PlateauState(NamedTuple):
    """The state of `ReduceOnPlateau`: four plain numbers, saved in a checkpoint as tuple(state).

    Attributes:
        best: The lowest value that counted as better; None before the first value.
        bad: Consecutive values that were not better.
        cooldown: Values of the cooldown still to come.
        reductions: How often the rate has been reduced.
    """

    best: float | None = None
    bad: int = 0
    cooldown: int = 0
    reductions: int = 0


@dataclass(frozen=True)
class ReduceOnPlateau(Configurable):
    """Multiply the rate by `factor` after more than `patience` consecutive values without progress.

    rate = max(base · factorᵏ, minimum), where k counts the reductions. A value is better if it is
    below best · (1 − threshold); NaN never is. During the `cooldown` values after a reduction, no
    value counts as bad.

    PyTorch's ReduceLROnPlateau (min_lr) with mode "min", threshold_mode "rel" and eps 0. The
    monitored values must not be negative: for a score that should rise, pass 1 − score. Keras
    differs: its threshold is absolute (min_delta), and it reduces at the `patience`-th bad value,
    where this schedule and PyTorch tolerate that many and reduce at the next.

    Nothing changes in place: `observe` returns a new state. The rate after a whole history is
    rate(functools.reduce(schedule.observe, values, PlateauState()), base).

    Args:
        factor: Factor of each reduction, from 1e-9 to 0.999.
        patience: Bad values tolerated in a row, at least 0.
        threshold: Relative improvement that counts as better, from 0 to 1.
        cooldown: Values after a reduction that do not count as bad, at least 0.
        minimum: Lowest learning rate, from 0 to 1e9 and at most the base.
    """

    name = "reduce_on_plateau"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0

    def __post_init__(self) -> None:
        place = f"schedule {self.name}"
        require_number(f"{place}: factor", self.factor, 1e-9, 0.999)
        for key in ("patience", "cooldown"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
                raise NetworkError(f"{place}: {key} must be 0 or a positive integer, got {value!r}")
        require_number(f"{place}: threshold", self.threshold, 0, 1)
        require_number(f"{place}: minimum", self.minimum, 0, 1e9)

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        """Return the state after one more monitored value.

        Args:
            state: The state before the value.
            value: The monitored value, at least 0.
        """
        best, bad, cooldown, reductions = state
        limit = math.inf if best is None else best * (1 - self.threshold)
        if value < limit:
            best, bad = float(value), 0
        else:
            bad += 1
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0
        if bad > self.patience:
            return PlateauState(best, 0, self.cooldown, reductions + 1)
        return PlateauState(best, bad, cooldown, reductions)

    def rate(self, state: PlateauState, base: float) -> float:
        """Return the learning rate until the next value.

        Args:
            state: The state after the last value.
            base: The training's learning rate.

        Raises:
            NetworkError: If `base` is below the minimum.
        """
        require_reachable(self.name, self.minimum, base)
        return max(base * self.factor**state.reductions, self.minimum)
