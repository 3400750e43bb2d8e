"""What training asks of a learning-rate schedule."""

from model.errors import NetworkError
from model.network.description import Described


class Schedule(Described):
    """A rate for each step and, in some, a momentum too."""

    def rate(self, step: int, base: float) -> float:
        """The rate of the update at this step, from 0, where `base` is the recipe's rate.

        Raises NetworkError where base is below the schedule's minimum.
        """
        raise NotImplementedError

    def momentum(self, step: int) -> float | None:  # noqa: ARG002
        """The momentum (Adam's β₁) of the update at this step; None leaves it to the optimizer."""
        return None


def require_reachable(name: str, minimum: float, base: float) -> None:
    """Raise NetworkError where a schedule would have to rise to its minimum."""
    if minimum > base:
        rule = f"must be at most the learning rate {base:g}"
        raise NetworkError(f"schedule {name}: minimum {rule}, got {minimum!r}")
