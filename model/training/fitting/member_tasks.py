"""The steps of an ensemble as tasks on a cluster's workers, each for a group of the members.

A task begins with the state of its group and returns the state after some steps, so the cluster can
run it again when a worker is lost. Members affect each other only through records, which the
training makes in its own process. The steps are those of `Steps` of all members, bit for bit, if
the processors of all machines are of the same kind.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.network import Network
from model.parallel.pool import Pool
from model.training.batches.rows import EncodedRows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting.checkpoint import State
from model.training.fitting.member_groups import (
    divided_state,
    groups_of,
    joined,
    joined_states,
    part_of,
    with_fixed_batch,
)
from model.training.fitting.steps import Steps

STRIDE_SECONDS = 1.0  # of a task at most: progress, Ctrl-C and checkpoints wait for it
MAX_GROWTH = 4  # of the stride at a time: the first steps are slow
RATE = "optimizer.rate"  # the learning rate in a state


@dataclass(frozen=True, eq=False)
class _Ensemble:
    """What the tasks of a training share.

    Attributes:
        identity: Name of this training among those that use the same workers.
        network: The network.
        theta: Initial parameters, shape (K, P).
        rows: The training rows.
        training: The description of the training.
        groups: The members of each group.
    """

    identity: str
    network: Network
    theta: Array
    rows: EncodedRows
    training: Training
    groups: Sequence[slice]

    def steps(self, number: int) -> Steps:
        """Return the steps of a group."""
        group = self.groups[number]
        return Steps(
            self.network,
            self.theta[group],
            self.rows.for_members(group),
            part_of(self.training, group),
            None,
            group.start,
        )


@dataclass(frozen=True, eq=False)
class _Advanced:
    """The result of a task.

    Attributes:
        made: Number of steps made.
        size: Rows of a step.
        count: Steps of an epoch.
        state: The state after the steps.
    """

    made: int
    size: int
    count: int
    state: State


class MemberTasks:
    """The steps of an ensemble on a cluster's workers; the counterpart of `Steps`.

    Args:
        network: The network.
        theta: Initial parameters, shape (K, P); not changed.
        rows: The training rows, which are sent to each worker once.
        training: The description of the training.
        pool: The workers.

    Attributes:
        size: Rows of a step.
        count: Steps of an epoch.
        stride: Steps that `advance` should make at once; they take about 1 s.
        epoch: Complete epochs so far.
        batch: Steps so far in this epoch.
        number: Steps so far.
        squared_norms: Squared norm of the last gradient of each member, shape (K,); None before the
            first step.

    Raises:
        NetworkError: If the rows do not fit the network.
        MalignancyError: If the cluster is lost; so does every method that makes steps.
        TrainingError: If the rows are in a file, which the workers cannot read.
    """

    size: int
    count: int
    epoch: int
    batch: int
    number: int
    squared_norms: Array | None

    def __init__(
        self,
        network: Network,
        theta: Array,
        rows: EncodedRows | StoredRows,
        training: Training,
        pool: Pool,
    ) -> None:
        if isinstance(rows, StoredRows):
            raise TrainingError(
                "--cluster: the table is larger than memory, and its rows are in a file of this "
                "machine: train it with --jobs"
            )
        training = with_fixed_batch(network, theta, training, len(rows))
        self._groups = groups_of(len(theta), min(pool.size, len(theta)))
        self._pool, self._dtype, self._averages = pool, theta.dtype, training.average is not None
        self._states: list[State | None] = [None] * len(self._groups)
        self._shared = pool.share(
            _Ensemble(uuid.uuid4().hex, network, theta, rows, training, self._groups)
        )
        self.stride = 1
        self._run(0)

    @property
    def rates(self) -> Array:
        """The learning rate, shape () or (K, 1)."""
        return joined([each.arrays[RATE] for each in self._known()])

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the learning rate, or one for each member, until a schedule changes it."""
        for number, (group, state) in enumerate(zip(self._groups, self._known(), strict=True)):
            rate = state.arrays[RATE].copy()  # arrays from a worker may be read-only
            if rate.ndim:
                rate[:, 0] = rates[group] if len(rates) > 1 else rates
            else:
                rate.fill(rates[0])
            self._states[number] = State({**state.arrays, RATE: rate}, state.plain)

    def advance(self, steps: int) -> int:
        """Make some steps.

        Args:
            steps: Number of steps, within the current epoch or across several.

        Returns:
            The number of steps made by all members: fewer if a gradient is no longer finite.
        """
        start = time.monotonic()
        made = self._run(steps)
        fitting = int(steps * STRIDE_SECONDS / max(time.monotonic() - start, 1e-9))
        self.stride = max(1, min(fitting, MAX_GROWTH * self.stride))
        return made

    def evaluated_theta(self) -> Array:
        """Return the weights that records evaluate: the moving average if there is one."""
        return self._array("average" if self._averages else "theta")

    def good_theta(self) -> Array:
        """Return weights of a recent step with a finite loss."""
        return self._array("good")

    def state(self) -> State:
        """Return the state that `Steps` of all members would have."""
        return joined_states(self._known())

    def restore(self, state: State) -> None:
        """Restore a state of these steps.

        Args:
            state: The state; it may contain more.
        """
        keys = self._known()[0].arrays.keys()
        own = State({key: state.arrays[key] for key in keys}, state.plain)
        self._states[:] = divided_state(own, self._groups)
        self._update()

    def close(self) -> None:
        """Release nothing: the caller of the training closes the pool."""

    def _array(self, name: str) -> Array:
        return np.concatenate([each.arrays[name] for each in self._known()])

    def _known(self) -> list[State]:
        return [each for each in self._states if each is not None]

    def _run(self, steps: int) -> int:
        """Make steps of all groups; return the number that all have made."""
        items = [(number, state, steps) for number, state in enumerate(self._states)]
        made = steps
        for number, advanced in self._pool.run(_advance, items, self._shared):
            self._states[number] = advanced.state
            self.size, self.count = advanced.size, advanced.count
            made = min(made, advanced.made)
        self._update()
        return made

    def _update(self) -> None:
        """Take the position from the group that is behind the others, if there is one."""
        states = self._known()
        last = min(states, key=lambda each: each.plain["place"][1])
        self.epoch, self.number, self.batch = last.plain["place"]
        norms: list[Any] = [each.plain["squared_norms"] for each in states]
        self.squared_norms = None
        if last.plain["squared_norms"] is not None:
            self.squared_norms = np.concatenate([np.array(each, self._dtype) for each in norms])


# On a worker

_compiled: dict[tuple[str, int], Steps] = {}  # by training and group


def _advance(ensemble: _Ensemble, item: tuple[int, State | None, int]) -> _Advanced:
    """Make steps of a group, from a state or from the start."""
    number, state, wanted = item
    key = ensemble.identity, number
    with np.errstate(all="ignore"):  # a gradient that is not finite is reported
        steps = _compiled.pop(key, None) or ensemble.steps(number)  # popped: threads do not share
        if state is not None:
            steps.restore(state)
        made = steps.advance(wanted)
    found = steps.state()
    copied = State({name: array.copy() for name, array in found.arrays.items()}, found.plain)
    for other in [other for other in _compiled if other[0] != ensemble.identity]:
        _compiled.pop(other, None)
    _compiled[key] = steps
    return _Advanced(made, steps.size, steps.count, copied)
