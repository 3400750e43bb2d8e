"""The steps of an ensemble in groups of its members, which other processes make."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from model.arrays import Array
from model.network.network import Network
from model.training.config import Training
from model.training.fitting.checkpoint import State
from model.training.fitting.member_groups import (
    divided_state,
    groups_of,
    joined_states,
    with_fixed_batch,
)

MAX_GROWTH: Final = 4  # of the stride at a time: the first steps are slow


class MemberSteps(ABC):
    """The counterpart of `Steps` whose steps other processes make, each those of some members.

    Members affect each other only through records, which the training makes in its own process.
    Between two records, the groups together make the same steps as `Steps` of all members, bit for
    bit.

    Args:
        network: The network.
        theta: Initial parameters, shape (K, P); not changed.
        rows: Number of training rows.
        training: The description of the training.
        groups: Number of groups, from 1 to K.

    Attributes:
        stride_seconds: Time of the steps that `advance` should make at once: progress, Ctrl-C and
            checkpoints wait for it.
        size: Rows of a step.
        count: Steps of an epoch.
        stride: Steps that `advance` should make at once; they take about `stride_seconds`.
        epoch: Complete epochs so far.
        batch: Steps so far in this epoch.
        number: Steps so far.
        squared_norms: Squared norm of the last gradient of each member, shape (K,); None before the
            first step.
    """

    stride_seconds: ClassVar[float]

    size: int
    count: int
    epoch: int
    batch: int
    number: int
    squared_norms: Array | None

    def __init__(
        self, network: Network, theta: Array, rows: int, training: Training, groups: int
    ) -> None:
        self._training = with_fixed_batch(network, theta, training, rows)
        self._groups = groups_of(len(theta), groups)
        self.stride = 1

    def advance(self, steps: int) -> int:
        """Make some steps.

        Args:
            steps: Number of steps, within the current epoch or across several.

        Returns:
            The number of steps made by all members: fewer if a gradient is no longer finite.
        """
        start = time.monotonic()
        made = min(self._advance(steps))
        fitting = int(steps * self.stride_seconds / max(time.monotonic() - start, 1e-9))
        self.stride = max(1, min(fitting, MAX_GROWTH * self.stride))
        return made

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the learning rate, or one for each member, until a schedule changes it."""
        self._set_rates([rates[group] if len(rates) > 1 else rates for group in self._groups])

    def state(self) -> State:
        """Return the state that `Steps` of all members would have."""
        return joined_states(self._states())

    def restore(self, state: State) -> None:
        """Restore a state of these steps.

        Args:
            state: The state; it may contain more.
        """
        self._restore(divided_state(state, self._groups))

    @property
    @abstractmethod
    def rates(self) -> Array:
        """The learning rate, shape () or (K, 1)."""

    @abstractmethod
    def evaluated_theta(self) -> Array:
        """Return the weights that records evaluate: the moving average if there is one."""

    @abstractmethod
    def good_theta(self) -> Array:
        """Return weights of a recent step with a finite loss."""

    @abstractmethod
    def close(self) -> None:
        """Release the processes."""

    @abstractmethod
    def _advance(self, steps: int) -> Sequence[int]:
        """Make steps of all groups; return the number that each has made."""

    @abstractmethod
    def _set_rates(self, rates: Sequence[Sequence[float]]) -> None:
        """Set the learning rates of each group."""

    @abstractmethod
    def _states(self) -> list[State]:
        """Return the state of each group."""

    @abstractmethod
    def _restore(self, states: Sequence[State]) -> None:
        """Restore the state of each group, which may contain more."""
