"""The steps of an ensemble in several processes, each with a group of the members."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from model.arrays import Array
from model.errors import TrainingError
from model.network.network import Network
from model.parallel.child_process import blocked_interrupt, follow_parent
from model.training.batches.rows import EncodedRows
from model.training.batches.stored_rows import StoredRows
from model.training.config import Training
from model.training.fitting.checkpoint import State
from model.training.fitting.member_groups import joined, part_of
from model.training.fitting.member_steps import MemberSteps
from model.training.fitting.steps import Steps


class MemberProcesses(MemberSteps):
    """The steps of an ensemble in several processes.

    The processes ignore Ctrl-C, which the training handles, and end with this process.

    Args:
        network: The network.
        theta: Initial parameters, shape (K, P); not changed.
        rows: The training rows.
        training: The description of the training.
        jobs: Number of processes, from 1 to K.

    Raises:
        NetworkError: If the rows do not fit the network.
        TrainingError: If a process ends unexpectedly; so does every method.
    """

    stride_seconds = 0.2

    def __init__(
        self,
        network: Network,
        theta: Array,
        rows: EncodedRows | StoredRows,
        training: Training,
        jobs: int,
    ) -> None:
        super().__init__(network, theta, len(rows), training, jobs)
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of other threads
        self._pools = [ProcessPoolExecutor(1, context) for _ in self._groups]
        try:
            with blocked_interrupt():  # new processes inherit the block
                self._call_each(
                    _start,
                    [
                        (
                            network,
                            theta[group],
                            rows.for_members(group),
                            part_of(self._training, group),
                            None,
                            group.start,
                        )
                        for group in self._groups
                    ],
                )
        except BaseException:
            self.close()
            raise

    @property
    def rates(self) -> Array:
        return self._rates

    def evaluated_theta(self) -> Array:
        return np.concatenate(self._call("evaluated_theta"))

    def good_theta(self) -> Array:
        return np.concatenate(self._call("good_theta"))

    def close(self) -> None:
        """End the processes, after their current steps."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)

    def _advance(self, steps: int) -> Sequence[int]:
        return self._call("advance", steps)

    def _set_rates(self, rates: Sequence[Sequence[float]]) -> None:
        self._call_each(_invoke, [("set_rates", each) for each in rates])

    def _states(self) -> list[State]:
        return self._call("state")

    def _restore(self, states: Sequence[State]) -> None:
        self._call_each(_invoke, [("restore", each) for each in states])

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
        self._rates = joined([each["rates"] for each in seen])
        norms = [each["squared_norms"] for each in seen]
        self.squared_norms = None if last["squared_norms"] is None else joined(norms)
        return results


# In a process of members

_Seen = dict[str, Any]
_steps: Steps


def _start(*arguments: Any) -> tuple[None, _Seen]:
    """Create the steps of this process, which ends with its parent."""
    global _steps
    follow_parent()
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
