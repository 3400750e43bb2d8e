"""The engine on this machine: worker processes, or this process."""

import multiprocessing
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Final, Self, TypeVar

from model.parallel.child_process import blocked_interrupt, follow_parent
from service.scoring.engines.engine import TRIES, lost_worker

END_SECONDS: Final = 5  # a worker that does not end within this time is killed

_T = TypeVar("_T")
_R = TypeVar("_R")


class LocalEngine:
    """Runs items in worker processes of this machine, or in this process with one worker.

    Each worker is a pool of one process, which has one item at a time: if the process ends, it is
    known which item it ran, and the other workers go on. Workers ignore Ctrl-C, which this process
    handles, and end with this process. They use as many BLAS threads as the environment says.

    Args:
        workers: Number of workers.
    """

    def __init__(self, workers: int) -> None:
        self._count = workers
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[tuple[int, _R]]:
        if self._count == 1:
            for index, item in enumerate(items):
                yield index, function(item)
            return
        missing = min(self._count, len(items)) - len(self._workers)
        with blocked_interrupt():  # new processes inherit the block
            self._workers += [_Worker() for _ in range(missing)]
        try:
            yield from self._run(function, items)
        except BaseException:
            self._end()
            raise

    def _run(self, function: Callable[[_T], _R], items: Sequence[_T]) -> Iterator[tuple[int, _R]]:
        waiting, tries = deque(range(len(items))), Counter[int]()
        idle, running = deque(self._workers), dict[Future[_R], tuple[int, _Worker]]()
        results: list[tuple[int, _R]] = []
        while True:
            while waiting and idle:
                worker, index = idle.popleft(), waiting.popleft()
                running[worker.submit(function, items[index])] = index, worker
                tries[index] += 1
            yield from results
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            results = []
            for future in done:
                index, worker = running.pop(future)
                idle.append(worker)
                try:
                    results.append((index, future.result()))
                except (BrokenProcessPool, SystemExit):  # killed, or SIGTERM
                    if tries[index] == TRIES:
                        raise lost_worker(items[index]) from None
                    waiting.appendleft(index)

    def _end(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        self._workers.clear()


class _Worker:
    """A worker process, which is replaced when it has ended."""

    def __init__(self) -> None:
        self._start()

    def submit(self, function: Callable[[_T], _R], item: _T) -> "Future[_R]":
        try:
            future = self._pool.submit(function, item)
        except BrokenProcessPool:  # the process has ended
            self._pool.shutdown()
            with blocked_interrupt():
                self._start()
            future = self._pool.submit(function, item)
        self._is_done = future.done
        return future

    def terminate(self) -> None:
        """End the process; interrupt its item, see `_prepare`. An idle process ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if not self._is_done():
            self._process.terminate()

    def join(self) -> None:
        """Wait until the process has ended; kill it if that takes too long."""
        self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        before = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")  # a fork would copy locks of other threads
        self._pool = ProcessPoolExecutor(1, context, _prepare)
        self._is_done = self._pool.submit(os.getpid).done  # starts the process
        (self._process,) = set(multiprocessing.active_children()) - before


# In a worker process


def _prepare() -> None:
    """Leave Ctrl-C to the parent; interrupt an item on SIGTERM; end with the parent."""
    follow_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.unraisablehook = _end_where_ignored


def _end_where_ignored(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the process if SIGTERM arrives in a finalizer, where Python ignores `sys.exit`."""
    if isinstance(unraisable.exc_value, SystemExit):
        os._exit(1)
    sys.__unraisablehook__(unraisable)
