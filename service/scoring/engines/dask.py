"""The engine on Dask: a cluster that exists, or worker processes of this machine."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Final, Self, TypeVar

import dask
import distributed

from model.parallel.dask_pool import DaskPool, LostTask
from service.scoring.engines.engine import TRIES, lost_worker

# Dask counts the end of a worker against each task that is assigned to it, so none waits there.
AHEAD: Final = 1

_T = TypeVar("_T")
_R = TypeVar("_R")


class DaskEngine:
    """Runs items as Dask tasks, one for each thread of the workers at a time.

    The scheduler runs the items of lost workers again. A cluster that exists does so as often as
    its setting `distributed.scheduler.allowed-failures` says.

    Args:
        workers: Number of worker processes of this machine, with one thread each; unused with a
            cluster.
        cluster: Address of a scheduler, such as tcp://HOST:8786 or tls://HOST:8786; None to start
            a scheduler and workers here.

    Raises:
        MalignancyError: The scheduler cannot be reached, or has no workers.
    """

    def __init__(self, workers: int, cluster: str | None = None) -> None:
        with ExitStack() as stack:
            address = cluster or _start(stack, workers)
            self._pool = stack.enter_context(closing(DaskPool(address)))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[tuple[int, _R]]:
        try:
            yield from self._pool.run(_call, items, self._pool.share(function), ahead=AHEAD)
        except LostTask as error:
            raise lost_worker(items[error.number], error.workers) from None


def _start(stack: ExitStack, workers: int) -> str:
    """Start a scheduler and workers, which end with the stack; return the scheduler's address."""
    settings = {
        "distributed.scheduler.allowed-failures": TRIES - 1,
        # By default, a worker that is away 15 s after it was lost is given up, though it was
        # restarted and only lost again.
        "distributed.deploy.lost-worker-timeout": "1 day",
        # By default, a worker returns freed memory to the system at once, which then provides new
        # pages for each layer of the network: that takes half of the CPU time of a row again.
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
        "distributed.worker.profile.enabled": False,  # takes 5 to 10 % of the CPU time
    }
    stack.enter_context(dask.config.set(settings))
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",  # a free port
        silence_logs=logging.CRITICAL,  # of workers that are killed
    )
    return str(stack.enter_context(cluster).scheduler_address)


def _call(function: Callable[[_T], _R], item: _T) -> _R:
    return function(item)
