"""What training asks of a learning-rate schedule."""

from typing import Self

from model.errors import NetworkError
from model.network.config import Configurable


class Schedule(Configurable):
    """A rate for each step and, in some, a momentum too."""

    def rate(self, step: int, base: float) -> float:
        """The rate of the update at this step, from 0, where `base` is the recipe's rate.

        Raises NetworkError where base is below the schedule's minimum.
        """
        raise NotImplementedError

    def over(self, steps: int) -> Self:  # noqa: ARG002
        """The same with this length, for a training's whole, where it is not given its own."""
        return self

    def momentum(self, step: int) -> float | None:  # noqa: ARG002
        """The momentum (Adam's β₁) of the update at this step; None leaves it to the optimizer."""
        return None


def require_reachable(name: str, minimum: float, base: float) -> None:
    """Raise NetworkError where a schedule would have to rise to its minimum."""
    if minimum > base:
        rule = f"must be at most the learning rate {base:g}"
        raise NetworkError(f"schedule {name}: minimum {rule}, got {minimum!r}")


def require_length(name: str, steps: int | None) -> int:
    """The steps; raises NetworkError where neither the schedule nor a training has given them."""
    if steps is None:
        raise NetworkError(f"schedule {name} needs its steps, or `over` those of a training")
    return steps
