"""The schedule that asks for the losses, not for the step: less rate when they stop falling."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from model.errors import NetworkError
from model.network.config import Configurable
from model.network.validation import require_number
from model.training.schedules.schedule import require_reachable


class Plateau(NamedTuple):
    """All that `ReduceOnPlateau` remembers: four plain numbers, so a checkpoint is tuple(state).

    best: the lowest value that counted as better, None before the first. bad: values in a row that
    did not. resting: values of the cooldown still to come. reductions: how often the rate fell.
    """

    best: float | None = None
    bad: int = 0
    resting: int = 0
    reductions: int = 0


@dataclass(frozen=True)
class ReduceOnPlateau(Configurable):
    """max(base · factorᵏ, minimum); k grows when over `patience` values in a row aren't better.

    A value is better below best · (1 − threshold). After a reduction `cooldown` values cannot be
    bad. PyTorch's ReduceLROnPlateau (min_lr) with mode min, threshold_mode rel and eps, a smallest
    change, 0; so for values that are not negative: of a score that should rise, give 1 − score.
    NaN is never better. Keras differs: an absolute threshold (min_delta), and it reduces at the
    `patience`-th bad value, where this and PyTorch bear that many and reduce at the next.

    Nothing changes in place: `observe` makes the next state of the last. After a whole history the
    rate is rate(functools.reduce(schedule.observe, values, Plateau()), base).
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

    def observe(self, state: Plateau, value: float) -> Plateau:
        """The state after one more monitored value."""
        best, bad, resting, reductions = state
        limit = math.inf if best is None else best * (1 - self.threshold)
        if value < limit:
            best, bad = float(value), 0
        else:
            bad += 1
        if resting > 0:
            resting, bad = resting - 1, 0
        if bad > self.patience:
            return Plateau(best, 0, self.cooldown, reductions + 1)
        return Plateau(best, bad, resting, reductions)

    def rate(self, state: Plateau, base: float) -> float:
        """The rate until the next value. Raises NetworkError where base is below minimum."""
        require_reachable(self.name, self.minimum, base)
        return max(base * self.factor**state.reductions, self.minimum)
