"""The steps of an ensemble in several processes, each with a group of the members.

Members affect each other only through records, which the training makes in its own process. Between
two records, the processes together make the same steps as `Steps` of all members, bit for bit.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.network import Network
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

STRIDE_SECONDS = 0.2  # between two answers of the processes: progress, Ctrl-C and checkpoints wait
MAX_GROWTH = 4  # of the stride at a time: the first steps are slow


class MemberProcesses:
    """The steps of an ensemble in several processes; the counterpart of `Steps`.

    The processes ignore Ctrl-C, which the training handles, and end with this process.

    Args:
        network: The network.
        theta: Initial parameters, shape (K, P); not changed.
        rows: The training rows.
        training: The description of the training.
        jobs: Number of processes, from 1 to K.

    Attributes:
        size: Rows of a step.
        count: Steps of an epoch.
        stride: Steps that `advance` should make at once; they take about 0.2 s.
        epoch: Complete epochs so far.
        batch: Steps so far in this epoch.
        number: Steps so far.
        squared_norms: Squared norm of the last gradient of each member, shape (K,); None before the
            first step.
        rates: The learning rate, shape () or (K, 1).

    Raises:
        NetworkError: If the rows do not fit the network.
        TrainingError: If a process ends unexpectedly; so does every method.
    """

    size: int
    count: int
    epoch: int
    batch: int
    number: int
    squared_norms: Array | None
    rates: Array

    def __init__(
        self,
        network: Network,
        theta: Array,
        rows: EncodedRows | StoredRows,
        training: Training,
        jobs: int,
    ) -> None:
        training = with_fixed_batch(network, theta, training, len(rows))
        self._groups = groups_of(len(theta), jobs)
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of other threads
        self._pools = [ProcessPoolExecutor(1, context) for _ in self._groups]
        self.stride = 1
        try:
            with _blocked_interrupt():  # new processes inherit the block
                self._call_each(
                    _start,
                    [
                        (
                            network,
                            theta[group],
                            rows.for_members(group),
                            part_of(training, group),
                            None,
                            group.start,
                        )
                        for group in self._groups
                    ],
                )
        except BaseException:
            self.close()
            raise

    def set_rates(self, rates: Sequence[float]) -> None:
        """Set the learning rate, or one for each member, until a schedule changes it."""
        self._call_each(
            _invoke,
            [("set_rates", rates[group] if len(rates) > 1 else rates) for group in self._groups],
        )

    def advance(self, steps: int) -> int:
        """Make some steps.

        Args:
            steps: Number of steps, within the current epoch or across several.

        Returns:
            The number of steps made by all members: fewer if a gradient is no longer finite.
        """
        start = time.monotonic()
        made: int = min(self._call("advance", steps))
        fitting = int(steps * STRIDE_SECONDS / max(time.monotonic() - start, 1e-9))
        self.stride = max(1, min(fitting, MAX_GROWTH * self.stride))
        return made

    def evaluated_theta(self) -> Array:
        """Return the weights that records evaluate: the moving average if there is one."""
        return np.concatenate(self._call("evaluated_theta"))

    def good_theta(self) -> Array:
        """Return weights of a recent step with a finite loss."""
        return np.concatenate(self._call("good_theta"))

    def state(self) -> State:
        """Return the state that `Steps` of all members would have."""
        return joined_states(self._call("state"))

    def restore(self, state: State) -> None:
        """Restore a state of these steps.

        Args:
            state: The state; it may contain more.
        """
        parts = divided_state(state, self._groups)
        self._call_each(_invoke, [("restore", part) for part in parts])

    def close(self) -> None:
        """End the processes, after their current steps."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def _call(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of `Steps` in each process, and return the results."""
        return self._call_each(_invoke, [(method, *arguments)] * len(self._pools))

    def _call_each(
        self, function: Callable[..., tuple[Any, "_Seen"]], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """Call a function with its own arguments in each process, and update the attributes."""
        futures = [
            pool.submit(function, *each) for pool, each in zip(self._pools, arguments, strict=True)
        ]
        results, seen = [], []
        for future, group in zip(futures, self._groups, strict=True):
            try:
                result, attributes = future.result()
            except BrokenProcessPool:
                raise TrainingError(
                    f"the process of the members {group.start} to {group.stop - 1} ended "
                    "unexpectedly: it may have needed more memory than there is"
                ) from None
            results.append(result)
            seen.append(attributes)
        # Members whose gradient is no longer finite are behind the others.
        last = min(seen, key=lambda each: each["number"])
        for name in ("size", "count", "epoch", "batch", "number"):
            setattr(self, name, last[name])
        self.rates = joined([each["rates"] for each in seen])
        norms = [each["squared_norms"] for each in seen]
        self.squared_norms = None if last["squared_norms"] is None else joined(norms)
        return results


@contextmanager
def _blocked_interrupt() -> Iterator[None]:
    """Defer Ctrl-C to the end of the context, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In a process of members

_Seen = dict[str, Any]
_steps: Steps


def _start(*arguments: Any) -> tuple[None, _Seen]:
    """Create the steps of this process, which ends with its parent."""
    global _steps
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    with np.errstate(all="ignore"):
        _steps = Steps(*arguments)
    return None, _seen()


def _invoke(method: str, *arguments: Any) -> tuple[Any, _Seen]:
    with np.errstate(all="ignore"):  # a gradient that is not finite is reported
        result = getattr(_steps, method)(*arguments)
    return result, _seen()


def _seen() -> _Seen:
    names = ("size", "count", "epoch", "batch", "number", "squared_norms", "rates")
    return {name: getattr(_steps, name) for name in names}


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
