"""The engine on Dask: a cluster that exists, or worker processes of this machine."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import dask
import distributed

from model.errors import MalignancyError
from service.scoring.engines.engine import (
    CONNECT_SECONDS,
    LOST_SECONDS,
    TRIES,
    lost_worker,
)

POLL_SECONDS: Final = 2  # between two checks that there are workers

_T = TypeVar("_T")
_R = TypeVar("_R")


class DaskEngine:
    """Runs items as Dask tasks, one for each thread of the workers at a time.

    More would wait on the workers, and Dask counts the end of a worker against each task that is
    assigned to it. The scheduler runs the items of lost workers again. A cluster that exists does
    so as often as its setting `distributed.scheduler.allowed-failures` says.

    Args:
        workers: Number of worker processes of this machine, with one thread each; unused with a
            cluster.
        cluster: Address of a scheduler, such as tcp://HOST:8786 or tls://HOST:8786; None to start
            a scheduler and workers here.

    Raises:
        MalignancyError: The scheduler cannot be reached, or has no workers.
    """

    def __init__(self, workers: int, cluster: str | None = None) -> None:
        self._name = cluster or "the Dask cluster of this machine"
        self._stack = ExitStack()
        for name in ("distributed", "distributed.client"):  # lost connections, reported as errors
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = self._connect(workers, cluster)
        except (OSError, ValueError, TimeoutError) as error:
            self._stack.close()
            raise MalignancyError(f"{self._name}: no workers can be reached: {error}") from None
        except BaseException:
            self._stack.close()
            raise

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
        waiting = iter(range(len(items)))
        running: dict[Any, int] = {}  # by future
        results: list[tuple[int, _R]] = []
        try:
            while True:
                threads = sum(self._client.nthreads().values())
                free = max(threads, 1) - len(running)
                for _, index in zip(range(free), waiting, strict=False):
                    running[self._client.submit(function, items[index], pure=False)] = index
                yield from results
                if not running:
                    return
                results = []
                for future in self._wait(list(running)):
                    index = running.pop(future)
                    results.append((index, _result(future, items[index])))
        except (CancelledError, OSError) as error:
            if self._client.status == "running" and isinstance(error, OSError):
                raise  # an error of the function
            raise MalignancyError(f"{self._name}: the scheduler is lost") from None
        finally:
            if running and self._client.status == "running":
                self._client.cancel(list(running), force=True)

    def _connect(self, workers: int, address: str | None) -> Any:
        if address is None:
            limits = {"distributed.scheduler.allowed-failures": TRIES - 1}
            with dask.config.set(limits):
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",  # a free port
                    silence_logs=logging.CRITICAL,  # of workers that are killed
                )
            address = self._stack.enter_context(cluster).scheduler_address
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
        self._stack.enter_context(client)
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        return client

    def _wait(self, futures: list[Any]) -> set[Any]:
        """Return the futures that are done, as soon as there are some."""
        lost_at: float | None = None
        while True:
            try:
                done: set[Any] = distributed.wait(
                    futures, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED"
                ).done
            except TimeoutError:
                if self._client.nthreads():
                    lost_at = None
                    continue
                lost_at = lost_at or monotonic()
                if monotonic() - lost_at > LOST_SECONDS:
                    raise MalignancyError(
                        f"{self._name}: there have been no workers for {LOST_SECONDS} s"
                    ) from None
            else:
                return done


def _result(future: Any, item: object) -> Any:
    try:
        return future.result()
    except distributed.scheduler.KilledWorker as error:
        raise lost_worker(item, error.allowed_failures + 1) from None
