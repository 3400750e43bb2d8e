"""The steps of an ensemble as tasks on a cluster's workers, each for a group of the members.

A task begins with the state of its group and returns the state after some steps, so the cluster can
run it again when a worker is lost. The steps are those of `Steps` of all members, bit for bit, if
the processors of all machines are of the same kind.
"""

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
from model.training.fitting.member_groups import joined, part_of
from model.training.fitting.member_steps import MemberSteps
from model.training.fitting.steps import Steps

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


class MemberTasks(MemberSteps):
    """The steps of an ensemble on a cluster's workers.

    Args:
        network: The network.
        theta: Initial parameters, shape (K, P); not changed.
        rows: The training rows, which are sent to each worker once.
        training: The description of the training.
        pool: The workers.

    Raises:
        NetworkError: If the rows do not fit the network.
        MalignancyError: If the cluster is lost; so does every method that makes steps.
        TrainingError: If the rows are in a file, which the workers cannot read.
    """

    stride_seconds = 1.0

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
        super().__init__(network, theta, len(rows), training, min(pool.size, len(theta)))
        self._pool, self._dtype, self._averages = pool, theta.dtype, training.average is not None
        self._kept: list[State | None] = [None] * len(self._groups)
        self._shared = pool.share(
            _Ensemble(uuid.uuid4().hex, network, theta, rows, self._training, self._groups)
        )
        self._advance(0)

    @property
    def rates(self) -> Array:
        return joined([each.arrays[RATE] for each in self._states()])

    def evaluated_theta(self) -> Array:
        return self._array("average" if self._averages else "theta")

    def good_theta(self) -> Array:
        return self._array("good")

    def close(self) -> None:
        """Release nothing: the caller of the training closes the pool."""

    def _array(self, name: str) -> Array:
        return np.concatenate([each.arrays[name] for each in self._states()])

    def _advance(self, steps: int) -> Sequence[int]:
        items = [(number, state, steps) for number, state in enumerate(self._kept)]
        made = []
        for number, advanced in self._pool.run(_advance, items, self._shared):
            self._kept[number] = advanced.state
            self.size, self.count = advanced.size, advanced.count
            made.append(advanced.made)
        self._update()
        return made

    def _set_rates(self, rates: Sequence[Sequence[float]]) -> None:
        for number, (of_group, state) in enumerate(zip(rates, self._states(), strict=True)):
            rate = state.arrays[RATE].copy()  # arrays from a worker may be read-only
            if rate.ndim:
                rate[:, 0] = of_group
            else:
                rate.fill(of_group[0])
            self._kept[number] = State({**state.arrays, RATE: rate}, state.plain)

    def _states(self) -> list[State]:
        return [each for each in self._kept if each is not None]

    def _restore(self, states: Sequence[State]) -> None:
        keys = self._states()[0].arrays.keys()
        self._kept[:] = [
            State({key: each.arrays[key] for key in keys}, each.plain) for each in states
        ]
        self._update()

    def _update(self) -> None:
        """Take the position from the group that is behind the others, if there is one."""
        states = self._states()
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
