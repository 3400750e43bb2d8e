"""The interface of a learning-rate schedule: a pure function of the step."""

from abc import abstractmethod
from typing import Self

from model.errors import NetworkError
from model.network.config import Configurable


class Schedule(Configurable):
    """A learning rate for each step and, for some schedules, a momentum."""

    @abstractmethod
    def rate(self, step: int, base: float) -> float:
        """Return the learning rate of a step's update.

        Args:
            step: The step, counted from 0.
            base: The training's learning rate.

        Raises:
            NetworkError: If `base` is below the schedule's minimum, or the schedule needs a length
                and has none.
        """

    def with_length(self, steps: int) -> Self:  # noqa: ARG002
        """Return this schedule with a length in steps, unless its length is fixed or given."""
        return self

    def momentum(self, step: int) -> float | None:  # noqa: ARG002
        """Return the momentum (Adam's β₁) of a step's update, or None to leave it unchanged."""
        return None


def require_reachable(name: str, minimum: float, base: float) -> None:
    """Check that a schedule does not have to rise to its minimum.

    Args:
        name: The schedule's name, for the error text.
        minimum: The schedule's lowest learning rate.
        base: The training's learning rate.

    Raises:
        NetworkError: If `minimum` is above `base`.
    """
    if minimum > base:
        rule = f"must be at most the learning rate {base:g}"
        raise NetworkError(f"schedule {name}: minimum {rule}, got {minimum!r}")


def require_length(name: str, steps: int | None) -> int:
    """Return a schedule's length in steps.

    Args:
        name: The schedule's name, for the error text.
        steps: The length, or None.

    Raises:
        NetworkError: If the length is None: neither the recipe nor a training has set it.
    """
    if steps is None:
        raise NetworkError(f"schedule {name} needs its steps: set steps, or call with_length")
    return steps
